"""What a publication changes: the rules and exemptions that are new, gone or different."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from rules.language import Exemption, Rule, RuleSet

Subject: TypeAlias = Literal["rule", "exemption", "default"]
Change: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule or exemption, or the default, that is not as it was."""

    what: Subject
    id: str
    """Empty for the default."""
    change: Change
    members: tuple[str, ...] = ()
    """What differs in it, if it was there before."""


def changes_between(old: RuleSet | None, new: RuleSet) -> tuple[RuleChange, ...]:
    """Everything that differs, included rules too; without an old rule set, everything there is."""
    return tuple(_changes(old or RuleSet(new.id, "", new.default), new))


def _changes(old: RuleSet, new: RuleSet) -> Iterator[RuleChange]:
    if old.default != new.default:
        yield RuleChange("default", "", "changed")
    yield from _of("rule", {rule.id: rule for rule in old.rules}, {rule.id: rule for rule in new.rules})
    former = {exemption.id: exemption for exemption in old.exemptions}
    yield from _of("exemption", former, {exemption.id: exemption for exemption in new.exemptions})


def _of(
    what: Subject, old: Mapping[str, Rule | Exemption], new: Mapping[str, Rule | Exemption]
) -> Iterator[RuleChange]:
    for id, rule in new.items():
        if id not in old:
            yield RuleChange(what, id, "added")
        elif rule != old[id]:
            yield RuleChange(what, id, "changed", tuple(_differing(old[id], rule)))
    yield from (RuleChange(what, id, "removed") for id in old if id not in new)


def _differing(old: Rule | Exemption, new: Rule | Exemption) -> Iterator[str]:
    for field in fields(new):
        if getattr(old, field.name, None) != getattr(new, field.name):
            yield field.name
