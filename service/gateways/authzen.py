"""OpenID AuthZEN Authorization API 1.0: evaluation, evaluations, metadata. For searches, see `authzen_search`.

A denial is a 200. What is wrong with a request is a 400, never a framework's 422; of a question in a batch it is said
in the place of its answer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from rules.traces import Explanation
from service.decide import AccessRequest, Answer
from service.errors import BadRequest, NotAllowed, RequestFault, ServiceError
from service.gateways.authzen_answers import evaluation_answer, faulty_item
from service.gateways.authzen_calls import Call, Reception
from service.gateways.authzen_models import Evaluation, EvaluationAnswer, Evaluations, FaultyItem
from service.gateways.authzen_requests import (
    Caller,
    Permissions,
    access_request,
    read_evaluation,
    read_evaluations,
    read_item,
)
from service.gateways.authzen_search import SEARCH_PATHS
from service.gateways.wire import Receive, Scope, Send

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
class Terms:
    """How much callers may ask for at a time."""

    evaluations_limit: int
    explanations_limit: int
    """The same, of those that are explained: they take far longer."""


@dataclass(frozen=True, slots=True)
class _Questions:
    """A body that asks, and for whom."""

    caller: Caller
    body: bytes
    explain: bool

    @classmethod
    def of(cls, call: Call) -> "_Questions":
        explain = _wants_trace(call.query, call.may)
        return cls(Caller(call.may, call.now, explain), call.body, explain)


@dataclass(frozen=True, slots=True)
class AuthZen:
    """The endpoints, as ASGI applications."""

    decider: Decides
    reception: Reception
    terms: Terms

    async def evaluation(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        await self.reception.receive(scope, receive, send, self._one)

    async def evaluations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer several questions, or one if there is but one."""
        await self.reception.receive(scope, receive, send, self._several)

    async def _one(self, call: Call) -> Mapping[str, Any]:
        return await self._single(_Questions.of(call))

    async def _several(self, call: Call) -> Mapping[str, Any]:
        return await self._batch(_Questions.of(call))

    async def _single(self, asked: _Questions) -> Mapping[str, Any]:
        return await self._answer(read_evaluation(asked.body), asked)

    async def _batch(self, asked: _Questions) -> Mapping[str, Any]:
        batch = read_evaluations(asked.body)
        items = batch.get("evaluations")
        if not items:
            return await self._single(asked)
        self._require_few(len(items), asked)
        return {"evaluations": await self._answers(batch, items, asked)}

    def _require_few(self, questions: int, asked: _Questions) -> None:
        terms = self.terms
        limit = min(terms.explanations_limit, terms.evaluations_limit) if asked.explain else terms.evaluations_limit
        if questions > limit:
            message = f"more than {limit}{' to explain' if asked.explain else ''}"
            raise BadRequest(f"/evaluations: {message}", (RequestFault("/evaluations", message),))

    async def _answers(
        self, batch: Evaluations, items: list[Any], asked: _Questions
    ) -> list[EvaluationAnswer | FaultyItem]:
        defaults = {name: value for name, value in batch.items() if name in _DEFAULTS}
        stop_at = _STOP_AT[batch.get("options", {}).get("evaluations_semantic", "execute_all")]
        answers: list[EvaluationAnswer | FaultyItem] = []
        for number, item in enumerate(items, 1):
            answer = await self._item(defaults, item, asked)
            answers.append(answer)
            if answer["decision"] is stop_at:
                break
            if number % QUESTIONS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        return answers

    async def _item(
        self, defaults: Mapping[str, Any], item: object, asked: _Questions
    ) -> EvaluationAnswer | FaultyItem:
        try:
            return await self._answer(read_item(defaults, item), asked)
        except ServiceError as error:
            return faulty_item(error)

    async def _answer(self, evaluation: Evaluation, asked: _Questions) -> EvaluationAnswer:
        request = access_request(evaluation, asked.caller)
        if not asked.explain:
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
        **{f"search_{what}_endpoint": base_url + path for what, path in SEARCH_PATHS.items()},
    }
