"""Two workers share a Valkey, each with what it has followed: whatever is written back late, none takes what is old."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rules.facts import Account, AccountId, EntityId, Interest
from rules.shares import Bounds, Share
from service.cache.connections import connections_to
from service.cache.facts import RedisFacts
from service.changelog import ChangeLog, Touched
from service.dossiers import Dossier
from tests.cache.waiting import get, written
from tests.valkey_server import ValkeyServer

OWNERS = {"acct-1": ("a", "b"), "acct-2": ("b", "c"), "acct-3": ()}
IDS_KEPT = 4
"""Of changes, in the log of the one worker; the other has room for all."""

workers = st.integers(0, 1)
accounts = st.sampled_from(sorted(OWNERS))


@dataclass(slots=True)
class Record:
    """The database: which change last touched what. Facts are the numbers of those changes."""

    epoch: int = 0
    changes: list[list[Touched]] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return len(self.changes)

    def last(self, touched: Touched, seq: int) -> int:
        """The number of the last change that touched it, of those up to `seq`."""
        return max((number for number, ids in enumerate(self.changes[:seq], 1) if touched in ids), default=0)

    def read(self, account: str) -> Dossier:
        """What is known now."""
        owners = OWNERS[account]
        interests = tuple(_number(owner, self.last(("entity", owner), self.seq)) for owner in owners)
        own = _number(account, self.last(("account", account), self.seq))
        return Dossier(
            epoch=f"e{self.epoch}",
            seq=self.seq,
            subject=Account(AccountId(account)),
            interests=(*interests, own),
            reached=frozenset(owners),
        )


def _number(name: str, seq: int) -> Interest:
    return Interest(EntityId(name), EntityId("any"), Bounds(Share(seq), Share(seq)))


@dataclass(slots=True)
class Worker:
    """One process: the changes that it has followed, and its cache."""

    url: str
    kept: int
    log: ChangeLog = field(init=False)
    facts: RedisFacts = field(init=False)

    def __post_init__(self) -> None:
        self.log = ChangeLog("e0", 0, self.kept)
        self.facts = RedisFacts(connections_to(self.url), lambda: self.log.epoch, namespace="races")

    def follow(self, record: Record, seq: int) -> None:
        if self.log.epoch != f"e{record.epoch}":
            self.log = ChangeLog(f"e{record.epoch}", 0, self.kept)
        for number, ids in enumerate(record.changes[:seq], 1):
            self.log.apply(number, ids)

    async def ask_all(self) -> list[Dossier]:
        """What it finds and takes."""
        answers = await asyncio.gather(*(get(self.facts, "account", account) for account in OWNERS))
        return [found for found in answers if found is not None and self._holds(found)]

    def _holds(self, found: Dossier) -> bool:
        return self.log.holds(found.epoch, found.seq, ("account", found.subject.id), found.reached)


class Sharing(RuleBasedStateMachine):
    """Changes, slow readers, slow followers and restores, in any order."""

    server: ValkeyServer
    read_before = Bundle("read_before")

    def __init__(self) -> None:
        super().__init__()
        self.server.command("FLUSHALL")
        self.record = Record()
        self.workers = (Worker(self.server.url, 200_000), Worker(self.server.url, IDS_KEPT))
        self.runner = asyncio.Runner()

    def teardown(self) -> None:
        for worker in self.workers:
            self.runner.run(worker.facts.close())
        self.runner.close()

    @initialize(target=read_before)
    def everything_has_been_read_and_written(self) -> MultipleResults[Dossier]:
        dossiers = [self.record.read(account) for account in sorted(OWNERS)]
        self.runner.run(written(self.workers[0].facts, *dossiers))
        return multiple(*dossiers)

    @rule(entities=st.sets(st.sampled_from("abc"), min_size=1), account=st.none() | accounts)
    def something_changes(self, entities: set[str], account: str | None) -> None:
        own = [] if account is None else [("account", account)]
        self.record.changes.append([("entity", id) for id in sorted(entities)] + own)

    @rule(target=read_before, account=accounts)
    def somebody_reads_the_database(self, account: str) -> Dossier:
        return self.record.read(account)

    @rule(worker=workers, one=read_before)
    def somebody_writes_back_what_they_read(self, worker: int, one: Dossier) -> None:
        self.runner.run(written(self.workers[worker].facts, one))

    @rule(worker=workers, behind=st.integers(0, 2))
    def a_worker_follows(self, worker: int, behind: int) -> None:
        self.workers[worker].follow(self.record, max(0, self.record.seq - behind))

    @precondition(lambda self: self.record.seq > 5)
    @rule(lost=st.integers(1, 3))
    def the_database_is_restored_from_a_backup(self, lost: int) -> None:
        del self.record.changes[-lost:]
        self.record.epoch += 1

    @invariant()
    def no_worker_takes_what_it_could_know_to_be_old(self) -> None:
        for worker in self.workers:
            if worker.log.epoch == f"e{self.record.epoch}":
                for found in self.runner.run(worker.ask_all()):
                    self._is_new_enough(found, worker.log.applied)

    def _is_new_enough(self, found: Dossier, applied: int) -> None:
        for interest in found.interests:
            name = str(interest.owner)
            touched = ("account" if name in OWNERS else "entity", name)
            assert interest.share.lower >= self.record.last(touched, applied)


def test_whatever_is_written_back_late_no_worker_takes_what_is_old(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sharing, "server", valkey, raising=False)
    run_state_machine_as_test(
        Sharing, settings=settings(stateful_step_count=20, max_examples=settings().max_examples // 3)
    )
