"""What the service says of itself: counters and gauges for Prometheus, and log lines on standard error.

Cheap where it is hot: a decision raises one number, which a collector reads.
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from structlog.typing import EventDict

from service.collectors import EFFECTS, DecisionCollector
from service.decide import Answer, Hits
from service.programs import Refusal, Snapshot
from service.recording import count

FAULTS_LOGGED = 1000
"""More faults of one refused directory are counted, not listed."""

RELAYED = ("uvicorn.error", "asyncio")
"""Loggers of the standard library whose lines are taken in."""
NOISE = ("Unsupported upgrade request", "No supported WebSocket library")
"""Beginnings of lines that any client can cause, and that advise to install what is not wanted."""


def configure_log(level: str, *, is_json: bool) -> None:
    """Send log lines to standard error, as JSON or for people."""
    for_people = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer() if is_json else for_people
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if is_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in RELAYED:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Relay()], False


def mark_log(**marks: object) -> None:
    """Add this to every line from now on."""
    marking = partial(_marked, marks)
    structlog.configure(processors=[marking, *structlog.get_config()["processors"]])


def _marked(marks: Mapping[str, object], logger: object, method: str, event: EventDict) -> EventDict:
    return {**event, **marks}


class _Relay(logging.Handler):
    """Hands on what libraries log, so that all lines have one form; leaves out advice that is of no use here."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith(NOISE):
            structlog.get_logger(record.name).log(record.levelno, message.strip(), exc_info=record.exc_info)


class Telemetry:
    """Counts decisions and reports readings of the data."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._log = structlog.get_logger("cordon")
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.decisions: dict[str, int] = dict.fromkeys(EFFECTS, 0)
        """Decisions made, by effect. Raised by the deciding thread alone."""
        self.registry.register(DecisionCollector(self.decisions))
        self._faulty = Counter(
            "cordon_faulty_requests", "Requests answered by an error.", ["status"], registry=self.registry
        )
        self._unaddressed = Counter(
            "cordon_unknown_client_addresses",
            "Questions of gateways without a client's address.",
            ["reason"],
            registry=self.registry,
        )
        self._searches = Counter("cordon_searches", "Searches answered.", ["for"], registry=self.registry)
        reloads = Counter("cordon_reloads", "Readings of the data directory.", ["result"], registry=self.registry)
        self._published, self._refused = reloads.labels("published"), reloads.labels("refused")
        self._is_refused = Gauge(
            "cordon_reload_refused", "Whether the newest state of the data is not in force.", registry=self.registry
        )
        self._addresses_refused = Counter(
            "cordon_address_reloads_refused", "Replaced address databases that are not used.", registry=self.registry
        )
        self._dated: dict[str, datetime] = {}
        self._ages = Gauge("cordon_data_age_seconds", "Age of a source of data.", ["source"], registry=self.registry)
        self._exposition: Callable[[], bytes] = partial(generate_latest, self.registry)

    def decided(self, answer: Answer) -> None:
        """HOT PATH: count a decision."""
        self.decisions[answer.decision.effect] += 1

    def repeated(self, hits: Hits) -> None:
        """HOT PATH: count decisions given again."""
        count(hits, self.decisions)

    def faulted(self, status: int) -> None:
        """Count a request that was answered by an error."""
        self._faulty.labels(str(status)).inc()

    def unaddressed(self, reason: str) -> None:
        """Count a question of a gateway that has no client's address."""
        self._unaddressed.labels(reason).inc()

    def searched(self, kind: str) -> None:
        """Count a search that was answered, by what it was for."""
        self._searches.labels(kind).inc()

    def failed(self, error: Exception) -> None:
        """Report a fault of the service itself."""
        self._log.error("request failed", exc_info=error)

    def published(self, snapshot: Snapshot) -> None:
        """Report the data that is in force."""
        self._published.inc()
        self._is_refused.set(0)
        self.restated(snapshot)
        ruleset, revision = snapshot.ruleset, snapshot.world.revision
        self._log.info("data in force", revision=revision, ruleset=ruleset.id, rules=ruleset.revision)

    def restated(self, snapshot: Snapshot) -> None:
        """Report the sources of the data that is in force."""
        for source in snapshot.sources:
            if source.name not in self._dated:
                self._ages.labels(source.name).set_function(partial(self._age, source.name))
            self._dated[source.name] = source.dated

    def refused(self, refusal: Refusal) -> None:
        """Report data that is not put in force."""
        self._refused.inc()
        self._is_refused.set(1)
        for fault in refusal.faults[:FAULTS_LOGGED]:
            self._log.error("data refused", fault=str(fault))
        if refusal.reason or len(refusal.faults) > FAULTS_LOGGED:
            self._log.error("data refused", faults=len(refusal.faults), reason=refusal.reason)

    def draft_suspended(self, draft: str, notice: str) -> None:
        """Report a scheduled publication that did not happen."""
        self._log.warning("publication suspended", draft=draft, notice=notice)

    def notice_begun(self, notice: str) -> None:
        """Report something that is not as it should be."""
        self._log.warning("notice", notice=notice)

    def notice_ended(self, notice: str) -> None:
        """Report that it is over."""
        self._log.info("notice over", notice=notice)

    def work_failed(self, work: str, error: Exception) -> None:
        """Report a failure of what is done beside the requests."""
        self._log.error("work failed", work=work, exc_info=error)

    def addresses_refused(self, problems: Sequence[str]) -> None:
        """Report address databases that were replaced by what cannot be used."""
        self._addresses_refused.inc()
        for problem in problems:
            self._log.error("address database refused", fault=problem)

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return self._exposition()

    def expose(self, exposition: Callable[[], bytes]) -> None:
        """From now on, show this in place of what is counted here."""
        self._exposition = exposition

    def _age(self, source: str) -> float:
        return (self._clock() - self._dated[source]).total_seconds()
