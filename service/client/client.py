"""The two clients: the same conversation, carried by blocking requests or on an event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from service.client.conversation import Call, Outcome, Received, Steps
from service.client.deadlines import DEADLINE, AnswerCut, AnswerTooLong, DeadlineTransport
from service.client.decisions import Decision, FaultyItem
from service.client.errors import WhenUnreachable
from service.client.failures import TOO_LONG, TRANSPORT, failed
from service.client.options import Options, Way, conversation, way_to
from service.client.questions import ActionSearch, Question, ResourceSearch, Search, Semantic, SubjectSearch

T = TypeVar("T")


class CordonClient:
    """Asks Cordon, and waits. Threads may share one; a forked process needs its own."""

    def __init__(
        self,
        address: str,
        *,
        when_unreachable: WhenUnreachable,
        key: str | None = None,
        options: Options | None = None,
    ) -> None:
        """`address`: `http://…`, `https://…`, or `unix:/path/of/the.sock`. Nothing is connected yet.

        Raises:
            ValueError: an argument is not what it must be.
        """
        way = way_to(address, key, options or Options())
        self._options = way.options
        self._conversation = conversation(when_unreachable, way.options)
        self._http = httpx.Client(transport=DeadlineTransport(way), **way.settings())

    def evaluate(self, question: Question) -> Decision:
        """The answer to one question.

        Raises:
            CordonRefused: it may not, or cannot, be asked.
            CordonUnreachable: there is no answer, and `when_unreachable` is `raise`.
        """
        return self._carry(self._conversation.evaluate(question))

    def evaluate_all(
        self, questions: Sequence[Question], *, semantic: Semantic = "execute_all"
    ) -> list[Decision | FaultyItem]:
        """The answers to several questions, in their order; fewer, if the semantic says to stop.

        Raises:
            CordonRefused: they may not, or cannot, be asked.
            CordonUnreachable: not all of them were answered, and `when_unreachable` is `raise`.
        """
        return self._carry(self._conversation.evaluate_all(questions, semantic))

    def search_resources(self, search: ResourceSearch) -> Iterator[str]:
        """Ids of resources that an account may use.

        Raises:
            CordonRefused: it may not, or cannot, be asked.
            CordonUnreachable: whatever `when_unreachable` says: nothing stands in for a list.
        """
        return self._found(search)

    def search_subjects(self, search: SubjectSearch) -> Iterator[str]:
        """Ids of accounts that may use a resource. Raises as `search_resources` does."""
        return self._found(search)

    def search_actions(self, search: ActionSearch) -> Iterator[str]:
        """Names of what an account may do with a resource. Raises as `search_resources` does."""
        return self._found(search)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _found(self, search: Search) -> Iterator[str]:
        page = self._carry(self._conversation.search(search, None))
        yield from page.found
        while page.next_token is not None:
            page = self._carry(self._conversation.search(search, page.next_token))
            yield from page.found

    def _carry(self, steps: Steps[T]) -> T:
        ends = time.monotonic() + self._options.deadline_seconds
        try:
            call = next(steps)
            while True:
                call = steps.send(self._exchange(call, ends))
        except StopIteration as end:
            result: T = end.value
            return result

    def _exchange(self, call: Call, ends: float) -> Outcome:
        try:
            answer = self._http.post(call.path, content=call.body, extensions={DEADLINE: ends})
            return Received(answer.status_code, answer.content)
        except AnswerTooLong:
            return TOO_LONG
        except AnswerCut as cut:
            return failed(cut.error, has_begun=True)
        except TRANSPORT as error:
            return failed(error, has_begun=False)


class AsyncCordonClient:
    """Asks Cordon on an event loop. One client serves one loop."""

    def __init__(
        self,
        address: str,
        *,
        when_unreachable: WhenUnreachable,
        key: str | None = None,
        options: Options | None = None,
    ) -> None:
        """`address`: `http://…`, `https://…`, or `unix:/path/of/the.sock`. Nothing is connected yet.

        Raises:
            ValueError: an argument is not what it must be.
        """
        way = way_to(address, key, options or Options())
        self._options = way.options
        self._conversation = conversation(when_unreachable, way.options)
        self._http = httpx.AsyncClient(transport=_transport(way), **way.settings())

    async def evaluate(self, question: Question) -> Decision:
        """The answer to one question. Raises as `CordonClient.evaluate` does."""
        return await self._carry(self._conversation.evaluate(question))

    async def evaluate_all(
        self, questions: Sequence[Question], *, semantic: Semantic = "execute_all"
    ) -> list[Decision | FaultyItem]:
        """The answers to several questions, in their order. Raises as `CordonClient.evaluate_all` does."""
        return await self._carry(self._conversation.evaluate_all(questions, semantic))

    def search_resources(self, search: ResourceSearch) -> AsyncIterator[str]:
        """Ids of resources that an account may use. Raises as `CordonClient.search_resources` does."""
        return self._found(search)

    def search_subjects(self, search: SubjectSearch) -> AsyncIterator[str]:
        """Ids of accounts that may use a resource. Raises as `CordonClient.search_resources` does."""
        return self._found(search)

    def search_actions(self, search: ActionSearch) -> AsyncIterator[str]:
        """Names of what an account may do with a resource. Raises as `CordonClient.search_resources` does."""
        return self._found(search)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _found(self, search: Search) -> AsyncIterator[str]:
        page = await self._carry(self._conversation.search(search, None))
        for found in page.found:
            yield found
        while page.next_token is not None:
            page = await self._carry(self._conversation.search(search, page.next_token))
            for found in page.found:
                yield found

    async def _carry(self, steps: Steps[T]) -> T:
        ends = asyncio.get_running_loop().time() + self._options.deadline_seconds
        try:
            call = next(steps)
            while True:
                call = steps.send(await self._exchange(call, ends))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _exchange(self, call: Call, ends: float) -> Outcome:
        answer: httpx.Response | None = None
        request = self._http.build_request("POST", call.path, content=call.body)
        try:
            async with asyncio.timeout_at(ends):
                answer = await self._http.send(request, stream=True)
                return Received(answer.status_code, await self._gathered(answer))
        except AnswerTooLong:
            return TOO_LONG
        except TRANSPORT as error:
            return failed(error, has_begun=answer is not None)
        finally:
            if answer is not None:
                await answer.aclose()

    async def _gathered(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > self._options.answer_limit_bytes:
                raise AnswerTooLong
        return bytes(body)


def _transport(way: Way) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(
        verify=way.tls() or False, limits=way.options.limits, uds=way.socket, trust_env=False
    )
