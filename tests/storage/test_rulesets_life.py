"""Any number of people doing anything in any order, against a plain model of what must come of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Row

from service.errors import Conflict, NotAllowed, NotFound, ServiceError, Unprocessable
from service.publishing.publications import Emergency, break_glass, publish_draft, roll_back
from service.publishing.schedule import publish_due
from service.storage.database import Database, Writing, micros, open_database
from service.storage.draft_states import CLOSED
from service.storage.drafts import Actor, Content, Draft, DraftFilter, act, approve, create, edit, listed, the_draft
from service.storage.rulesets import Text, in_force_by_break_glass, publications_of, published
from tests.databases import Clock
from tests.storage.ruleset_texts import text_of

PEOPLE = ("a", "b", "c")
OPEN = ("draft", "in_review", "approved", "scheduled", "suspended")
SUBMITTED = OPEN[1:]
DRAFTS_LIMIT = 6
TEXTS = {
    **{text_of(deny=[country]).revision: text_of(deny=[country]) for country in ("CN", "RU", "IR", "KP")},
    "faulty": Text("small", "ruleset: small"),
}
FAULTY = TEXTS["faulty"].revision

people = st.sampled_from(PEOPLE)
texts = st.sampled_from([*TEXTS.values()])
revisions = st.sampled_from([text.revision for text in TEXTS.values()])


@dataclass(slots=True)
class Model:
    """A draft as it must be."""

    author: str
    revision: str
    base: str | None
    status: str = "draft"
    approvers: set[str] = field(default_factory=set)
    """Who stands by this very text."""
    is_submitted: bool = False
    publish_at: int | None = None


class Life(RuleBasedStateMachine):
    """The functions of the record on one side, sets and names on the other."""

    template: Path
    drafts = Bundle("drafts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "cordon.db"
        copy(self.template, path)
        self.clock = Clock()
        self.database: Database = open_database(f"sqlite:///{path}", self.clock.read)
        self.models: dict[str, Model] = {}
        self.history: list[str] = []
        """Every revision that was ever in force."""
        self.stood_by: set[str] = set()
        """Those that somebody approved at some time."""
        self.is_emergency = False

    @initialize(required=st.integers(0, 2))
    def begin(self, required: int) -> None:
        self.required = required

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @property
    def in_force(self) -> str | None:
        return self.history[-1] if self.history else None

    @contextmanager
    def refused(self, expected: type[ServiceError] | None) -> Iterator[Writing]:
        """A transaction that is refused like this, or not at all."""
        if expected is None:
            with self.database.writing() as writing:
                yield writing
        else:
            with pytest.raises(expected) as refusal, self.database.writing() as writing:
                yield writing
            assert type(refusal.value) is expected

    def settle(self, model: Model) -> None:
        if model.status in ("in_review", "approved"):
            model.status = "approved" if len(model.approvers) >= self.required else "in_review"

    def in_force_now(self, revision: str, draft: Model | None = None) -> None:
        for each in self.models.values():
            if each.status == "published":
                each.status = "superseded"
            if each.status == "scheduled" and each is not draft and each.base != revision:
                each.status = "suspended"
        if draft:
            draft.status = "published"
            self.stood_by.add(revision)
        self.history.append(revision)
        self.is_emergency = revision not in self.stood_by

    def fault_of_draft(self, model: Model) -> type[ServiceError] | None:
        """Why a draft cannot be put in force, whatever its state."""
        is_again = model.revision == self.in_force and not self.is_emergency
        if len(model.approvers) < self.required or model.base != self.in_force or is_again:
            return Conflict
        return Unprocessable if model.revision == FAULTY else None

    def fault_of_part(self, model: Model, who: str, states: tuple[str, ...], *, own: bool) -> type[ServiceError] | None:
        """Why someone cannot do to a draft what only its author, or only others, may do in these states."""
        if who != model.author and not model.is_submitted:
            return NotFound
        if (who == model.author) != own:
            return NotAllowed
        return None if model.status in states else Conflict

    @precondition(lambda self: len(self.models) < DRAFTS_LIMIT)
    @rule(target=drafts, author=people, text=texts)
    def write(self, author: str, text: Text) -> str:
        id = f"d{len(self.models)}"
        with self.database.writing() as writing:
            create(writing, id, "small", Content(text.text, "yaml", self.in_force), author)
        self.models[id] = Model(author, text.revision, self.in_force)
        return id

    @rule(id=drafts, text=texts)
    def rebase(self, id: str, text: Text) -> None:
        self.edit(id, self.models[id].author, text, True)

    @rule(id=drafts, who=people, text=texts, is_rebase=st.booleans())
    def edit(self, id: str, who: str, text: Text, is_rebase: bool) -> None:
        model = self.models[id]
        base = self.in_force if is_rebase else model.base
        expected = self.fault_of_part(model, who, OPEN, own=True)
        with self.refused(expected) as writing:
            draft = the_draft(writing.connection, id, who)
            edit(writing, draft, Content(text.text, "yaml", base), Actor(who, self.required))
        if expected is None:
            model.revision, model.base, model.publish_at = text.revision, base, None
            model.approvers = set()
            model.status = "draft" if model.status == "draft" else "in_review"
            self.settle(model)

    @rule(id=drafts, who=people)
    def submit(self, id: str, who: str) -> None:
        model = self.models[id]
        expected = self.fault_of_part(model, who, ("draft",), own=True)
        self.take(id, who, expected, lambda writing, draft, actor: act(writing, draft, "submit", actor))
        if expected is None:
            model.status, model.is_submitted = "in_review", True
            self.settle(model)

    @rule(id=drafts, who=people)
    def approve(self, id: str, who: str) -> None:
        model = self.models[id]
        expected = self.fault_of_part(model, who, ("in_review", "approved"), own=False)
        if expected is None and who in model.approvers:
            expected = Conflict
        self.take(id, who, expected, lambda writing, draft, actor: approve(writing, draft, "", actor))
        if expected is None:
            model.approvers.add(who)
            self.settle(model)

    @rule(id=drafts)
    def bring_to_approval(self, id: str) -> None:
        """Everyone does what leads a draft on, so that few steps lead far."""
        author = self.models[id].author
        self.submit(id, author)
        for who in PEOPLE:
            self.approve(id, who)

    @rule(id=drafts, who=people)
    def reject(self, id: str, who: str) -> None:
        model = self.models[id]
        expected = self.fault_of_part(model, who, SUBMITTED, own=False)
        self.take(id, who, expected, lambda writing, draft, actor: act(writing, draft, "reject", actor))
        if expected is None:
            model.status = "rejected"

    @rule(id=drafts, who=people)
    def withdraw(self, id: str, who: str) -> None:
        model = self.models[id]
        expected = self.fault_of_part(model, who, OPEN, own=True)
        self.take(id, who, expected, lambda writing, draft, actor: act(writing, draft, "withdraw", actor))
        if expected is None:
            model.status = "withdrawn"

    @rule(id=drafts, seconds=st.integers(0, 30))
    def schedule(self, id: str, seconds: int) -> None:
        model = self.models[id]
        expected = None if model.status == "approved" else Conflict
        at = micros(self.clock.now) + seconds * 1_000_000
        self.take(
            id,
            model.author,
            expected,
            lambda writing, draft, actor: act(writing, replace(draft, publish_at=at), "schedule", actor),
        )
        if expected is None:
            model.status, model.publish_at = "scheduled", at

    @rule(id=drafts)
    def unschedule(self, id: str) -> None:
        model = self.models[id]
        expected = None if model.status in ("scheduled", "suspended") else Conflict
        take = self.take
        take(id, model.author, expected, lambda writing, draft, actor: act(writing, draft, "unschedule", actor))
        if expected is None:
            model.status, model.publish_at = "in_review", None
            self.settle(model)

    @rule(id=drafts)
    def publish(self, id: str) -> None:
        model = self.models[id]
        expected = self.fault_of_draft(model) if model.status in ("approved", "scheduled") else Conflict
        self.take(id, model.author, expected, publish_draft)
        if expected is None:
            self.in_force_now(model.revision, model)

    @rule(seconds=st.integers(0, 20))
    def time_passes(self, seconds: int) -> None:
        now = micros(self.clock.advance(timedelta(seconds=seconds)))
        publish_due(self.database, self.clock.now, approvals_required=self.required)
        scheduled = [(model.publish_at or 0, id) for id, model in self.models.items() if model.status == "scheduled"]
        for model in [self.models[id] for at, id in sorted(scheduled) if at <= now]:
            if model.status != "scheduled":
                continue
            if self.fault_of_draft(model) is None:
                self.in_force_now(model.revision, model)
            else:
                model.status = "suspended"

    @rule(revision=revisions, who=people)
    def roll_back(self, revision: str, who: str) -> None:
        expected = Conflict if revision == self.in_force else None if revision in self.history else NotFound
        with self.refused(expected) as writing:
            roll_back(writing, "small", revision, "it locked us out", who)
        if expected is None:
            self.in_force_now(revision)

    @rule(text=texts, who=people)
    def break_glass(self, text: Text, who: str) -> None:
        expected: type[ServiceError] | None = Conflict if text.revision == self.in_force else None
        if text.revision == FAULTY:
            expected = Unprocessable
        with self.refused(expected) as writing:
            break_glass(writing, Emergency(text, "attack"), who)
        if expected is None:
            self.in_force_now(text.revision)
            self.is_emergency = True

    def take(
        self,
        id: str,
        who: str,
        expected: type[ServiceError] | None,
        step: Callable[[Writing, Draft, Actor], object],
    ) -> None:
        with self.refused(expected) as writing:
            step(writing, the_draft(writing.connection, id, who), Actor(who, self.required))

    @invariant()
    def the_record_says_what_the_model_says(self) -> None:
        with self.database.reading() as connection:
            found = published(connection, "small")
            rows = publications_of(connection, "small", None, 10_000)
            flagged = in_force_by_break_glass(connection)
            drafts = {draft.id: draft for who in PEOPLE for draft in listed(connection, DraftFilter(who))}
        assert (found.revision if found else None) == self.in_force
        assert [row.revision for row in reversed(rows)] == self.history
        assert flagged == (["small"] if self.is_emergency else [])
        assert drafts.keys() == self.models.keys()
        for id, model in self.models.items():
            draft = drafts[id]
            assert (draft.status, draft.written.revision, draft.base) == (model.status, model.revision, model.base)
            assert {approval.approver for approval in draft.approvals} == model.approvers
            assert model.author not in model.approvers
        self.nothing_was_published_without_the_approvals_of_that_very_text(rows, drafts)

    def nothing_was_published_without_the_approvals_of_that_very_text(
        self, rows: list[Row[Any]], drafts: dict[str, Draft]
    ) -> None:
        for row in rows:
            assert (row.draft is None) == (row.kind in ("rollback", "break_glass"))
            if row.draft is not None:
                draft = drafts[row.draft]
                assert draft.status in CLOSED
                assert draft.written.revision == row.revision
                assert len({each.approver for each in draft.approvals} - {draft.author}) >= self.required


def test_any_life_of_rule_sets_is_as_the_model_says(sqlite_template: Path) -> None:
    Life.template = sqlite_template
    examples = settings.default.max_examples // 5 if settings.default else 20
    run_state_machine_as_test(Life, settings=settings(max_examples=examples, stateful_step_count=40))
