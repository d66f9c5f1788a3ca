"""One Cordon over the demo world for all of these tests, and both clients as one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from service.client import (
    ActionSearch,
    AsyncCordonClient,
    CordonClient,
    Decision,
    FaultyItem,
    Options,
    Question,
    ResourceSearch,
    Semantic,
    SubjectSearch,
)
from tests.client.served import DEMO, Cordon, listed, serving

EVALUATIONS_LIMIT = 100
PATIENT = Options(deadline_seconds=30, timeout=httpx.Timeout(30))
"""For answers that must come, however busy the machine is."""


class Client(Protocol):
    """What both clients do, seen from a test that waits."""

    def evaluate(self, question: Question) -> Decision: ...
    def evaluate_all(
        self, questions: Sequence[Question], semantic: Semantic = "execute_all"
    ) -> list[Decision | FaultyItem]: ...
    def resources(self, search: ResourceSearch) -> list[str]: ...
    def subjects(self, search: SubjectSearch) -> list[str]: ...
    def actions(self, search: ActionSearch) -> list[str]: ...
    def close(self) -> None: ...


class Blocking:
    """The client that waits."""

    def __init__(self, address: str, **settings: Any) -> None:
        self._client = CordonClient(address, **settings)

    def evaluate(self, question: Question) -> Decision:
        return self._client.evaluate(question)

    def evaluate_all(
        self, questions: Sequence[Question], semantic: Semantic = "execute_all"
    ) -> list[Decision | FaultyItem]:
        return self._client.evaluate_all(questions, semantic=semantic)

    def resources(self, search: ResourceSearch) -> list[str]:
        return list(self._client.search_resources(search))

    def subjects(self, search: SubjectSearch) -> list[str]:
        return list(self._client.search_subjects(search))

    def actions(self, search: ActionSearch) -> list[str]:
        return list(self._client.search_actions(search))

    def close(self) -> None:
        self._client.close()


class OnALoop:
    """The client of an event loop, with a loop of its own."""

    def __init__(self, address: str, **settings: Any) -> None:
        self._client = AsyncCordonClient(address, **settings)
        self._runner = asyncio.Runner()

    def evaluate(self, question: Question) -> Decision:
        return self._runner.run(self._client.evaluate(question))

    def evaluate_all(
        self, questions: Sequence[Question], semantic: Semantic = "execute_all"
    ) -> list[Decision | FaultyItem]:
        return self._runner.run(self._client.evaluate_all(questions, semantic=semantic))

    def resources(self, search: ResourceSearch) -> list[str]:
        return self._runner.run(listed(self._client.search_resources(search)))

    def subjects(self, search: SubjectSearch) -> list[str]:
        return self._runner.run(listed(self._client.search_subjects(search)))

    def actions(self, search: ActionSearch) -> list[str]:
        return self._runner.run(listed(self._client.search_actions(search)))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


Connect = Callable[..., Client]


@pytest.fixture(params=[Blocking, OnALoop], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients, and closes them."""
    with ExitStack() as stack:

        def made(address: str, **settings: Any) -> Client:
            client: Client = request.param(address, **{"when_unreachable": "raise", "options": PATIENT, **settings})
            stack.callback(client.close)
            return client

        yield made


@pytest.fixture(scope="session")
def cordon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cordon]:
    """Cordon over the demo world: it takes few questions at once, and callers may not set the time."""
    place: Path = tmp_path_factory.mktemp("cordon")
    variables = {"CORDON_EVALUATIONS_LIMIT": str(EVALUATIONS_LIMIT), "CORDON_CALLER_MAY": "facts,search"}
    with serving(place, "--data", str(DEMO), **variables) as served:
        yield served
