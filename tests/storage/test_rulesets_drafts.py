"""Who may do what with a draft, and which approvals count."""

from contextlib import suppress

import pytest

from service.errors import Conflict, NotAllowed, NotFound
from service.publishing.publications import Emergency, break_glass, publish_draft, roll_back
from service.storage.database import Database
from service.storage.drafts import Actor, Content, Draft, DraftFilter, act, edit, listed, the_draft
from service.storage.key_records import NewKey
from service.storage.keys import create as create_key
from service.storage.rulesets import Text, publications_of, published
from tests.storage.ruleset_texts import (
    AUTHOR,
    OTHER,
    REVIEWER,
    approve_as,
    approved,
    begin,
    submit,
    text_of,
)

FIRST, SECOND, THIRD = text_of(deny=["CN"]), text_of(deny=["RU"]), text_of(deny=["IR"])


def publish_now(database: Database, id: str = "d1", *, required: int = 1) -> Draft:
    with database.writing() as writing:
        draft = the_draft(writing.connection, id, REVIEWER)
        done = publish_draft(writing, draft, Actor(REVIEWER, required))
    assert done.draft is not None
    return done.draft


def rewrite(database: Database, text: Text, base: str | None = None, *, who: str = AUTHOR, id: str = "d1") -> Draft:
    with database.writing() as writing:
        draft = the_draft(writing.connection, id, who)
        return edit(writing, draft, Content(text.text, text.form, base), Actor(who, 1))


def read(database: Database, id: str = "d1", reader: str = OTHER) -> Draft:
    with database.reading() as connection:
        return the_draft(connection, id, reader)


def in_force(database: Database) -> str | None:
    with database.reading() as connection:
        found = published(connection, "small")
    return found.revision if found else None


def test_a_draft_is_its_authors_alone_until_it_is_submitted(database: Database) -> None:
    begin(database, FIRST)
    with pytest.raises(NotFound):
        read(database)
    assert read(database, reader=AUTHOR).text == FIRST.text
    submit(database)
    assert read(database).status == "in_review"


def test_a_draft_that_was_never_submitted_stays_private_when_it_is_withdrawn(database: Database) -> None:
    draft = begin(database, FIRST)
    with database.writing() as writing:
        assert act(writing, draft, "withdraw", Actor(AUTHOR, 1)).status == "withdrawn"
    with pytest.raises(NotFound):
        read(database)


def test_a_list_holds_ones_own_drafts_and_those_that_are_submitted(database: Database) -> None:
    begin(database, FIRST, id="d1")
    begin(database, SECOND, id="d2")
    submit(database, "d2")
    with database.reading() as connection:
        own = listed(connection, DraftFilter(AUTHOR))
        others = listed(connection, DraftFilter(OTHER))
        first = listed(connection, DraftFilter(AUTHOR, limit=1))
        rest = listed(connection, DraftFilter(AUTHOR, before=(first[0].updated_at, first[0].id)))
        none = listed(connection, DraftFilter(AUTHOR, status="approved"))
        elsewhere = listed(connection, DraftFilter(AUTHOR, ruleset="other"))
        of_others = listed(connection, DraftFilter(AUTHOR, author=OTHER))
    assert [draft.id for draft in own] == [draft.id for draft in (*first, *rest)] == ["d2", "d1"]
    assert [draft.id for draft in others] == ["d2"]
    assert none == elsewhere == of_others == []


def test_the_author_never_approves(database: Database) -> None:
    begin(database, FIRST)
    submit(database)
    with pytest.raises(NotAllowed, match="other than its author"):
        approve_as(database, AUTHOR)


def test_a_key_that_the_author_made_is_the_author(database: Database) -> None:
    with database.writing() as writing:
        key, _ = create_key(writing, NewKey("robot", frozenset(["role:approver"])), AUTHOR)
    begin(database, FIRST)
    submit(database)
    with pytest.raises(NotAllowed, match="keys of the author"):
        approve_as(database, f"key:{key.id}")


def test_one_person_with_two_keys_approves_once(database: Database) -> None:
    with database.writing() as writing:
        keys = [create_key(writing, NewKey("robot", frozenset(["role:approver"])), OTHER)[0] for _ in range(2)]
    begin(database, FIRST)
    submit(database, required=2)
    approve_as(database, f"key:{keys[0].id}", required=2)
    with pytest.raises(Conflict, match="approved this text already"):
        approve_as(database, f"key:{keys[1].id}", required=2)
    assert approve_as(database, REVIEWER, required=2).status == "approved"


def test_a_draft_is_approved_by_as_many_as_are_required(database: Database) -> None:
    begin(database, FIRST)
    submit(database, required=2)
    assert approve_as(database, REVIEWER, required=2).status == "in_review"
    with pytest.raises(Conflict):
        publish_now(database, required=2)
    assert approve_as(database, OTHER, required=2).status == "approved"
    publish_now(database, required=2)
    assert in_force(database) == FIRST.revision


def test_nobody_needs_to_approve_where_no_approval_is_required(database: Database) -> None:
    begin(database, FIRST)
    assert submit(database, required=0).status == "approved"
    publish_now(database, required=0)
    assert in_force(database) == FIRST.revision


def test_an_edit_resets_approvals(database: Database) -> None:
    approved(database, FIRST)
    changed = rewrite(database, SECOND)
    assert (changed.status, changed.approvals, len(changed.given)) == ("in_review", (), 1)
    with pytest.raises(Conflict):
        publish_now(database)
    assert approve_as(database).status == "approved"
    assert [approval.version for approval in read(database).given] == [2]


def test_only_the_author_edits(database: Database) -> None:
    approved(database, FIRST)
    with pytest.raises(NotAllowed, match="by its author alone"):
        rewrite(database, SECOND, who=OTHER)
    assert read(database).status == "approved"


def test_a_requirement_that_is_raised_meanwhile_counts(database: Database) -> None:
    approved(database, FIRST)
    with pytest.raises(Conflict):
        publish_now(database, required=2)
    assert in_force(database) is None


def test_a_requirement_that_is_lowered_meanwhile_counts(database: Database) -> None:
    begin(database, FIRST)
    submit(database, required=2)
    approve_as(database, required=2)
    publish_now(database, required=1)
    assert in_force(database) == FIRST.revision


def test_a_publication_supersedes_the_draft_before_it(database: Database) -> None:
    approved(database, FIRST)
    assert publish_now(database).status == "published"
    approved(database, SECOND, FIRST.revision, id="d2")
    publish_now(database, "d2")
    assert [read(database, id).status for id in ("d1", "d2")] == ["superseded", "published"]


def test_a_draft_whose_base_moved_is_published_only_after_a_rebase(database: Database) -> None:
    approved(database, FIRST, id="d1")
    approved(database, SECOND, id="d2")
    publish_now(database, "d1")
    with pytest.raises(Conflict, match="the base of the draft moved") as conflict:
        publish_now(database, "d2")
    assert conflict.value.members["published"] == FIRST.revision
    assert f"+++ {FIRST.revision}" in str(conflict.value.members["diff"])
    assert rewrite(database, SECOND, FIRST.revision, id="d2").status == "in_review"
    approve_as(database, id="d2")
    publish_now(database, "d2")
    assert in_force(database) == SECOND.revision


def test_a_base_is_what_is_published_and_nothing_else(database: Database) -> None:
    with pytest.raises(Conflict):
        begin(database, FIRST, SECOND.revision)
    begin(database, FIRST)
    with pytest.raises(Conflict):
        rewrite(database, SECOND, THIRD.revision)


def test_a_draft_that_says_what_is_published_is_not_published_again(database: Database) -> None:
    approved(database, FIRST)
    publish_now(database)
    approved(database, FIRST, FIRST.revision, id="d2")
    with pytest.raises(Conflict, match="in force already"):
        publish_now(database, "d2")


def test_a_rollback_puts_an_earlier_revision_in_force(database: Database) -> None:
    approved(database, FIRST)
    publish_now(database)
    approved(database, SECOND, FIRST.revision, id="d2")
    publish_now(database, "d2")
    with database.writing() as writing:
        done = roll_back(writing, "small", FIRST.revision, "it locked us out", REVIEWER)
    assert (in_force(database), done.replaced) == (FIRST.revision, SECOND.revision)
    assert read(database, "d2").status == "superseded"


def test_a_rollback_leads_only_to_what_was_published(database: Database) -> None:
    approved(database, FIRST)
    publish_now(database)
    with database.writing() as writing, pytest.raises(NotFound):
        roll_back(writing, "small", SECOND.revision, "why not", REVIEWER)
    with database.writing() as writing, pytest.raises(Conflict):
        roll_back(writing, "small", FIRST.revision, "why not", REVIEWER)


def test_break_glass_publishes_at_once_and_moves_the_base_of_drafts(database: Database) -> None:
    approved(database, FIRST)
    with database.writing() as writing:
        break_glass(writing, Emergency(THIRD, "attack"), OTHER)
    assert in_force(database) == THIRD.revision
    with pytest.raises(Conflict):
        publish_now(database)


def test_what_an_emergency_put_in_force_is_approved_afterwards(database: Database) -> None:
    with database.writing() as writing:
        break_glass(writing, Emergency(THIRD, "attack"), OTHER)
    approved(database, THIRD, THIRD.revision)
    publish_now(database)
    with database.reading() as connection:
        rows = publications_of(connection, "small", None, 9)
    assert [(row.kind, row.revision) for row in rows] == [("approved", THIRD.revision), ("break_glass", THIRD.revision)]


def test_nothing_is_left_of_a_publication_that_fails_halfway(database: Database) -> None:
    approved(database, FIRST)
    position = database.position()
    with suppress(ZeroDivisionError), database.writing() as writing:
        publish_draft(writing, the_draft(writing.connection, "d1", REVIEWER), Actor(REVIEWER, 1))
        raise ZeroDivisionError
    assert (in_force(database), read(database).status, database.position()) == (None, "approved", position)
