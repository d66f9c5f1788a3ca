"""Files of whole HTTP requests, for load generators of any language: each as its length, a line end, and its bytes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ANYTHING = "resource"
"""The type of every resource, by which nothing is decided: some of its bytes change where no request may come twice."""


@dataclass(frozen=True, slots=True)
class Script:
    """The requests of a load, in the order in which they are sent."""

    feed: Path
    count: int
    offset: int = 0
    """Of the one sent first; beyond the end it goes on from the beginning."""
    never_same: bool = False
    """Requests that are sent again differ from all before: in `ANYTHING`, each time round."""

    def beginning(self, offset: int) -> "Script":
        """The same, begun elsewhere."""
        return replace(self, offset=offset)


def post(path: str, document: object) -> bytes:
    """A whole HTTP request with a JSON body, as a gateway sends it."""
    body = json.dumps(document, separators=(",", ":")).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: cordon.test\r\nContent-Type: application/json\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body), body)


def write_script(feed: Path, requests: Iterable[bytes]) -> Script:
    """Write requests, head and body, to a file."""
    count = 0
    with feed.open("wb") as file:
        for request in requests:
            file.write(b"%d\n%b" % (len(request), request))
            count += 1
    return Script(feed, count)


def read_feed(feed: Path) -> list[bytes]:
    """The requests of a file."""
    return list(_requests(feed))


def _requests(feed: Path) -> Iterator[bytes]:
    with feed.open("rb") as file:
        while line := file.readline():
            yield file.read(int(line))
