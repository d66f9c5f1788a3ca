"""Small rule sets and case files to publish in tests."""

from collections.abc import Sequence

from service.storage.database import Database
from service.storage.drafts import Actor, Content, Draft, act, approve, create, the_draft
from service.storage.rulesets import Text

AUTHOR, REVIEWER, OTHER = "oidc:issuer#author", "oidc:issuer#reviewer", "oidc:issuer#other"


def rules(id: str = "small", *, deny: Sequence[str] = ("CN",), include: Sequence[str] = (), note: str = "") -> str:
    """A rule set that denies these countries."""
    return f"""# {note}
language: 1
ruleset: {id}
default: allow
if_unknown: skip
include: [{", ".join(include)}]
rules:
  - id: located
    effect: deny
    when: {{location: {{in: [{", ".join(deny)}]}}}}
"""


def cases(country: str, effect: str, ruleset: str = "small") -> str:
    """A case file of one case: someone asks from that country."""
    return f"""ruleset: {ruleset}
at: 2026-11-22T00:00:00Z
cases:
  - name: from {country}
    location: {{claims: {{geo: {country}}}}}
    expect: {{effect: {effect}}}
"""


def text_of(id: str = "small", *, deny: Sequence[str] = ("CN",), include: Sequence[str] = (), note: str = "") -> Text:
    return Text(id, rules(id, deny=deny, include=include, note=note))


def begin(database: Database, text: Text, base: str | None = None, *, id: str = "d1") -> Draft:
    """A draft of AUTHOR's."""
    with database.writing() as writing:
        return create(writing, id, text.ruleset, Content(text.text, text.form, base), AUTHOR)


def submit(database: Database, id: str = "d1", *, required: int = 1) -> Draft:
    with database.writing() as writing:
        return act(writing, the_draft(writing.connection, id, AUTHOR), "submit", Actor(AUTHOR, required))


def approve_as(database: Database, who: str = REVIEWER, id: str = "d1", *, required: int = 1) -> Draft:
    with database.writing() as writing:
        return approve(writing, the_draft(writing.connection, id, who), "", Actor(who, required))


def approved(database: Database, text: Text, base: str | None = None, *, id: str = "d1") -> Draft:
    """A draft that one other person has approved."""
    begin(database, text, base, id=id)
    submit(database, id)
    return approve_as(database, REVIEWER, id)
