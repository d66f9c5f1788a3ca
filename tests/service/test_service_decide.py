"""The decision point: total, the same for both meanings of the rules, and deaf to what changes under way."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rules.facts import AccountId, EntityId, ResourceId
from rules.geography import Jurisdiction
from service.decide import AccessRequest, Answer, Decider, Hits, InlineFacts, Snapshot
from service.directory_facts import DirectoryWorld, NoHistory
from service.programs import snapshot_of
from service.storage.directory import load_directory
from tests.service.conftest import NOW, WORLD, Asker, embedded, write_world

REQUESTS = st.builds(
    AccessRequest,
    account=st.sampled_from(["acct-near", "acct-half", "acct-bare", "nobody"]).map(AccountId),
    resource=st.sampled_from(["tool", "nothing"]).map(ResourceId),
    at=st.integers(0, 365 * 15).map(lambda days: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days)),
    address=st.sampled_from([None, "8.8.8.8", "1.2.4.8", "10.0.0.1", "2001:4860:4860::8888"]) | st.text(max_size=20),
    action=st.sampled_from(["use", "train"]),
    foreign=st.booleans(),
    inline=st.none()
    | st.builds(
        InlineFacts,
        entity=st.none() | st.sampled_from(["far", "half", "who"]).map(EntityId),
        declared=st.none()
        | st.dictionaries(st.sampled_from(["billing", "phone"]), st.sampled_from(["CN", "DE"]).map(Jurisdiction)),
    ),
    activity=st.dictionaries(st.just(("countries", timedelta(hours=24))), st.integers(0, 5)),
)


@given(request=REQUESTS)
def test_the_decision_is_the_one_that_is_explained(asker: Asker, request: AccessRequest) -> None:
    answer, explanation = asyncio.run(asker.service.decider.explain(request))
    assert explanation.decision == answer.decision


@given(request=REQUESTS)
def test_what_is_remembered_decides_like_what_is_made_anew(asker: Asker, request: AccessRequest) -> None:
    first = asyncio.run(asker.service.decider.decide(request))
    second = asyncio.run(asker.service.decider.decide(request))
    assert first.decision == second.decision
    assert first.id != second.id


def snapshot(directory: Path, default: str) -> Snapshot:
    changes = {"policy.yaml": WORLD["policy.yaml"].replace("default: allow", f"default: {default}")}
    return snapshot_of(DirectoryWorld(load_directory(write_world(directory, changes)), NOW), ())


@dataclass
class RestlessPrograms:
    """Another snapshot each time it is asked for one."""

    snapshots: list[Snapshot]
    reads: int = 0

    @property
    def current(self) -> Snapshot:
        self.reads += 1
        return self.snapshots[self.reads - 1]


@dataclass
class Recorded:
    """Keeps every answer."""

    answers: list[Answer] = field(default_factory=list)

    def decided(self, answer: Answer) -> None:
        self.answers.append(answer)

    def repeated(self, hits: Hits) -> None:
        raise AssertionError("nothing is repeated here")


def test_a_request_reads_the_program_once_and_is_recorded_once(tmp_path: Path) -> None:
    programs = RestlessPrograms([snapshot(tmp_path / "a", "deny"), snapshot(tmp_path / "b", "allow")])
    recorded = Recorded()
    decider = Decider(programs, embedded(), recorded, lambda: "one", NoHistory())
    request = AccessRequest(AccountId("acct-near"), ResourceId("tool"), NOW, "8.8.8.8")
    answer, explanation = asyncio.run(decider.explain(request))
    assert programs.reads == 1
    assert answer.decision == explanation.decision
    assert answer.decision.effect == "deny"
    assert recorded.answers == [answer]


def test_nothing_is_awaited_when_the_screenings_are_at_hand(asker: Asker) -> None:
    request = AccessRequest(AccountId("acct-near"), ResourceId("tool"), NOW, "8.8.8.8")
    asyncio.run(asker.service.decider.decide(request))
    coroutine = asker.service.decider.decide(request)
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer = done.value
    assert answer.decision.effect == "allow"
