"""AuthZEN search: which accounts, which resources, which actions an evaluation would say `allow` to.

SOURCE: OpenID AuthZEN Authorization API 1.0, section 8. A page goes on behind the last id of the one before. One
request looks at a bounded number of candidates: a page may hold fewer results than its limit, or none, and yet have one
behind it. A search is no decision: it is not recorded in the decision log. It tells who is
registered, which a gateway need not know: only callers that may search are answered.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

from pydantic import TypeAdapter

from service.decide import AccessRequest
from service.errors import NotAllowed
from service.gateways.authzen_calls import Call, Reception
from service.gateways.authzen_models import (
    Action,
    ActionSearch,
    Context,
    Evaluation,
    PageFound,
    PageWanted,
    Resource,
    ResourceSearch,
    Subject,
    SubjectSearch,
)
from service.gateways.authzen_requests import OWN_FACTS, Caller, access_request, fault, read_json
from service.gateways.page_tokens import NotAToken, Place, place_of, token_of
from service.gateways.wire import AsgiApp, Receive, Scope, Send

Kind: TypeAlias = Literal["subject", "resource", "action"]

SEARCH_PATHS: Final[Mapping[Kind, str]] = {
    "subject": "/access/v1/search/subject",
    "resource": "/access/v1/search/resource",
    "action": "/access/v1/search/action",
}

RESULTS_LIMIT = 1000
"""The most results on a page, whatever is asked for."""
RESULTS_USUAL = 100
"""The same, where nothing is asked for."""
UNSAID = ""
"""Stands for the id that is searched for."""

_SUBJECT: TypeAdapter[SubjectSearch] = TypeAdapter(SubjectSearch)
_RESOURCE: TypeAdapter[ResourceSearch] = TypeAdapter(ResourceSearch)
_ACTION: TypeAdapter[ActionSearch] = TypeAdapter(ActionSearch)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of what can be enumerated."""

    after: str
    """The id behind which it begins; empty: at the first."""
    most: int
    """How many results there may be."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a stretch."""

    ids: tuple[str, ...] = ()
    """In their order."""
    after: str | None = None
    """Where more may be found; None: all was looked at."""


class Finder(Protocol):
    """Finds what the decision point would allow. What a request names of what is searched for counts for nothing."""

    async def accounts(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Registered accounts.

        Raises:
            ServiceError: they cannot be read now.
        """

    async def resources(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Registered resources.

        Raises:
            ServiceError: they cannot be read now.
        """

    async def actions(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Actions that a rule names, and the one that is meant where none is named.

        Raises:
            ServiceError: what must be known cannot be read now.
        """


@dataclass(frozen=True, slots=True)
class _Search:
    """One search, as it was asked for."""

    kind: Kind
    type: str
    """Of what is searched for; of an action, nothing."""
    question: Mapping[str, object]
    """All that was asked, but for the page: what a token is bound to."""
    evaluation: Evaluation
    """The question that each result is an answer to, with nothing in place of what is searched for."""
    page: PageWanted

    def place(self) -> Place:
        """Where the search goes on, or begins.

        Raises:
            BadRequest: the token is not one of this search.
        """
        limit = min(self.page.get("limit", RESULTS_USUAL), RESULTS_LIMIT)
        token = self.page.get("token")
        if not token:
            return Place(limit)
        try:
            place = place_of(token, self.question)
        except NotAToken:
            raise fault("/page/token", "is no `next_token` of this search") from None
        if place.limit > RESULTS_LIMIT or ("limit" in self.page and limit != place.limit):
            raise fault("/page/limit", "is another one than before, which the token is for")
        return place

    def result(self, id: str) -> dict[str, str]:
        """What was found, as AuthZEN has it."""
        return {"name": id} if self.kind == "action" else {"type": self.type, "id": id}

    def answer(self, place: Place, found: Found) -> dict[str, Any]:
        """What was found at this place."""
        is_last = found.after is None
        goes_on = "" if found.after is None else token_of(Place(place.limit, found.after), self.question)
        page: PageFound = {"next_token": goes_on, "count": len(found.ids)}
        if is_last and not place.after:
            page["total"] = len(found.ids)
        return {"page": page, "results": list(map(self.result, found.ids))}


_Read: TypeAlias = Callable[[bytes], _Search]
_Find: TypeAlias = Callable[[AccessRequest, Stretch], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class AuthZenSearch:
    """The endpoints, as ASGI applications."""

    finder: Finder
    reception: Reception
    count: Callable[[str], None]
    """Is told what each search was for that was answered."""

    @property
    def apps(self) -> Mapping[str, AsgiApp]:
        """The endpoints by path."""
        apps = {"subject": self.subject, "resource": self.resource, "action": self.action}
        return {path: apps[kind] for kind, path in SEARCH_PATHS.items()}

    async def subject(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find accounts."""
        await self.reception.receive(scope, receive, send, partial(self._act, _subject_search, self.finder.accounts))

    async def resource(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find resources."""
        await self.reception.receive(scope, receive, send, partial(self._act, _resource_search, self.finder.resources))

    async def action(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find actions."""
        await self.reception.receive(scope, receive, send, partial(self._act, _action_search, self.finder.actions))

    async def _act(self, read: _Read, find: _Find, call: Call) -> dict[str, Any]:
        if "search" not in call.may:
            raise NotAllowed("this caller may not search: a key needs the scope `decide:search`")
        search = read(call.body)
        request = access_request(search.evaluation, Caller(call.may, call.now))
        place = search.place()
        found = await find(request, Stretch(place.after, place.limit))
        self.count(search.kind)
        return search.answer(place, found)


def _subject_search(body: bytes) -> _Search:
    asked = read_json(_SUBJECT, body)
    wanted = asked["subject"]
    for name in sorted(OWN_FACTS & wanted.get("properties", {}).keys()):
        raise fault(f"/subject/properties/{name}", "is said of one account, and many are searched for")
    subject: Subject = {"type": wanted["type"], "id": UNSAID}
    evaluation: Evaluation = {"subject": subject, "resource": asked["resource"], "action": asked["action"]}
    return _search("subject", wanted["type"], asked, evaluation)


def _resource_search(body: bytes) -> _Search:
    asked = read_json(_RESOURCE, body)
    wanted = asked["resource"]
    resource: Resource = {"type": wanted["type"], "id": UNSAID}
    evaluation: Evaluation = {"subject": asked["subject"], "resource": resource, "action": asked["action"]}
    return _search("resource", wanted["type"], asked, evaluation)


def _action_search(body: bytes) -> _Search:
    asked = read_json(_ACTION, body)
    action: Action = {"name": UNSAID}
    evaluation: Evaluation = {"subject": asked["subject"], "resource": asked["resource"], "action": action}
    return _search("action", "", asked, evaluation)


def _search(
    kind: Kind, type: str, asked: SubjectSearch | ResourceSearch | ActionSearch, evaluation: Evaluation
) -> _Search:
    question: dict[str, Any] = {"search": kind, **asked}
    page: PageWanted = question.pop("page", {})
    if kind in question:  # whatever its id says, it is ignored
        question[kind] = {name: value for name, value in question[kind].items() if name != "id"}
    if "context" in asked:
        if "known_at" in asked["context"]:
            raise fault("/context/known_at", "a search is made from what is known now")
        evaluation["context"] = cast(Context, asked["context"])
    return _Search(kind, type, question, evaluation, page)
