"""What a worker spends on a request that it answers from the memo: by the fast lane, and by the ordinary way.

Some connections with one request each at a time, and the worker's CPU time from `/proc`; the memo knows every account.
`loadtests.ceiling` drives a worker to its limit instead, where a request costs less.
"""

import gzip
import json
import random
import re
import time
from contextlib import ExitStack
from socket import create_connection, socket
from urllib.parse import urlsplit

from loadtests.scale_figures import Figure
from loadtests.scale_worker import Means, Worker, ask, question, worker
from loadtests.scale_world import account_id

WARM = 2_048
AT_ONCE = 32
LARGEST_BYTES = 2**16
SEED = 20_261_122
ACCOUNTS = 1_000
ADDRESSES = [f"{first}.{second}.7.9" for first in range(20, 60) for second in range(1, 201)]
SETTLE_SECONDS = 1.0
LOOKED_AT_BYTES = 2**26
TIMES = 32_000


def wire_costs(url: str) -> dict[str, Figure]:
    """CPU time of one hit, both ways."""
    found = {}
    for name, lane in (("hit", "true"), ("ordinary", "false")):
        with worker(Means(url, environment={"CORDON_FAST_LANE": lane})) as asked:
            ask(asked, map(account_id, range(ACCOUNTS)))
            _repeat(asked, WARM)
            before = asked.cpu_seconds()
            _repeat(asked, TIMES)
            spent = (asked.cpu_seconds() - before) / TIMES * 1e6
            how = f"{TIMES:,} of a thousand accounts, 32 connections, fast lane {lane}; idle work included"
            found[f"{name}_cpu_us"] = Figure.once(spent, "µs of CPU", how)
            found |= logged(asked, "log_repeated")
    return found


def logged(asked: Worker, name: str) -> dict[str, Figure]:
    """Bytes of a decision in the log of this worker, the facts that it refers to included; packed, too."""
    time.sleep(SETTLE_SECONDS)
    raw = b"".join(file.read_bytes()[:LOOKED_AT_BYTES] for file in asked.log.glob("*.ndjson"))
    decisions = raw.count(b'"type":"decision"') or 1
    packed = len(gzip.compress(raw, 6)) if raw else 0
    how = f"{decisions:,} decisions in its log"
    return {
        f"{name}_bytes": Figure.once(len(raw) / decisions, "bytes", how),
        f"{name}_packed_bytes": Figure.once(packed / decisions, "bytes", f"{how}, gzip"),
    }


def _repeat(asked: Worker, times: int) -> None:
    """Ask about accounts and from addresses by chance, some far more often than others; on all connections at once."""
    chance = random.Random(SEED)
    place = urlsplit(asked.url)
    with ExitStack() as stack:
        links = [stack.enter_context(create_connection((place.hostname, place.port))) for _ in range(AT_ONCE)]
        for _ in range(0, times, AT_ONCE):
            for link in links:
                link.sendall(_request(place.netloc, chance))
            for link in links:
                _take_answer(link)


def _request(host: str, chance: random.Random) -> bytes:
    number = int(ACCOUNTS ** chance.random()) - 1
    body = json.dumps(question(account_id(number), chance.choice(ADDRESSES))).encode()
    head = f"POST /access/v1/evaluation HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _take_answer(link: socket) -> None:
    answer = link.recv(LARGEST_BYTES)
    while not _is_whole(answer):
        answer += link.recv(LARGEST_BYTES)
    assert answer.startswith(b"HTTP/1.1 200"), answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    told = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and told is not None and len(body) >= int(told[1])
