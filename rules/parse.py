"""Document -> RuleSet, or every Problem at once. Never raises anything but InvalidRuleSet, whatever the data.

An included document is read whole on its own: its faults are one fault of the `include` that names it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

from rules.errors import InvalidRuleSet, Problem
from rules.language import LANGUAGE_VERSION, Exemption, Obligation, Posture, Rule, RuleSet
from rules.parse_regions import Groups, read_groups
from rules.parse_rules import POSTURES, read_exemption, read_rule
from rules.reading import Item, Members, counted, near, root

INCLUDE_DEPTH_LIMIT = 32
"""How deep documents may include one another."""

_KEYS = ("language", "ruleset", "title", "default", "if_unknown", "include", "groups", "rules", "exemptions")
_REQUIRED = ("language", "ruleset", "default", "if_unknown")
_RULESET_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"([^@]+)(?:@([^@]+))?")
_REVISION_DIGITS = 12


def parse_ruleset(document: object, library: Mapping[str, object]) -> RuleSet:
    """Read a document; `library` holds every document that it or what it includes may include, by id.

    Raises:
        InvalidRuleSet: with every fault of the document.
    """
    parsed = _Reader(library).read(document, ())
    if parsed.problems:
        raise InvalidRuleSet(parsed.problems)
    rules = chain(*(part.qualified_rules() for part in parsed.included), parsed.rules)
    exemptions = chain(*(part.qualified_exemptions() for part in parsed.included), parsed.exemptions)
    return RuleSet(
        id=parsed.id,
        revision=parsed.revision,
        default="deny" if parsed.default == "deny" else "allow",
        rules=tuple(rules),
        exemptions=tuple(exemptions),
        title=parsed.title,
        includes=tuple(f"{part.id}@{part.revision}" for part in parsed.included),
    )


def revision_of(document: object, library: Mapping[str, object]) -> str:
    """Twelve digits that change whenever the document, or one that it includes, changes; also of a faulty document."""
    return _Reader(library).read(document, ()).revision


@dataclass(frozen=True, slots=True)
class _Parsed:
    """One document as it was read, its rules under their own names."""

    id: str = ""
    revision: str = ""
    title: str = ""
    default: str = ""
    rules: tuple[Rule, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    included: "tuple[_Parsed, ...]" = ()
    """In order, the included before the including, each once."""
    problems: tuple[Problem, ...] = ()

    def qualified_rules(self) -> Iterator[Rule]:
        """The rules as a document that includes this one names them."""
        return (
            replace(
                rule,
                id=f"{self.id}/{rule.id}",
                obligations=tuple(self._qualified(obligation, rule) for obligation in rule.obligations),
            )
            for rule in self.rules
        )

    def _qualified(self, obligation: Obligation, rule: Rule) -> Obligation:
        """An obligation that its author did not name is named after its rule."""
        is_after_rule = obligation.id.startswith(f"{rule.id}#")
        return replace(obligation, id=f"{self.id}/{obligation.id}") if is_after_rule else obligation

    def qualified_exemptions(self) -> Iterator[Exemption]:
        """The exemptions as a document that includes this one names them, and what they lift."""
        for exemption in self.exemptions:
            lifts = frozenset(rule if "/" in rule else f"{self.id}/{rule}" for rule in exemption.lifts)
            yield replace(exemption, id=f"{self.id}/{exemption.id}", lifts=lifts)


class _Reader:
    """Reads a document and what it includes, each once."""

    def __init__(self, library: Mapping[str, object]) -> None:
        self.library = library
        self.known: dict[str, _Parsed] = {}
        """Documents of the library that were read."""

    def read(self, document: object, path: tuple[str, ...]) -> _Parsed:
        """Read one document; `path` are the ids of those that include it."""
        problems: list[Problem] = []
        item = root(document, problems)
        if item is None:
            return _Parsed(problems=tuple(problems))
        members = item.members(_KEYS, _REQUIRED, "a rule set")
        members.read("language", _language)
        id = members.read("ruleset", _ruleset_id) or ""
        included = self._included(members, (*path, id))
        rules, exemptions = _rules(members, included)
        return _Parsed(
            id=id,
            revision=_revision(document, included),
            title=members.words("title") or "",
            default=members.read("default", lambda item: item.one_of(("allow", "deny"), "a default")) or "",
            rules=rules,
            exemptions=exemptions,
            included=included,
            problems=tuple(dict.fromkeys(problems)),
        )

    def _included(self, members: Members, path: tuple[str, ...]) -> tuple[_Parsed, ...]:
        found: dict[str, _Parsed] = {}
        named: set[str] = set()
        for item in members.listed("include", "a list of documents"):
            id, pin = _reference(item) or ("", "")
            if id in named:
                item.fault(f"`{id}` is included twice")
            parsed = self._include(item, id, path) if id and id not in named else None
            if parsed is None:
                continue
            named.add(id)
            if pin and pin != parsed.revision:
                item.fault(f"`{id}` is here at revision `{parsed.revision}`, not `{pin}`")
            found |= {part.id: part for part in (*parsed.included, parsed) if part.id not in found}
        return tuple(found.values())

    def _include(self, item: Item, id: str, path: tuple[str, ...]) -> _Parsed | None:
        """An included document without faults."""
        if id in path:
            circle = " -> ".join(f"`{each}`" for each in (*path[path.index(id) :], id))
            return item.fault(f"documents include one another in a circle: {circle}")
        if id not in self.library:
            return item.fault(f"there is no document `{id}` to include{near(id, self.library)}")
        if len(path) > INCLUDE_DEPTH_LIMIT:
            return item.fault(f"documents include one another more than {INCLUDE_DEPTH_LIMIT} deep")
        if id not in self.known:
            self.known[id] = self.read(self.library[id], path)
        parsed = self.known[id]
        if parsed.problems:
            return item.fault(f"the included `{id}` has {counted(parsed.problems)}")
        if parsed.id != id:
            return item.fault(f"the document `{id}` calls itself `{parsed.id}`")
        return parsed


def _reference(item: Item) -> tuple[str, str] | None:
    """The id of a document to include, and the revision that it is pinned to, if any."""
    text = item.text("the id of a document")
    if text is None:
        return None
    found = _REFERENCE.fullmatch(text)
    if not found:
        return item.fault(f"`{text}` names no document: write its id, or `id@revision`")
    return found[1], found[2] or ""


def _language(item: Item) -> None:
    if type(item.data) is not int or item.data != LANGUAGE_VERSION:
        item.fault(f"unsupported language `{item.data}`: this version of Cordon reads `{LANGUAGE_VERSION}`")


def _ruleset_id(item: Item) -> str | None:
    text = item.text("the id of a rule set")
    if text is None or _RULESET_ID.fullmatch(text):
        return text
    return item.fault(f"`{text}` is not the id of a rule set: use `a` to `z`, `0` to `9` and `-`, 64 at most")


def _rules(members: Members, included: tuple[_Parsed, ...]) -> tuple[tuple[Rule, ...], tuple[Exemption, ...]]:
    """A document's own rules and exemptions, those without faults."""
    posture = cast(Posture | None, members.read("if_unknown", lambda item: item.one_of(POSTURES, "a posture")))
    groups = members.read("groups", read_groups) or Groups()
    rules = members.listed("rules", "a list of rules")
    exemptions = members.listed("exemptions", "a list of exemptions")
    liftable = _distinct_ids(rules) | {rule.id for part in included for rule in part.qualified_rules()}
    _distinct_ids(exemptions)
    read_rules = [read_rule(item, groups, posture or "apply") for item in rules]
    read_exemptions = [read_exemption(item, groups, liftable) for item in exemptions]
    return (
        tuple(rule for rule in read_rules if rule is not None),
        tuple(exemption for exemption in read_exemptions if exemption is not None),
    )


def _distinct_ids(items: list[Item]) -> set[str]:
    """The ids given, faulty rules' too; a second use of one is a fault."""
    found: dict[str, str] = {}
    for item in items:
        if isinstance(item.data, Mapping) and isinstance(item.data.get("id"), str):
            id = item.member("id")
            first = found.setdefault(str(id.data), item.at)
            if first != item.at:
                id.fault(f"duplicate id `{id.data}`: first given at `{first}`")
    return set(found)


def _revision(document: object, included: tuple[_Parsed, ...]) -> str:
    state = [document, [f"{part.id}@{part.revision}" for part in included]]
    text = json.dumps(state, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_REVISION_DIGITS]
