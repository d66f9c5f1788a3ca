"""What was known before now, as the record has it: nothing in it is overwritten."""

import asyncio
from asyncio import Semaphore
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from rules.facts import Account, AccountFacts, ResourceFacts
from service.decide import AccessRequest, SourceState, Then
from service.documents import InvalidData
from service.dossiers import Dossier
from service.errors import BadRequest, NotAvailable, NotReady, RequestFault
from service.follow import Follower
from service.recorded_rules import DATABASE_SOURCE, ruleset_in_force
from service.storage.database import Database, Unavailable, micros
from service.storage.dossiers import read_account, read_resource, read_with_entity

ASKED_LIMIT = 32
"""So many who ask about the past wait at once."""
THEN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """What the record knew at any time, and how far it is followed here."""

    database: Database
    follower: Follower
    ruleset: str | None
    threads: Executor
    """Their own: what asks about the past keeps nobody waiting who decides now."""
    asked: Semaphore = field(default_factory=lambda: Semaphore(ASKED_LIMIT))

    async def reach(self, token: str) -> None:
        """Wait until decisions are made from data that has seen a write."""
        await self.follower.reach(token)

    async def then(self, request: AccessRequest) -> Then:
        """The rules that were in force at `known_at`, and the facts that were recorded by then."""
        known_at = cast(datetime, request.known_at)
        if request.inline is not None and request.inline.declared is not None:
            raise _unknown("/context/known_at", "what was declared then is recorded: it cannot be given")
        if self.asked.locked():
            raise NotAvailable("too many ask about the past: ask again")
        try:
            async with self.asked, asyncio.timeout(THEN_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self.threads, self._then, request, known_at)
        except TimeoutError:
            raise NotAvailable("the database does not answer in time: ask again") from None
        except NotReady:
            raise _unknown("/context/known_at", "no rule set was in force then") from None
        except InvalidData as invalid:
            raise NotAvailable(f"the rules of then can no longer be read: {invalid}") from None
        except Unavailable:
            raise NotAvailable("the database cannot be reached: ask again") from None

    def _then(self, request: AccessRequest, known_at: datetime) -> Then:
        at = micros(known_at)
        with self.database.reading() as connection:
            ruleset = ruleset_in_force(connection, self.ruleset, at)
            if request.inline is not None and request.inline.entity is not None:
                account = read_with_entity(connection, request.account, request.inline.entity, at)
            else:
                account = read_account(connection, request.account, at)
            resource = read_resource(connection, request.resource, at)
        facts = cast(ResourceFacts, resource.at(request.at).facts)
        source = SourceState(DATABASE_SOURCE, f"{account.epoch}.{account.seq}", known_at)
        return Then(ruleset, _account_facts(account, request), facts, (source,))


def _account_facts(dossier: Dossier, request: AccessRequest) -> AccountFacts:
    facts = cast(AccountFacts, dossier.at(request.at).facts)
    if not request.foreign:
        return facts
    return AccountFacts(Account(request.account, registered=False, entity=facts.account.entity), facts.graph)


def _unknown(at: str, message: str) -> BadRequest:
    return BadRequest(f"{at}: {message}", (RequestFault(at, message),))
