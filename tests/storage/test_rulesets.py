"""Published documents are immutable, and the record knows which of them was in force when."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from service.errors import Conflict, NotFound
from service.storage.changes import changes_after
from service.storage.database import Database, micros
from service.storage.rulesets import (
    Publication,
    RuleSetFilter,
    Text,
    diff,
    document,
    in_force_by_break_glass,
    is_by_break_glass,
    is_known_to,
    listed,
    publications_of,
    publish,
    publish_imported,
    published,
    published_documents,
    revisions,
)
from service.storage.schema import documents
from tests.databases import Clock
from tests.storage.ruleset_texts import AUTHOR, OTHER, begin, submit, text_of

FIRST, SECOND = text_of(deny=["CN"]), text_of(deny=["RU"])


def put_in_force(database: Database, text: Text, kind: str = "import") -> None:
    with database.writing() as writing:
        publish(writing, Publication(text, kind, "cli:root"))  # type: ignore[arg-type]


def in_force(database: Database, at: int | None = None) -> dict[str, str]:
    with database.reading() as connection:
        return {id: found.revision for id, found in published_documents(connection, at).items()}


def test_the_last_publication_is_in_force(database: Database) -> None:
    put_in_force(database, FIRST)
    put_in_force(database, SECOND)
    assert in_force(database) == {"small": SECOND.revision}
    with database.reading() as connection:
        found = published(connection, "small")
    assert found is not None
    assert (found.text, found.form) == (SECOND.text, "yaml")


def test_the_record_knows_what_was_in_force_at_every_time(database: Database, clock: Clock) -> None:
    before = micros(clock.now) - 1
    put_in_force(database, FIRST)
    first = micros(clock.now)
    clock.advance(timedelta(hours=1))
    put_in_force(database, SECOND)
    put_in_force(database, text_of("other"))
    second = micros(clock.now)
    assert in_force(database, before) == {}
    assert in_force(database, first) == in_force(database, second - 1) == {"small": FIRST.revision}
    assert in_force(database, second) == {"small": SECOND.revision}
    assert in_force(database, second + 1) == in_force(database)


def test_a_document_that_is_imported_again_changes_nothing(database: Database) -> None:
    with database.writing() as writing:
        assert publish_imported(writing, "small", FIRST.text, "yaml", "cli:root")
    position = database.position()
    with database.writing() as writing:
        assert not publish_imported(writing, "small", FIRST.text, "yaml", "cli:root")
    assert database.position() == position


def test_a_publication_is_a_change_of_its_rule_set(database: Database) -> None:
    before = database.position()
    put_in_force(database, FIRST)
    with database.reading() as connection:
        page = changes_after(connection, before)
    assert [(change.subject, change.id) for change in page.changes] == [("ruleset", "small")]


def test_a_revision_that_comes_again_is_the_same_document(database: Database) -> None:
    for text in (FIRST, SECOND, FIRST):
        put_in_force(database, text)
    with database.reading() as connection:
        assert [row.revision for row in revisions(connection, "small", None, 9)] == [SECOND.revision, FIRST.revision]
        rows = publications_of(connection, "small", None, 9)
    assert [row.revision for row in rows] == [FIRST.revision, SECOND.revision, FIRST.revision]
    assert [row.replaced for row in rows] == [SECOND.revision, FIRST.revision, None]


def test_a_revision_names_one_text_for_good(database: Database) -> None:
    put_in_force(database, FIRST)
    with database.writing() as writing:  # as if the text of SECOND had the digest of another one
        former = {"text": "# other", "form": "yaml", "created_at": writing.recorded_at, "created_by": "cli:root"}
        row = {"ruleset": "small", "revision": SECOND.revision, **former}
        writing.connection.execute(insert(documents).values(row))
    with pytest.raises(Conflict, match="another text"):
        put_in_force(database, SECOND)
    assert in_force(database) == {"small": FIRST.revision}


def test_a_revision_that_was_never_published_is_not_found(database: Database) -> None:
    with database.reading() as connection, pytest.raises(NotFound, match="no revision"):
        document(connection, "small", FIRST.revision)


def test_a_diff_leads_from_one_revision_to_the_other(database: Database) -> None:
    put_in_force(database, FIRST)
    put_in_force(database, SECOND)
    with database.reading() as connection:
        found = diff(connection, "small", FIRST.revision, SECOND.revision)
        assert diff(connection, "small", "0" * 12, SECOND.revision) == ""
        whole = diff(connection, "small", None, FIRST.revision)
    assert f"--- {FIRST.revision}\n+++ {SECOND.revision}\n" in found
    assert "-    when: {location: {in: [CN]}}\n+    when: {location: {in: [RU]}}\n" in found
    assert whole.count("\n+") == 1 + len(FIRST.text.splitlines())


def test_break_glass_is_told_until_something_else_is_published(database: Database) -> None:
    put_in_force(database, FIRST, "break_glass")
    put_in_force(database, text_of("other"))
    with database.reading() as connection:
        assert in_force_by_break_glass(connection) == ["small"]
        flagged = listed(connection, RuleSetFilter(break_glass=True))
        others = listed(connection, RuleSetFilter(break_glass=False))
    assert ([row.ruleset for row in flagged], [row.ruleset for row in others]) == (["small"], ["other"])
    put_in_force(database, SECOND)
    with database.reading() as connection:
        assert in_force_by_break_glass(connection) == []


def test_a_rollback_makes_no_text_approved_that_nobody_approved(database: Database) -> None:
    put_in_force(database, FIRST)
    put_in_force(database, SECOND, "break_glass")
    put_in_force(database, FIRST, "rollback")
    flags = [flagged(database)]
    put_in_force(database, SECOND, "rollback")
    flags.append(flagged(database))
    put_in_force(database, SECOND, "approved")
    flags.append(flagged(database))
    put_in_force(database, FIRST, "rollback")
    put_in_force(database, SECOND, "rollback")
    assert [*flags, flagged(database)] == [False, True, False, False]


def flagged(database: Database) -> bool:
    """Whether `small` is said to be in force by break-glass, wherever that is said."""
    with database.reading() as connection:
        (row,) = listed(connection, RuleSetFilter())
        said = {
            bool(row.break_glass),
            is_by_break_glass(connection, "small"),
            in_force_by_break_glass(connection) == ["small"],
            len(listed(connection, RuleSetFilter(break_glass=True))) == 1,
            listed(connection, RuleSetFilter(break_glass=False)) == [],
        }
    assert len(said) == 1
    return said.pop()


def test_rule_sets_are_listed_page_by_page(database: Database) -> None:
    for id in ("b-2", "a-1", "c-1"):
        put_in_force(database, text_of(id))
    with database.reading() as connection:
        first = listed(connection, RuleSetFilter(limit=2))
        rest = listed(connection, RuleSetFilter(after=first[-1].ruleset))
        some = listed(connection, RuleSetFilter(containing="-1"))
    assert [row.ruleset for row in (*first, *rest)] == ["a-1", "b-2", "c-1"]
    assert [row.ruleset for row in some] == ["a-1", "c-1"]


def test_a_private_draft_makes_no_rule_set_that_others_know_of(database: Database) -> None:
    begin(database, FIRST)
    with database.reading() as connection:
        assert is_known_to(connection, "small", AUTHOR)
        assert not is_known_to(connection, "small", OTHER)
    submit(database)
    with database.reading() as connection:
        assert is_known_to(connection, "small", OTHER)
