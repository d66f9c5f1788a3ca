"""A worker that is killed while it publishes: the record holds one revision or the other, and the others serve it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from service.storage import keys
from service.storage.audit_verification import verify
from service.storage.database import open_database
from service.storage.key_records import NewKey
from service.storage.rulesets import publications_of, publish_imported, published, revisions
from tests.record.worker import now
from tests.valkey_server import wait_until

KILLS = 3
ROLES = frozenset({"role:operator", "role:viewer"})
POLICY = "language: 1\nruleset: killed\ndefault: {default}\nif_unknown: challenge\n"
QUESTION = {
    "subject": {"type": "account", "id": "somebody"},
    "resource": {"type": "tool", "id": "something"},
    "action": {"name": "use"},
}


@contextmanager
def process(url: str) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Where decisions are asked for, where the admin API is, and the process."""
    ports = ["--port", "0", "--admin-port", "0"]
    command = [str(Path(sys.executable).with_name("cordon")), "serve", "--database", url, *ports]
    environment = {**os.environ, "CORDON_KEYS": "none"}
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert worker.stdout is not None
    greeting = "".join(worker.stdout.readline() for _ in range(3))
    decisions, administration = re.findall(r"http://[^/\s]+(?= *$|/admin)", greeting, re.MULTILINE)
    try:
        yield decisions, administration, worker
    finally:
        worker.kill()
        worker.wait()


def effect(worker: str) -> str:
    response = httpx.post(f"{worker}/access/v1/evaluation", json=QUESTION)
    return str(response.json()["context"]["effect"]) if response.status_code == 200 else ""


def publish_without_pause(worker: str, key: str, revision_ids: list[str], ending: threading.Event) -> None:
    number = 0
    with suppress(httpx.HTTPError), httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client:
        while not ending.is_set():
            body = {"revision": revision_ids[number % 2], "reason": "measured"}
            client.post(f"{worker}/admin/v1/rulesets/killed/rollback", json=body)
            number += 1


def test_a_publication_is_whole_or_did_not_happen(database_url: str) -> None:
    database = open_database(database_url, now)
    with database.writing() as writing:
        for default in ("allow", "deny"):
            publish_imported(writing, "killed", POLICY.format(default=default), "yaml", "cli:test")
        _, key = keys.create(writing, NewKey("publisher", ROLES), "cli:test")
    with database.reading() as connection:
        both = [row.revision for row in revisions(connection, "killed", None, 10)]
    with process(database_url) as (witness, _, _):
        wait_until(lambda: effect(witness) == "deny", "a witness that decides")
        for kill in range(KILLS):
            with process(database_url) as (_, victim, worker):
                ending = threading.Event()
                publisher = threading.Thread(target=publish_without_pause, args=(victim, key, both, ending))
                publisher.start()
                wait_for_publications(database_url, 3 + kill)
                time.sleep(0.05 + 0.037 * kill)
                worker.send_signal(signal.SIGKILL)
                ending.set()
                publisher.join()
            with database.reading() as connection:
                in_force = published(connection, "killed")
                last = publications_of(connection, "killed", None, 1)[0]
                assert in_force is not None
                assert (in_force.revision, in_force.publication) == (last.revision, last.number)
                assert verify(connection).findings == ()
            expected = "allow" if "default: allow" in in_force.text else "deny"
            wait_for_effect(witness, expected)
    database.close()


def wait_for_publications(url: str, number: int) -> None:
    wait_until(lambda: count(url) >= number, "a publication")


def wait_for_effect(witness: str, wanted: str) -> None:
    wait_until(lambda: effect(witness) == wanted, "a witness that serves the record", 3.0)


def count(url: str) -> int:
    database = open_database(url, now)
    try:
        with database.reading() as connection:
            return len(publications_of(connection, "killed", None, 500))
    finally:
        database.close()
