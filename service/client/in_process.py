"""Decisions of a service that lives in the application's own process, as the clients give them.

The same question is read by the same rules as over HTTP, and means the same. An application may do what it likes with
its own service: no key is asked for, and it may set the time and give facts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Protocol

from service.client.decisions import DataSource, Decision, Obligation, RuleSet
from service.client.errors import CordonError, CordonRefused, CordonUnreachable, Fault, WhenUnreachable
from service.client.options import Options, conversation
from service.client.questions import Question
from service.clocks import utc_now
from service.decide import AccessRequest, Answer
from service.errors import STATUS, BadRequest, ServiceError
from service.gateways.authzen_answers import evaluation_answer
from service.gateways.authzen_models import EvaluationAnswer
from service.gateways.authzen_requests import Caller, Permissions, access_request, read_item
from service.gateways.wire import AsgiApp

EVERYTHING: Final[Permissions] = frozenset(("time", "facts"))


class Decides(Protocol):
    """The decision point: `service.decide.Decider`."""

    async def decide(self, request: AccessRequest) -> Answer: ...


class InProcess:
    """Asks a decision point of this process."""

    def __init__(
        self, decider: Decides, *, when_unreachable: WhenUnreachable, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """`when_unreachable`: what counts where it cannot decide: no rules are loaded, nothing can be recorded."""
        self._decider = decider
        self._conversation = conversation(when_unreachable, Options())
        self._clock = clock

    async def evaluate(self, question: Question) -> Decision:
        """The answer to one question.

        Raises:
            CordonRefused: it cannot be asked.
            CordonUnreachable: there is no answer, and `when_unreachable` is `raise`.
        """
        try:
            caller = Caller(EVERYTHING, self._clock())
            answer = await self._decider.decide(access_request(read_item({}, question.document()), caller))
        except ServiceError as error:
            return self._without(error)
        return decision_of(evaluation_answer(answer))

    def _without(self, error: ServiceError) -> Decision:
        status = STATUS[type(error)]
        if status < 500:
            faults = error.faults if isinstance(error, BadRequest) else ()
            raise CordonRefused(status, str(error), tuple(Fault(fault.at, fault.message) for fault in faults))
        return self._conversation.instead(CordonUnreachable("status", str(error), status))


def decision_of(answer: EvaluationAnswer) -> Decision:
    """The same that a client reads from an answer over HTTP."""
    context = answer["context"]
    expires_at = context["expires_at"]
    return Decision(
        answer["decision"],
        context["effect"],
        decision_id=context["decision_id"],
        rule=context["rule"],
        reason_user=context["reason_user"],
        reason_admin=context["reason_admin"],
        ruleset=RuleSet(**context["ruleset"]),
        data=tuple(DataSource(**source) for source in context["data"]),
        unknown=tuple(context["unknown"]),
        monitored=tuple(context["monitored"]),
        obligations=tuple(Obligation(**obligation) for obligation in context["obligations"]),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
        status=context.get("status", 200),
    )


@asynccontextmanager
async def running(app: AsgiApp) -> AsyncIterator[None]:
    """Do what a service does besides answering (take up changed data, record decisions) for as long as this lasts.

    Raises:
        CordonError: it cannot begin.
    """
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    life = asyncio.ensure_future(app(scope, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    await _complete("startup", said, life)
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await _complete("shutdown", said, life)
        await life


async def _complete(stage: str, said: asyncio.Queue[Any], life: asyncio.Future[None]) -> None:
    word = asyncio.ensure_future(said.get())
    await asyncio.wait((word, life), return_when=asyncio.FIRST_COMPLETED)
    if word.done() and word.result()["type"] == f"lifespan.{stage}.complete":
        return
    word.cancel()
    await asyncio.gather(life, return_exceptions=True)
    raise CordonError(f"the service did not complete its {stage}: see its log")
