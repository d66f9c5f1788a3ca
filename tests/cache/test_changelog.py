"""The log of changes against a plain oracle that remembers every change."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.changelog import ChangeLog, Touched

EPOCH = "first"
START = 10
IDS = ("a", "b", "c", "d", "e")
NONE: frozenset[str] = frozenset()

ids = st.sampled_from(IDS)
subjects = st.sampled_from(("entity", "account", "resource", "ruleset", "key"))
touches = st.lists(st.tuples(subjects, ids), max_size=4)
changes = st.one_of(touches, touches, touches, st.just([("everything", "")]))


@dataclass(slots=True)
class Oracle:
    """Every change, and what it touched."""

    seqs: dict[int, list[Touched]] = field(default_factory=dict)

    def is_touched(self, since: int, own: Touched, entities: frozenset[str]) -> bool:
        return any(self._touches(one, own, entities) for seq, all in self.seqs.items() if seq > since for one in all)

    @staticmethod
    def _touches(one: Touched, own: Touched, entities: frozenset[str]) -> bool:
        return one == own or one[0] == "everything" or (one[0] == "entity" and one[1] in entities)


class Following(RuleBasedStateMachine):
    """Changes come; facts of any age are asked about."""

    limit = 1_000

    def __init__(self) -> None:
        super().__init__()
        self.log = ChangeLog(EPOCH, START, self.limit)
        self.oracle = Oracle()

    @rule(step=st.integers(1, 3), touched=changes)
    def a_change_comes(self, step: int, touched: list[Touched]) -> None:
        seq = self.log.applied + step
        self.oracle.seqs[seq] = touched
        self.log.apply(seq, touched)

    @rule(back=st.integers(0, 3), touched=changes)
    def a_known_change_comes_again(self, back: int, touched: list[Touched]) -> None:
        before = (self.log.floor, self.log.applied, len(self.log))
        self.log.apply(self.log.applied - back, touched)
        assert before == (self.log.floor, self.log.applied, len(self.log))

    @rule(back=st.integers(-2, 12), subject=st.sampled_from(("account", "resource")), id=ids, entities=st.sets(ids))
    def facts_are_asked_about(self, back: int, subject: str, id: str, entities: set[str]) -> None:
        seq, own = self.log.applied - back, (subject, id)
        holds = self.log.holds(EPOCH, seq, own, frozenset(entities))
        is_touched = seq < START or self.oracle.is_touched(seq, own, frozenset(entities))
        assert not (holds and is_touched)
        if self.limit >= 1_000:
            assert holds == (seq >= self.log.floor and not is_touched)
            everything = [seq for seq, all in self.oracle.seqs.items() if ("everything", "") in all]
            assert self.log.floor == max([START, *everything])

    @invariant()
    def it_stays_within_its_limit(self) -> None:
        assert len(self.log) <= self.limit


class FollowingWithin(Following):
    """The same, with room for three ids: it may refuse what is right, and never take what is wrong."""

    limit = 3


TestEveryAnswerIsThatOfTheOracle = Following.TestCase
TestASmallLogNeverTakesWhatTheOracleRefuses = FollowingWithin.TestCase
HALF = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
TestEveryAnswerIsThatOfTheOracle.settings = HALF
TestASmallLogNeverTakesWhatTheOracleRefuses.settings = HALF


def test_facts_of_another_epoch_do_not_hold() -> None:
    log = ChangeLog(EPOCH, START)
    assert log.holds(EPOCH, START, ("account", "a"), NONE)
    assert not log.holds("second", START, ("account", "a"), NONE)


def test_facts_newer_than_the_log_hold() -> None:
    log = ChangeLog(EPOCH, START)
    log.apply(START + 1, [("entity", "a")])
    assert log.holds(EPOCH, START + 2, ("account", "x"), frozenset({"a"}))


def test_a_slow_reader_who_writes_back_what_it_read_before_a_change_is_refused() -> None:
    log = ChangeLog(EPOCH, START)
    read_at = log.applied
    log.apply(START + 1, [("entity", "parent")])
    assert not log.holds(EPOCH, read_at, ("account", "a"), frozenset({"child", "parent"}))
    assert log.holds(EPOCH, read_at, ("account", "b"), frozenset({"stranger"}))


def test_a_rule_set_or_a_key_makes_no_facts_old() -> None:
    log = ChangeLog(EPOCH, START)
    log.apply(START + 1, [("ruleset", "a"), ("key", "a")])
    assert log.holds(EPOCH, START, ("account", "a"), frozenset({"a"}))
    assert log.applied == START + 1


@given(st.integers(1, 5), st.integers(0, 20))
def test_what_is_forgotten_raises_the_floor_to_its_number(limit: int, count: int) -> None:
    log = ChangeLog(EPOCH, 0, limit)
    for seq in range(1, count + 1):
        log.apply(seq, [("entity", f"e{seq}")])
    assert log.floor == max(0, count - limit)


def test_a_change_of_more_ids_than_are_kept_makes_all_facts_old() -> None:
    log = ChangeLog(EPOCH, 0, 10)
    log.apply(1, [("entity", f"e{number}") for number in range(11)])
    assert (log.floor, len(log)) == (1, 0)
    assert not log.holds(EPOCH, 0, ("account", "a"), NONE)


class CountedIds(frozenset[str]):
    """Ids that count how often one of them is looked at."""

    looks = 0

    def __contains__(self, id: object) -> bool:
        self.looks += 1
        return super().__contains__(id)

    def __iter__(self) -> Iterator[str]:
        for id in super().__iter__():
            self.looks += 1
            yield id


def test_asking_takes_as_long_as_the_smaller_side() -> None:
    log = ChangeLog(EPOCH, 0)
    log.apply(1, [("entity", f"e{number}") for number in range(10_000)])
    log.apply(2, [("entity", "late")])
    many = CountedIds(f"x{number}" for number in range(10_000))
    few = CountedIds(f"x{number}" for number in range(3))
    assert log.holds(EPOCH, 1, ("account", "a"), many)
    assert many.looks == 1
    assert log.holds(EPOCH, 0, ("account", "a"), few)
    assert few.looks <= 2 * len(few) + 1
