"""Scheduled drafts are published when their time comes: once, whoever tries, and only if nothing speaks against it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import get_args

import pytest

from service.publishing.publications import Published
from service.publishing.schedule import SCHEDULE, Suspended, publish_due
from service.storage.audit import entries
from service.storage.case_files import attach
from service.storage.database import Database, micros, open_database
from service.storage.drafts import Actor, Draft, act, next_due, the_draft
from service.storage.rulesets import Kind, Publication, Text, publications_of, publish, published
from tests.databases import Clock
from tests.storage.ruleset_texts import AUTHOR, REVIEWER, approved, cases, text_of

INSTANCES = 6
FIRST, SECOND = text_of(deny=["CN"]), text_of(deny=["RU"])


def schedule(database: Database, draft: Draft, clock: Clock, seconds: int = 60) -> Draft:
    at = micros(clock.now + timedelta(seconds=seconds))
    with database.writing() as writing:
        return act(writing, replace(draft, publish_at=at), "schedule", Actor(REVIEWER, 1))


def run(database: Database, clock: Clock, required: int = 1) -> list[Published | Suspended]:
    return publish_due(database, clock.now, approvals_required=required)


def in_force(database: Database) -> str | None:
    with database.reading() as connection:
        found = published(connection, "small")
    return found.revision if found else None


def state(database: Database, id: str = "d1") -> tuple[str, str]:
    with database.reading() as connection:
        draft = the_draft(connection, id, AUTHOR)
    return draft.status, draft.notice


def due_at(database: Database) -> int | None:
    with database.reading() as connection:
        return next_due(connection)


def audited(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as connection:
        return [(entry.actor, entry.action, entry.object) for entry in entries(connection)]


def test_a_draft_is_published_when_its_time_comes_and_not_before(database: Database, clock: Clock) -> None:
    draft = schedule(database, approved(database, FIRST), clock)
    assert due_at(database) == draft.publish_at == micros(clock.now) + 60_000_000
    clock.advance(timedelta(seconds=59))
    assert run(database, clock) == []
    clock.advance()
    (done,) = run(database, clock)
    assert isinstance(done, Published)
    assert (in_force(database), state(database), due_at(database)) == (FIRST.revision, ("published", ""), None)
    with database.reading() as connection:
        (row,) = publications_of(connection, "small", None, 9)
    assert (row.kind, row.actor, row.at, row.draft) == ("scheduled", SCHEDULE, draft.publish_at, "d1")
    assert audited(database) == [(SCHEDULE, "ruleset.publish", "ruleset:small")]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_draft_is_suspended_at_once_when_its_base_moves(database: Database, clock: Clock, kind: Kind) -> None:
    schedule(database, approved(database, FIRST), clock)
    with database.writing() as writing:
        publish(writing, Publication(SECOND, kind, "key:k"))
    assert state(database) == (
        "suspended",
        f"the base of the draft moved: it is written upon nothing, and revision `{SECOND.revision}` is published",
    )
    assert due_at(database) is None
    assert audited(database) == [("key:k", "draft.suspend", "draft:d1")]
    clock.advance(timedelta(minutes=1))
    assert run(database, clock) == []
    assert in_force(database) == SECOND.revision


def test_a_draft_whose_base_has_moved_is_suspended_at_its_time_too(database: Database, clock: Clock) -> None:
    draft = approved(database, FIRST)
    with database.writing() as writing:
        publish(writing, Publication(SECOND, "import", "cli:root"))
    schedule(database, draft, clock)
    clock.advance(timedelta(minutes=1))
    (done,) = run(database, clock)
    assert isinstance(done, Suspended)
    assert state(database) == ("suspended", done.draft.notice)
    assert audited(database) == [(SCHEDULE, "draft.suspend", "draft:d1")]


def test_a_publication_leaves_what_is_scheduled_elsewhere(database: Database, clock: Clock) -> None:
    schedule(database, approved(database, FIRST), clock)
    with database.writing() as writing:
        publish(writing, Publication(text_of("other"), "import", "cli:root"))
    assert state(database) == ("scheduled", "")


def test_a_draft_is_suspended_if_a_case_fails_by_then(database: Database, clock: Clock) -> None:
    schedule(database, approved(database, FIRST), clock)
    with database.writing() as writing:
        attach(writing, "small", "new.yaml", cases("CN", "allow"), "cli:root")
    clock.advance(timedelta(minutes=1))
    run(database, clock)
    assert state(database) == ("suspended", "the document cannot be published: 1 failed case")
    assert in_force(database) is None


def test_a_draft_is_suspended_if_more_approvals_are_required_by_then(database: Database, clock: Clock) -> None:
    schedule(database, approved(database, FIRST), clock)
    clock.advance(timedelta(minutes=1))
    run(database, clock, required=2)
    assert state(database) == ("suspended", "the draft has 1 of 2 approvals")


def test_a_suspended_draft_can_be_taken_up_again(database: Database, clock: Clock) -> None:
    schedule(database, approved(database, FIRST), clock)
    clock.advance(timedelta(minutes=1))
    run(database, clock, required=2)
    with database.writing() as writing:
        draft = the_draft(writing.connection, "d1", AUTHOR)
        again = act(writing, draft, "unschedule", Actor(REVIEWER, 1))
    assert (again.status, again.publish_at, again.notice) == ("approved", None, "")


def test_of_two_drafts_of_one_rule_set_that_are_due_the_later_is_suspended(database: Database, clock: Clock) -> None:
    schedule(database, approved(database, SECOND, id="d2"), clock, 30)
    schedule(database, approved(database, FIRST, id="d1"), clock, 20)
    clock.advance(timedelta(minutes=1))
    assert [type(done) for done in run(database, clock)] == [Published]
    assert (in_force(database), state(database, "d2")[0]) == (FIRST.revision, "suspended")


@contextmanager
def instances(url: str, clock: Clock) -> Iterator[list[Database]]:
    """As many connections as there would be instances, none of which knows of the others."""
    opened = [open_database(url, clock.read) for _ in range(INSTANCES)]
    try:
        yield opened
    finally:
        for database in opened:
            database.close()


@pytest.mark.parametrize("text", [FIRST, Text("small", "rules: [")], ids=["published", "suspended"])
def test_of_many_instances_at_once_exactly_one_does_it(database_url: str, clock: Clock, text: Text) -> None:
    with instances(database_url, clock) as opened:
        schedule(opened[0], approved(opened[0], text), clock, 0)
        barrier = Barrier(INSTANCES)

        def take_part(database: Database) -> list[Published | Suspended]:
            barrier.wait()
            return run(database, clock)

        with ThreadPoolExecutor(INSTANCES) as pool:
            done = [each for found in pool.map(take_part, opened) for each in found]
        assert len(done) == len(audited(opened[0])) == 1
        with opened[0].reading() as connection:
            assert len(publications_of(connection, "small", None, 9)) == (text is FIRST)
