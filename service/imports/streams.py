"""The bytes of a file to import: plain, gzip or zip, read once from front to back, with how far they have come."""

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from service.imports.records import BrokenFile

_BUFFER_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file to import."""

    path: Path
    name: str
    """As whoever gave it calls it."""

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def digest(self) -> str:
        """SHA-256 of the file as it lies there."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def opened(self) -> Iterator["ByteStream"]:
        """The bytes that the file holds, unpacked.

        Raises:
            BrokenFile: it is not what its first bytes say.
        """
        with self.path.open("rb") as file:
            try:
                yield ByteStream(_unpacked(file), file, self.size_bytes)
            except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
                if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                    raise
                raise BrokenFile(0, "the packed file is damaged, or ends too early") from error


@dataclass(frozen=True, slots=True)
class ByteStream:
    """Unpacked bytes, and the file that they come from."""

    bytes: io.BufferedReader
    file: BinaryIO
    size_bytes: int

    @property
    def consumed_bytes(self) -> int:
        """How far the file itself is read. Readers close it when they have come to its end."""
        return self.size_bytes if self.file.closed else self.file.tell()


def _unpacked(file: BinaryIO) -> io.BufferedReader:
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file)), _BUFFER_BYTES)
    if start == _ZIP:
        return io.BufferedReader(cast(io.RawIOBase, _only_member(zipfile.ZipFile(file))), _BUFFER_BYTES)
    return io.BufferedReader(cast(io.RawIOBase, file), _BUFFER_BYTES)


def _only_member(archive: zipfile.ZipFile) -> BinaryIO:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise BrokenFile(0, f"the archive holds {len(members)} files: give one at a time")
    if members[0].flag_bits & 1:
        raise BrokenFile(0, "the archive is encrypted")
    return cast(BinaryIO, archive.open(members[0]))
