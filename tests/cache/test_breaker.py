"""When the circuit opens, when it is probed, and for how long it stays open."""

from dataclasses import dataclass, field

from service.cache.breaker import Breaker, BreakerLimits

LIMITS = BreakerLimits(failures=3, window=10.0, together=0.05, pause=1.0, longest_pause=10.0, calm=30.0)


@dataclass(slots=True)
class Trial:
    """A breaker, and the time that it sees."""

    now: float = 1000.0
    jitter: float = 0.5
    breaker: Breaker = field(init=False)

    def __post_init__(self) -> None:
        self.breaker = Breaker(LIMITS, lambda: self.now, lambda: self.jitter)

    def fail(self, *after: float) -> list[bool]:
        """Failures, each so long after the one before; whether each opened the circuit."""
        return [self._fail(seconds) for seconds in after]

    def _fail(self, after: float) -> bool:
        self.now += after
        return self.breaker.failed()

    def seconds_until_probe(self) -> float:
        begun = self.now
        while not self.breaker.takes_probe():
            self.now += 0.01
        return round(self.now - begun, 1)


def test_it_opens_after_several_failures() -> None:
    trial = Trial()
    assert trial.fail(0, 1, 1) == [False, False, True]
    assert not trial.breaker.is_closed
    assert trial.breaker.openings == 1


def test_failures_that_come_together_are_one() -> None:
    trial = Trial()
    assert not any(trial.fail(0, 0, 0.01, 0.04, 0.05))


def test_failures_further_apart_than_the_window_do_not_open_it() -> None:
    trial = Trial()
    assert not any(trial.fail(0, 6, 6, 6))
    assert trial.fail(2) == [True]


def test_one_caller_probes_after_the_pause() -> None:
    trial = Trial()
    trial.fail(0, 1, 1)
    assert not trial.breaker.takes_probe()
    assert trial.seconds_until_probe() == 1.0
    assert not trial.breaker.takes_probe()


def test_a_probe_that_succeeds_closes_it() -> None:
    trial = Trial()
    trial.fail(0, 1, 1)
    trial.seconds_until_probe()
    trial.breaker.probed(True)
    assert trial.breaker.is_closed
    assert not trial.breaker.takes_probe()


def test_the_pause_doubles_with_each_probe_that_fails_up_to_its_limit() -> None:
    trial = Trial()
    trial.fail(0, 1, 1)
    pauses = []
    for _ in range(6):
        pauses.append(trial.seconds_until_probe())
        trial.breaker.probed(False)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_the_pause_goes_on_doubling_if_it_opens_again_soon() -> None:
    trial = Trial()
    for pause in (1.0, 2.0, 4.0):
        trial.fail(1, 1, 1)
        assert trial.seconds_until_probe() == pause
        trial.breaker.probed(True)


def test_the_pause_is_short_again_after_a_calm() -> None:
    trial = Trial()
    for _ in range(3):
        trial.fail(1, 1, 1)
        trial.seconds_until_probe()
        trial.breaker.probed(True)
    trial.now += 31
    trial.fail(0, 1, 1)
    assert trial.seconds_until_probe() == 1.0


def test_workers_do_not_probe_as_one() -> None:
    early, late = Trial(jitter=0.0), Trial(jitter=0.9)
    for trial in (early, late):
        trial.fail(0, 1, 1)
    assert (early.seconds_until_probe(), late.seconds_until_probe()) == (0.8, 1.2)


def test_failures_while_it_is_open_change_nothing() -> None:
    trial = Trial()
    trial.fail(0, 1, 1)
    assert not any(trial.fail(0.2, 0.2, 0.2))
    assert trial.seconds_until_probe() == 0.4
