"""Case files that are attached to rule sets: every revision that is published must pass them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Connection, delete, insert, select, update

from service.errors import NotFound
from service.storage.database import Writing
from service.storage.rulesets import ensure_ruleset
from service.storage.schema import case_files


@dataclass(frozen=True, slots=True)
class AttachedCases:
    """One case file of one rule set."""

    ruleset: str
    name: str
    text: str
    version: int = 1
    updated_at: int = 0
    updated_by: str = ""


def attached(connection: Connection, rulesets: Iterable[str]) -> list[AttachedCases]:
    """The case files of these rule sets, in the order of their names."""
    query = select(case_files).where(case_files.c.ruleset.in_(sorted(rulesets)))
    rows = connection.execute(query.order_by(case_files.c.ruleset, case_files.c.name))
    return [AttachedCases(**cast(dict[str, Any], row._mapping)) for row in rows]


def find(connection: Connection, ruleset: str, name: str) -> AttachedCases | None:
    """One case file."""
    query = select(case_files).where(case_files.c.ruleset == ruleset, case_files.c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else AttachedCases(**cast(dict[str, Any], row._mapping))


def the_case_file(connection: Connection, ruleset: str, name: str) -> AttachedCases:
    """One case file.

    Raises:
        NotFound: there is none of that name.
    """
    found = find(connection, ruleset, name)
    if found is None:
        raise NotFound(f"the rule set `{ruleset}` has no case file `{name}`")
    return found


def attach(writing: Writing, ruleset: str, name: str, text: str, actor: str) -> AttachedCases:
    """Attach a case file, or put another text in its place."""
    ensure_ruleset(writing, ruleset, actor)
    former = find(writing.connection, ruleset, name)
    version = former.version + 1 if former else 1
    cases = AttachedCases(ruleset, name, text, version, writing.recorded_at, actor)
    row = asdict(cases)
    is_it = (case_files.c.ruleset == ruleset) & (case_files.c.name == name)
    writing.connection.execute(
        update(case_files).where(is_it).values(row) if former else insert(case_files).values(row)
    )
    return cases


def detach(writing: Writing, ruleset: str, name: str) -> None:
    """Let a rule set be published without that case file."""
    _ = writing.position
    is_it = (case_files.c.ruleset == ruleset) & (case_files.c.name == name)
    writing.connection.execute(delete(case_files).where(is_it))
