"""Keeps a directory of segments: closes those whose writer is gone, and deletes what is old or asked to be deleted.

One process at a time does so, whoever it is. Every change of a file is a rename of a whole one. Running writers are
asked to begin a new segment; nobody else's file is touched while it is locked.
"""

import gzip
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO

from service.decision_log.erasing import HITS, Erasure
from service.decision_log.fragments import clipped
from service.decision_log.segments import (
    OPEN_ENDING,
    begun_at_of,
    segment_files,
    sync_directory,
    take,
    whole_lines,
)

LOCK = ".keeping"
TURN = ".turn"
"""Whoever touches this file asks every writer to begin a new segment."""
_TEMPORARY = ".tmp"
_COMPRESSION = 1
"""Of 1 to 9: 9 takes a fifth less space, and three times the work of a machine that has decisions to make."""
_BUFFER_BYTES = 256 * 1024
_QUICKLY = timedelta(minutes=5)
"""A segment that was filled sooner holds so many hits that compressing them would cost what deciding needs: their ids
are by chance, and take half their space at best. Everything else in it is compressed."""

TURN_SECONDS = 5.0
"""How long a deletion waits for running writers to begin a new segment."""


@dataclass(frozen=True, slots=True)
class Tended:
    """What one round of keeping did."""

    closed: int = 0
    torn: int = 0
    """Of those closed, how many ended within a line."""
    deleted: int = 0
    """Segments that were older than they may be."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted of one account."""

    records: int
    segments: int
    """How many segments were rewritten."""
    unreached: int
    """Segments that a running writer did not give up in time: ask again."""


def tend(directory: Path, now: datetime, days: int | None) -> Tended:
    """Close what its writer left, and delete closed segments last written more than `days` ago (None: never).

    Does nothing if another process is at it.

    Raises:
        OSError: it could not be done; what was done stays done.
    """
    with _keeping(directory, wait=False) as is_ours:
        if not is_ours:
            return Tended()
        _sweep(directory)
        torn = [each for each in map(_closed, _left(directory)) if each is not None]
        deleted = 0 if days is None else _delete_before(directory, now - timedelta(days=days))
    return Tended(len(torn), sum(torn), deleted)


def delete_account(directory: Path, account: str, *, sleep: Callable[[float], None] = time.sleep) -> Deletion:
    """Rewrite every segment that was begun so far without the decisions on one account.

    Raises:
        OSError: it could not be done; segments rewritten so far stay so, and asking again goes on.
    """
    before = {file.path.name for file in segment_files(directory) if not file.is_closed}
    ask_to_turn(directory)
    for _ in range(int(TURN_SECONDS / 0.05)):
        if not any(_is_written(directory / name) for name in before):
            break
        sleep(0.05)
    with _keeping(directory, wait=True):
        _sweep(directory)
        for file in _left(directory):
            _closed(file)
        files = segment_files(directory)
        recorded = clipped(account)
        removed = [count for file in files if file.is_closed and (count := _without(file.path, recorded))]
    unreached = sum(not file.is_closed and file.path.name in before for file in files)
    return Deletion(sum(removed), len(removed), unreached)


def ask_to_turn(directory: Path) -> None:
    """Ask every writer of a directory to begin a new segment."""
    if directory.is_dir():
        (directory / TURN).touch()


def asked_to_turn(directory: Path) -> int:
    """What changes whenever writers are asked to begin a new segment. Never raises."""
    try:
        return (directory / TURN).stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def _keeping(directory: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process is the one that keeps the directory, for as long as the block lasts."""
    if not directory.is_dir():
        yield False
        return
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        is_ours = take(descriptor)
        while wait and not is_ours:
            time.sleep(0.05)
            is_ours = take(descriptor)
        yield is_ours
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> None:
    """Remove what a keeper left that was killed."""
    for path in directory.glob(f".*{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def _left(directory: Path) -> list[Path]:
    """Open segments, those that were closed but not removed among them."""
    return sorted(directory.glob(f"worker-*{OPEN_ENDING}"))


def _is_written(path: Path) -> bool:
    """Whether a running process writes the segment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not take(descriptor)
    finally:
        os.close(descriptor)


def _closed(path: Path) -> bool | None:
    """Close a segment whose writer is gone; whether it was torn. None if the writer is not gone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not take(descriptor):
            return None
        status = os.fstat(descriptor)
        is_torn = status.st_size > 0 and os.pread(descriptor, 1, status.st_size - 1) != b"\n"
        target = path.with_name(path.name + ".gz")
        if status.st_size and not target.exists():
            _replace(target, partial(whole_lines, path), status.st_mtime)
        path.unlink()
        return is_torn
    finally:
        os.close(descriptor)


def _replace(target: Path, lines: Callable[[], Iterator[bytes]], modified: float) -> None:
    """Put a closed segment of these lines in place, whole or not at all; none if there are no lines."""
    temporary = target.with_name(f".{target.name}{_TEMPORARY}")
    begun_at = begun_at_of(target)
    is_quick = begun_at is not None and datetime.fromtimestamp(modified, UTC) - begun_at < _QUICKLY
    try:
        count = _write(temporary, lines, compression_of_hits=0 if is_quick else _COMPRESSION)
        os.utime(temporary, (modified, modified))
        if count:
            temporary.rename(target)
        else:
            target.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(target.parent)


def _write(path: Path, lines: Callable[[], Iterator[bytes]], *, compression_of_hits: int) -> int:
    """Hits go last: what they share stands before them in any case."""
    with path.open("wb") as raw:
        count = _pack(raw, (line for line in lines() if not line.startswith(HITS)), _COMPRESSION)
        count += _pack(raw, (line for line in lines() if line.startswith(HITS)), compression_of_hits)
        raw.flush()
        os.fsync(raw.fileno())
    path.chmod(0o640)
    return count


def _pack(raw: IO[bytes], lines: Iterator[bytes], compression: int) -> int:
    """Add a compressed file of these lines, unless there are none: several after one another read as one."""
    first = next(lines, None)
    if first is None:
        return 0
    count = 0
    file = gzip.GzipFile("", "wb", compression, raw, mtime=0)
    with io.BufferedWriter(file, _BUFFER_BYTES) as buffered:  # closes what it writes to
        for line in chain((first,), lines):
            buffered.write(line)
            count += 1
    return count


def _delete_before(directory: Path, moment: datetime) -> int:
    old = [
        file.path
        for file in segment_files(directory)
        if file.is_closed and datetime.fromtimestamp(file.path.stat().st_mtime, UTC) < moment
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _without(path: Path, account: str) -> int:
    """Rewrite a closed segment without the decisions on an account; how many there were."""
    erasure = Erasure(path, account)
    if erasure.removed:
        _replace(path, erasure.kept, path.stat().st_mtime)
    return erasure.removed
