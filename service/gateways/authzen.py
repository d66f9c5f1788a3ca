"""OpenID AuthZEN Authorization API 1.0: evaluation, evaluations, metadata.

A denial is a 200. What is wrong with a request is a 400, never a framework's 422; of a question in a batch it is said
in the place of its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs

from rules.traces import Explanation
from service.decide import AccessRequest, Answer
from service.errors import BadRequest, NotAllowed, RequestFault, ServiceError, TooLarge, headers_of, problem_of
from service.gateways.authzen_answers import evaluation_answer, faulty_item
from service.gateways.authzen_models import Evaluation, EvaluationAnswer, Evaluations, FaultyItem
from service.gateways.authzen_requests import (
    Caller,
    Permission,
    Permissions,
    access_request,
    read_evaluation,
    read_evaluations,
    read_item,
)
from service.gateways.wire import (
    Disconnected,
    Receive,
    Scope,
    Send,
    header,
    read_json_body,
    send_json,
    send_json_and_close,
)

EVALUATION_PATH = "/access/v1/evaluation"
EVALUATIONS_PATH = "/access/v1/evaluations"
CONFIGURATION_PATH = "/.well-known/authzen-configuration"

QUESTIONS_AT_A_TIME = 32
"""A long batch lets other requests in between after so many questions."""

_DEFAULTS = ("subject", "resource", "action", "context")
_STOP_AT = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}


class Decides(Protocol):
    """The decision point."""

    async def decide(self, request: AccessRequest) -> Answer: ...
    async def explain(self, request: AccessRequest) -> tuple[Answer, Explanation]: ...


@dataclass(frozen=True, slots=True)
class Admission:
    """That a caller may ask for decisions, for as long as the keys are those of its generation."""

    generation: object
    key_id: str | None = None
    """None: no key was needed."""
    until: datetime | None = None
    """When the key expires; None if never."""


class Callers(Protocol):
    """Knows who may ask, and what."""

    @property
    def generation(self) -> object:
        """Of the keys: another one, once they change."""

    def identify(
        self, authorization: bytes | None, api_key: bytes | None, *, peer: str, now: datetime
    ) -> frozenset[Permission]:
        """What the bearer of these headers may ask.

        Raises:
            ServiceError: nothing.
        """

    def admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        """What these headers admit to; None if they admit to nothing, or not surely. Notes nothing."""

    def admitted(self, key_id: str, at: datetime) -> None:
        """A key was used."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How much callers may ask for at a time."""

    body_limit_bytes: int
    evaluations_limit: int
    explanations_limit: int
    """The same, of those that are explained: they take far longer."""


@dataclass(frozen=True, slots=True)
class _Call:
    caller: Caller
    body: bytes
    explain: bool


_Act: TypeAlias = Callable[[_Call], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class AuthZen:
    """The endpoints, as ASGI applications."""

    decider: Decides
    callers: Callers
    terms: Terms
    clock: Callable[[], datetime]
    count_fault: Callable[[int], None]
    """Is told the status of every request that is answered by an error."""

    async def evaluation(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        await self._respond(scope, receive, send, self._single)

    async def evaluations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer several questions, or one if there is but one."""
        await self._respond(scope, receive, send, self._batch)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, act: _Act) -> None:
        try:
            body = await read_json_body(scope, receive, self.terms.body_limit_bytes)
            now = self.clock()  # once all of it is here: who holds a body back is not answered by an earlier moment
            may = self._identify(scope, now)
            explain = _wants_trace(scope["query_string"], may)
            content = await act(_Call(Caller(may, now, explain), body, explain))
            await send_json(send, 200, content)
        except ServiceError as error:
            await self._refuse(error, receive, send)
        except Disconnected:
            return

    def _identify(self, scope: Scope, now: datetime) -> Permissions:
        client = scope.get("client")
        peer = client[0] if client else ""
        return self.callers.identify(header(scope, b"authorization"), header(scope, b"x-api-key"), peer=peer, now=now)

    async def _refuse(self, error: ServiceError, receive: Receive, send: Send) -> None:
        status, document = problem_of(error)
        self.count_fault(status)
        if isinstance(error, TooLarge) and error.is_unread:
            await send_json_and_close(receive, send, status=status, content=document)
        else:
            await send_json(send, status, document, headers_of(error))

    async def _single(self, call: _Call) -> Mapping[str, Any]:
        return await self._answer(read_evaluation(call.body), call)

    async def _batch(self, call: _Call) -> Mapping[str, Any]:
        batch = read_evaluations(call.body)
        items = batch.get("evaluations")
        if not items:
            return await self._single(call)
        self._require_few(len(items), call)
        return {"evaluations": await self._answers(batch, items, call)}

    def _require_few(self, questions: int, call: _Call) -> None:
        terms = self.terms
        limit = min(terms.explanations_limit, terms.evaluations_limit) if call.explain else terms.evaluations_limit
        if questions > limit:
            message = f"more than {limit}{' to explain' if call.explain else ''}"
            raise BadRequest(f"/evaluations: {message}", (RequestFault("/evaluations", message),))

    async def _answers(self, batch: Evaluations, items: list[Any], call: _Call) -> list[EvaluationAnswer | FaultyItem]:
        defaults = {name: value for name, value in batch.items() if name in _DEFAULTS}
        stop_at = _STOP_AT[batch.get("options", {}).get("evaluations_semantic", "execute_all")]
        answers: list[EvaluationAnswer | FaultyItem] = []
        for number, item in enumerate(items, 1):
            answer = await self._item(defaults, item, call)
            answers.append(answer)
            if answer["decision"] is stop_at:
                break
            if number % QUESTIONS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        return answers

    async def _item(self, defaults: Mapping[str, Any], item: object, call: _Call) -> EvaluationAnswer | FaultyItem:
        try:
            return await self._answer(read_item(defaults, item), call)
        except ServiceError as error:
            return faulty_item(error)

    async def _answer(self, evaluation: Evaluation, call: _Call) -> EvaluationAnswer:
        request = access_request(evaluation, call.caller)
        if not call.explain:
            return evaluation_answer(await self.decider.decide(request))
        answer, explanation = await self.decider.explain(request)
        return evaluation_answer(answer, explanation)


def _wants_trace(query: bytes, may: Permissions) -> bool:
    if not query:
        return False
    wanted = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("explain", ["false"])
    if not set(wanted) <= {"true", "false"}:
        raise BadRequest("`explain` is neither `true` nor `false`")
    if "true" in wanted and "explain" not in may:
        raise NotAllowed("this caller may not ask for an explanation")
    return "true" in wanted


def configuration(base_url: str) -> dict[str, str]:
    """The metadata document; only the endpoints that there are."""
    return {
        "policy_decision_point": base_url,
        "access_evaluation_endpoint": base_url + EVALUATION_PATH,
        "access_evaluations_endpoint": base_url + EVALUATIONS_PATH,
    }
