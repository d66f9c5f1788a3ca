"""Enumerates what the record has registered, in pages read from the database: Redis holds no part of it.

A database that does not answer makes a search unavailable, and nothing else: it is read by a thread of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection

from service.catalogue import Candidate
from service.dossiers import Dossier
from service.errors import NotAvailable, Unavailable
from service.follow import Follower
from service.storage.catalogue import accounts_after, resources_after
from service.storage.database import Database

PAGE_SECONDS = 5.0
"""How long a search waits for one page."""

_Page: TypeAlias = Callable[[Connection], list[Dossier]]


@dataclass(frozen=True, slots=True)
class RecordedCatalogue:
    """Enumerates what is registered as the record has it now: each page as of when it is read."""

    database: Database
    follower: Follower
    threads: Executor

    async def accounts(self, after: str, most: int) -> Sequence[Candidate]:
        return await self._read(partial(accounts_after, after=after, most=most))

    async def resources(self, after: str, most: int) -> Sequence[Candidate]:
        return await self._read(partial(resources_after, after=after, most=most))

    async def _read(self, page: _Page) -> Sequence[Candidate]:
        if self.follower.is_silent:
            raise NotAvailable("the database does not answer")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                dossiers = await loop.run_in_executor(self.threads, self._in_one_state, page)
        except TimeoutError:
            raise NotAvailable("the database does not answer in time") from None
        except Unavailable as error:
            raise NotAvailable(f"the database cannot be read now: {error}") from error
        return [Candidate(dossier.subject.id, dossier) for dossier in dossiers]

    def _in_one_state(self, page: _Page) -> list[Dossier]:
        with self.database.reading() as connection:
            return page(connection)
