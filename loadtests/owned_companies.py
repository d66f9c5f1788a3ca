"""Companies that are owned from afar or from near, accounts of theirs, and a worker that decides on them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rules.facts import Account, AccountId, Entity, EntityId, Interest
from rules.geography import Jurisdiction
from rules.shares import Bounds, Share
from service.clocks import utc_now
from service.storage.database import open_database
from service.storage.fact_rows import ACCOUNTS, ENTITIES, INTERESTS, RecordedEntity, RecordedInterest
from service.storage.facts import put_all
from service.storage.migrate import upgrade
from service.storage.rulesets import publish_imported

RULESET = "owned-companies"
POLICY = """
language: 1
ruleset: owned-companies
default: allow
if_unknown: challenge
rules:
  - id: afar
    effect: deny
    when: {owned: {by: {seat_in: [CN]}, share: ">= 50%"}}
    reason: afar
"""
HALF = Share(500_000)


def fill(url: str, accounts: int) -> None:
    """So many accounts, each of a company of its own; the owner of every other one sits where the rule denies."""
    database = open_database(url, utc_now)
    upgrade(database)
    seats = {"far": "CN", "near": "DE"}
    with database.writing() as writing:
        put_all(writing, ENTITIES, (RecordedEntity(_seated(id, code)) for id, code in seats.items()))
        put_all(writing, ENTITIES, (RecordedEntity(_seated(f"company-{number}", "FR")) for number in range(accounts)))
        put_all(writing, INTERESTS, map(_interest, range(accounts)))
        put_all(writing, ACCOUNTS, map(_account, range(accounts)))
        publish_imported(writing, RULESET, POLICY, "yaml", "cli:measure")
    database.close()


def _seated(id: str, code: str) -> Entity:
    seat = frozenset({Jurisdiction(code)})
    return Entity(EntityId(id), seats={"headquarters": seat, "incorporation": seat})


def _interest(number: int) -> RecordedInterest:
    owner = EntityId("far" if number % 2 else "near")
    return RecordedInterest(f"i{number}", Interest(owner, EntityId(f"company-{number}"), Bounds(HALF, HALF)))


def _account(number: int) -> Account:
    return Account(AccountId(f"account-{number}"), entity=EntityId(f"company-{number}"))


@contextmanager
def process(options: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A worker on any free port: its address, and itself."""
    command = [str(Path(sys.executable).with_name("cordon")), "serve", "--port", "0", "--admin-port", "0", *options]
    environment = {**os.environ, "CORDON_KEYS": "none"}
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert worker.stdout is not None
    found = re.search(r"http://\S+", worker.stdout.readline())
    assert found
    try:
        yield found[0], worker
    finally:
        worker.kill()
        worker.wait()
