"""The guarantee: what is published, changed or revoked is in force on every worker within a second.

Two workers over one database and one Redis, which is killed, frozen and emptied; every answer is held against a plain
oracle that knows when each state began and ended. No answer may be that of a state which ended more than a second ago.
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from rules.facts import Account, AccountId, Entity, EntityId, Interest
from rules.geography import Jurisdiction
from rules.shares import Bounds, Share
from service.dossiers import Listing
from service.settings import Settings
from service.storage import keys
from service.storage.database import Database, Writing, open_database
from service.storage.fact_rows import RecordedInterest, RecordedListing
from service.storage.facts import (
    put_account,
    put_entity,
    put_interest,
    put_listing,
    retract_interest,
    retract_listing,
)
from service.storage.key_records import NewKey
from service.storage.migrate import upgrade
from service.storage.rulesets import publish_imported
from tests.record.stalls import Stalls
from tests.record.worker import Worker, now, working
from tests.service.connections import JSON, plain_question, plain_request
from tests.valkey_server import ValkeyServer

BOUND_SECONDS = 1.0
PERCENT = 10_000

Outcome: TypeAlias = Literal["allow", "deny", "refused"]

FAR, MIDDLE, COMPANY, OTHER = map(EntityId, ("far", "middle", "company", "other"))
ACCOUNTS = {"acct-company": COMPANY, "acct-other": OTHER}
STAKES = {"far-middle": (FAR, MIDDLE), "middle-company": (MIDDLE, COMPANY), "far-other": (FAR, OTHER)}

POLICY = """
language: 1
ruleset: guarded
default: {default}
if_unknown: apply
rules:
  - id: afar
    effect: deny
    when: {{owned: {{by: {{seat_in: [CN]}}, share: ">= {share}%"}}}}
    reason: afar
  - id: listed
    effect: deny
    when: {{entity: {{listed: [black]}}}}
    reason: listed
"""


@dataclass(frozen=True, slots=True)
class State:
    """What is recorded, as the oracle sees it."""

    default: Literal["allow", "deny"] = "allow"
    threshold: int = 50
    shares: tuple[tuple[str, int], ...] = ()
    """By stake, in percent."""
    listed: frozenset[str] = frozenset()
    is_revoked: bool = False

    def outcome(self, account: str) -> Outcome:
        """What must be answered."""
        if self.is_revoked:
            return "refused"
        entity = ACCOUNTS[account]
        if self._is_held(entity) or entity in self.listed:
            return "deny"
        return self.default

    def _is_held(self, entity: str) -> bool:
        shares = dict(self.shares)
        if entity == OTHER:
            return shares.get("far-other", 0) >= self.threshold
        return min(shares.get("far-middle", 0), shares.get("middle-company", 0)) >= self.threshold


@dataclass(slots=True)
class Oracle:
    """Every state that there was, from when to when."""

    states: list[tuple[float, State]] = field(default_factory=lambda: [(0.0, State())])
    """With the moment that it began at the earliest."""
    ended: list[float] = field(default_factory=list)
    """When each but the last ended at the latest."""

    @property
    def current(self) -> State:
        return self.states[-1][1]

    def allowed(self, account: str, since: float, until: float) -> set[Outcome]:
        """What may be answered between these moments."""
        ends = [*self.ended, float("inf")]
        return {
            state.outcome(account)
            for (began, state), end in zip(self.states, ends, strict=True)
            if began <= until and end >= since
        }


@dataclass(slots=True)
class Fleet:
    """Two workers, what they share, and a gateway's key."""

    database: Database
    redis: ValkeyServer
    workers: list[Worker]
    key_id: str
    key: str
    stalls: Stalls

    def ask(self, worker: int, account: str) -> Outcome:
        body = plain_question(account, "tool", "use")
        request = plain_request(body, JSON, b"Authorization: Bearer " + self.key.encode())
        status, answer = self.workers[worker].answer(request)
        if status in (401, 429):  # the latter after many of the former
            return "refused"
        assert status == 200, answer
        effect: Outcome = json.loads(answer)["context"]["effect"]
        return effect


def settings_of(url: str, redis: str) -> Settings:
    return Settings(database=url, redis=redis, ruleset="guarded")


def begin(database: Database) -> tuple[str, str]:
    """The first state of the record; the id and the text of a key."""
    with database.writing() as writing:
        publish_imported(writing, "guarded", POLICY.format(default="allow", share=50), "yaml", "cli:test")
        for id in (FAR, MIDDLE, COMPANY, OTHER):
            seat = frozenset({Jurisdiction("CN" if id == FAR else "DE")})
            entity = Entity(id, seats={"headquarters": seat, "incorporation": seat})
            put_entity(writing, entity)
        for account, entity_id in ACCOUNTS.items():
            put_account(writing, Account(AccountId(account), entity=entity_id))
        record, text = keys.create(writing, NewKey("gateway", frozenset({"decide"})), "cli:test")
    return record.id, text


class Guarantee(RuleBasedStateMachine):
    """Anything may happen, in any order; what is answered is never too old."""

    url: Callable[[Path], str]
    steps = 0

    @initialize()
    def set_up(self) -> None:
        self.stack = ExitStack()
        directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        redis = ValkeyServer(directory / "valkey")
        redis.start()
        self.stack.callback(redis.stop)
        url = type(self).url(directory)
        database = open_database(url, now)
        upgrade(database)
        self.stack.callback(database.close)
        key_id, key = begin(database)
        stalls = Stalls()
        stalls.start()
        self.stack.callback(stalls.stop)
        workers = [self.stack.enter_context(working(settings_of(url, redis.url))) for _ in range(2)]
        self.fleet = Fleet(database, redis, workers, key_id, key, stalls)
        self.oracle = Oracle()
        self.redis_is: Literal["up", "down", "frozen"] = "up"
        for worker in range(2):
            self._wait_for_agreement(worker, "acct-company")

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def _write(self, state: State, write: Callable[[Writing], object]) -> None:
        """Change the record as another process would whose hint is lost: the workers must find out for themselves."""
        Guarantee.steps += 1
        began = time.monotonic()
        with self.fleet.database.writing() as writing:
            write(writing)
        ended = time.monotonic()
        self.oracle.ended.append(ended)
        self.oracle.states.append((began, state))

    @rule(share=st.sampled_from([25, 50, 75]), default=st.sampled_from(["allow", "deny"]))
    def publish(self, share: int, default: Literal["allow", "deny"]) -> None:
        text = POLICY.format(default=default, share=share)
        state = replace(self.oracle.current, threshold=share, default=default)
        self._write(state, lambda writing: publish_imported(writing, "guarded", text, "yaml", "cli:test"))

    @rule(stake=st.sampled_from(sorted(STAKES)), percent=st.sampled_from([0, 30, 50, 60, 100]))
    def hold(self, stake: str, percent: int) -> None:
        owner, subject = STAKES[stake]
        share = Share(percent * PERCENT)
        recorded = RecordedInterest(stake, Interest(owner, subject, Bounds(share, share)))
        shares = {**dict(self.oracle.current.shares), stake: percent}
        state = replace(self.oracle.current, shares=tuple(sorted(shares.items())))
        self._write(state, lambda writing: put_interest(writing, recorded))

    @rule(stake=st.sampled_from(sorted(STAKES)))
    def divest(self, stake: str) -> None:
        shares = {name: percent for name, percent in self.oracle.current.shares if name != stake}
        state = replace(self.oracle.current, shares=tuple(sorted(shares.items())))
        self._write(state, lambda writing: retract_interest(writing, stake))

    @rule(entity=st.sampled_from([COMPANY, OTHER]))
    def list_entity(self, entity: EntityId) -> None:
        recorded = RecordedListing(f"black-{entity}", entity, Listing("black"))
        state = replace(self.oracle.current, listed=self.oracle.current.listed | {entity})
        self._write(state, lambda writing: put_listing(writing, recorded))

    @rule(entity=st.sampled_from([COMPANY, OTHER]))
    def delist_entity(self, entity: EntityId) -> None:
        state = replace(self.oracle.current, listed=self.oracle.current.listed - {entity})
        self._write(state, lambda writing: retract_listing(writing, f"black-{entity}"))

    @precondition(lambda self: not self.oracle.current.is_revoked)
    @rule(is_wanted=st.sampled_from([False, False, False, True]))
    def revoke(self, is_wanted: bool) -> None:
        if is_wanted:
            state = replace(self.oracle.current, is_revoked=True)
            self._write(state, self._revoke)

    def _revoke(self, writing: Writing) -> None:
        record = keys.get(writing.connection, self.fleet.key_id)
        assert record is not None
        keys.revoke(writing, record, "cli:test")

    @precondition(lambda self: self.oracle.current.is_revoked)
    @rule()
    def make_another_key(self) -> None:
        """The old one stays refused; the workers' clients take the new one."""
        with self.fleet.database.writing() as writing:
            record, text = keys.create(writing, NewKey("gateway", frozenset({"decide"})), "cli:test")
        for worker in range(2):
            self._wait_for_agreement(worker, "acct-other")
        self.fleet.key_id, self.fleet.key = record.id, text
        deadline = time.monotonic() + BOUND_SECONDS
        while any(self.fleet.ask(worker, "acct-other") == "refused" for worker in range(2)):
            assert time.monotonic() < deadline + self.fleet.stalls.since(deadline - BOUND_SECONDS)
        ended = time.monotonic()
        self.oracle = Oracle([(ended, replace(self.oracle.current, is_revoked=False))])

    @precondition(lambda self: self.redis_is == "up")
    @rule(how=st.sampled_from(["down", "frozen"]))
    def break_redis(self, how: Literal["down", "frozen"]) -> None:
        (self.fleet.redis.kill if how == "down" else self.fleet.redis.freeze)()
        self.redis_is = how

    @precondition(lambda self: self.redis_is != "up")
    @rule()
    def mend_redis(self) -> None:
        """After it was killed it comes back with empty memory; after it was frozen, with what it had."""
        (self.fleet.redis.start if self.redis_is == "down" else self.fleet.redis.thaw)()
        self.redis_is = "up"

    @rule(worker=st.integers(0, 1), account=st.sampled_from(sorted(ACCOUNTS)))
    def ask(self, worker: int, account: str) -> None:
        """No answer is that of a state that ended more than a second before it was asked for."""
        Guarantee.steps += 1
        asked = time.monotonic()
        outcome = self.fleet.ask(worker, account)
        stalled = self.fleet.stalls.since(asked - BOUND_SECONDS)
        allowed = self.oracle.allowed(account, asked - BOUND_SECONDS - stalled, time.monotonic())
        assert outcome in allowed, (outcome, allowed, self.redis_is)

    @rule(account=st.sampled_from(sorted(ACCOUNTS)))
    def wait_for_agreement(self, account: str) -> None:
        """Within a second of the last write, both workers answer as the oracle does."""
        for worker in range(2):
            self._wait_for_agreement(worker, account)

    def _wait_for_agreement(self, worker: int, account: str) -> None:
        Guarantee.steps += 1
        began = time.monotonic()
        wanted = self.oracle.current.outcome(account)
        while (outcome := self.fleet.ask(worker, account)) != wanted:
            waited = time.monotonic() - began
            allowed = BOUND_SECONDS + self.fleet.stalls.since(began)
            assert waited < allowed, (outcome, wanted, self.redis_is, waited)


def run(url: Callable[[Path], str], examples: int) -> None:
    machine = type("Guarantee", (Guarantee,), {"url": staticmethod(url)})
    few = settings(
        settings.get_profile("default"), max_examples=examples, stateful_step_count=40, phases=[Phase.generate]
    )  # what depends on time does not shrink
    run_state_machine_as_test(machine, settings=few)


def test_no_answer_is_older_than_the_bound() -> None:
    run(lambda directory: f"sqlite:///{directory / 'cordon.db'}", examples=6)


def test_no_answer_is_older_than_the_bound_on_postgresql(request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql_server")
    run(lambda _: server.create(), examples=3)
