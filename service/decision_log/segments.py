"""Segments: files of lines that one worker writes, one after another.

A segment is open (`worker-NAME-TIME-N.ndjson`, locked by its writer) or closed (the same with `.gz`). It begins with a
whole line and ends with one, unless its writer was killed: what follows the last line end was never written.
"""

import errno
import fcntl
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

OPEN_ENDING = ".ndjson"
CLOSED_ENDING = ".ndjson.gz"
_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"worker-(?P<worker>[\w.-]+)-(?P<time>[0-9]{8}T[0-9]{6}Z)-(?P<number>[0-9]+)\.ndjson(?:\.gz)?")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_MODE = 0o640


@dataclass(frozen=True, slots=True, order=True)
class SegmentFile:
    """A segment as its name tells it; in the order of their beginnings."""

    begun_at: datetime
    path: Path

    @property
    def is_closed(self) -> bool:
        return self.path.name.endswith(CLOSED_ENDING)


def segment_files(directory: Path) -> list[SegmentFile]:
    """The segments of every worker. One that is being closed is there once; a directory that is missing has none."""
    try:
        names = {entry.name for entry in os.scandir(directory)}
    except FileNotFoundError:
        return []
    found = [_file(directory, name) for name in names if f"{name}.gz" not in names]
    return sorted(file for file in found if file is not None)


def _file(directory: Path, name: str) -> SegmentFile | None:
    begun_at = begun_at_of(directory / name)
    return None if begun_at is None else SegmentFile(begun_at, directory / name)


def begun_at_of(path: Path) -> datetime | None:
    """When a segment was begun, as its name tells it; None if it is not named like one."""
    match = _NAME.fullmatch(path.name)
    try:
        return None if match is None else datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a segment; what follows the last line end is none.

    Raises:
        OSError: it cannot be read, or is damaged.
    """
    with _reader(path) as file:
        try:
            for line in file:
                if line.endswith(b"\n"):
                    yield line
        except (EOFError, zlib.error) as error:
            raise damaged(path) from error


def damaged(path: Path) -> OSError:
    """What is said of a segment that holds something else than lines of JSON."""
    return OSError(errno.EIO, "the segment is damaged", str(path))


def _reader(path: Path) -> IO[bytes] | gzip.GzipFile:
    if not path.name.endswith(CLOSED_ENDING):
        try:
            return path.open("rb")
        except FileNotFoundError:  # closed since its name was read
            path = path.with_name(path.name + ".gz")
    return gzip.open(path, "rb")


class OpenSegment:
    """A segment while it is written. INVARIANT: between two calls the file ends with a whole line."""

    def __init__(self, path: Path, descriptor: int, begun_at: datetime) -> None:
        self.path = path
        self.begun_at = begun_at
        self.size_bytes = 0
        self.is_broken = False
        """It may end within a line: nothing must follow."""
        self._descriptor = descriptor

    @classmethod
    def begin(cls, directory: Path, worker: str, now: datetime) -> "OpenSegment":
        """Make a file that no other process writes.

        Raises:
            OSError: there can be none.
        """
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        stem = f"worker-{_UNFIT.sub('_', worker)}-{now.astimezone(UTC).strftime(_TIME)}"
        for number in range(10_000):
            path = directory / f"{stem}-{number}{OPEN_ENDING}"
            descriptor = None if path.with_name(path.name + ".gz").exists() else _made(path)
            if descriptor is not None:
                return cls(path, descriptor, now)._durable()
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory / stem))

    def _durable(self) -> "OpenSegment":
        try:
            sync_directory(self.path.parent)
        except OSError:
            self.close()
            raise
        return self

    def append(self, lines: bytes, *, durably: bool) -> None:
        """Write whole lines; all of them or, if that fails, none.

        Raises:
            OSError: they could not be written, or (`durably`) not be brought to the disk.
        """
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if durably:
                os.fdatasync(self._descriptor)
        except OSError:
            self._take_back()
            raise
        self.size_bytes += len(lines)

    @property
    def is_usable(self) -> bool:
        """Whether lines written to it will be found."""
        return not self.is_broken and os.fstat(self._descriptor).st_nlink > 0

    def close(self) -> None:
        """Leave the file to whoever keeps the directory; one without a line is removed."""
        if not self.size_bytes:
            with suppress(OSError):
                self.path.unlink()
        with suppress(OSError):
            os.fdatasync(self._descriptor)
        os.close(self._descriptor)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size_bytes)
            os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
        except OSError:
            self.is_broken = True


def _made(path: Path) -> int | None:
    """A new file, locked; None if there is one, or another process took it before it was locked."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except FileExistsError:
        return None
    if take(descriptor) and os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take(descriptor: int) -> bool:
    """Lock a file for this process if no other has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
