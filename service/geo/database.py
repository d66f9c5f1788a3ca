"""One address database: opened, examined, and only then used.

To replace a file that is in use, write the new one beside it and `os.replace` it: the old one stays whole for whoever
has it mapped. Truncating a mapped file kills the process; overwriting it in place answers nonsense.

Rules: a file that cannot be used is refused with every reason, never a traceback; a database in use that turns out to
be damaged answers that it knows nothing, and counts that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

import maxminddb

from rules.facts import Claim
from rules.geography import TERRITORIES
from service.geo.details import details_of, model_fault
from service.geo.examination import Examination, InvalidDatabase, built_of, digest_of, examine, opened
from service.geo.findings import NOTHING, Finding, Layout, at, finding_of
from service.geo.intervals import IntervalTable
from service.geo.territories import read_overlay

Origin: TypeAlias = Literal["embedded", "file"]

COUNTRY_CODE: Final = ("country_code",)
REVISION_DIGITS: Final = 12

SPREAD: Final = tuple(f"{first}.{second}.7.7" for first in range(1, 224) for second in (20, 148))
"""IPv4 addresses all over the space: what one version of a database knows of them, the next should know too."""

KNOWN_LIMIT: Final = 65_536
"""Findings that a database remembers; it forgets them all when there would be more."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What can be told of a source without asking it anything."""

    name: str
    origin: Origin
    path: Path
    database_type: str
    layout: str
    """What Cordon takes it for."""
    built: datetime
    """UTC."""
    node_count: int
    ip_version: int
    revision: str
    """Twelve hexadecimal digits of the SHA-256 of the file."""
    tells: frozenset[str]
    """Network kinds that it could find."""
    systems: bool
    """Knows autonomous systems."""
    families: frozenset[int]
    """4, 6 or both: those of which it holds any address."""
    warnings: tuple[str, ...] = ()


class Database:
    """A source that can be asked. Never raises once it is made."""

    def __init__(self, info: SourceInfo, reader: maxminddb.Reader, layout: Layout, stamp: object) -> None:
        self.info = info
        self.stamp = stamp
        """Of the file when it was opened: see `stamp_of`."""
        self.layout = layout
        self.overlay: IntervalTable[Finding] = IntervalTable([])
        """What this source says of some networks in place of what its file does: see `lay_over`."""
        self.read_errors = 0
        """Answers that could not be read since the database was opened."""
        self._get: Callable[[str], object] = reader.get
        self._reader = reader
        self._known: dict[object, Finding] = {}

    @property
    def flat(self) -> bool:
        """Whether its records hold a `country_code` and nothing else that a rule asks about."""
        bare = replace(self.layout, resolves=frozenset())
        return bare == Layout(bare.name, country=COUNTRY_CODE)

    @property
    def get(self) -> Callable[[str], object]:
        """HOT PATH: `record`, which however raises whatever a damaged file decodes to."""
        return self._get

    def find(self, text: str) -> Finding:
        """What the file says of an address; `NOTHING` if it does not hold it or cannot be read."""
        return self._finding(self.record(text))

    def record(self, text: str) -> object:
        """The record as it stands in the file; None if there is none."""
        try:
            return self._get(text)
        except Exception:  # A damaged file raises whatever its bytes decode to.
            self.read_errors += 1
            return None

    def details(self, text: str) -> dict[str, str]:
        """Everything that the file says of an address, for people: slow."""
        record = self.record(text)
        return {} if record is None else details_of(self.info.path, self.info.layout, text, record)

    def lay_over(self, table: Path) -> None:
        """Let a table of territories (`network,territory,…`) win over the file, which thereby resolves them.

        Raises:
            InvalidDatabase: the table cannot be read.
        """
        try:
            blocks = read_overlay(table)
            revision = sha256((self.info.revision + digest_of(table)).encode()).hexdigest()
        except (OSError, ValueError) as error:
            raise InvalidDatabase(table, [str(error)]) from None
        name = self.info.name
        findings = {code: Finding(Claim(name, code, TERRITORIES)) for code in TERRITORIES}
        self.overlay = IntervalTable((first, last, findings[code]) for first, last, code in blocks)
        self.layout = replace(self.layout, resolves=TERRITORIES)
        self.info = replace(self.info, revision=revision[:REVISION_DIGITS])

    def wide_networks(self, family: Literal[4, 6]) -> Iterator[tuple[int, int, Finding]]:
        """The networks of /16 and shorter of a flat file: first prefix of 16 bits, their number, what it says."""
        findings: dict[object, Finding] = {None: NOTHING}
        prefix = 0
        while prefix < 1 << 16:
            text = f"{prefix >> 8}.{prefix & 255}.0.0" if family == 4 else f"{prefix:x}::"
            record, length = self._with_length(text)
            count = 1 << max(16 - length, 0)
            if length <= 16:
                label = at(record, COUNTRY_CODE)
                label = label if isinstance(label, str) else None
                if label not in findings:
                    findings[label] = self._finding(record)
                yield prefix, count, findings[label]
            prefix += count

    def close(self) -> None:
        """Let the file go; the database cannot be asked any more."""
        self._reader.close()

    def _with_length(self, text: str) -> tuple[object, int]:
        """A record and the length of its network's prefix; of one address where it cannot be read."""
        try:
            return self._reader.get_with_prefix_len(text)
        except Exception:  # See `record`.
            self.read_errors += 1
            return None, 32

    def _finding(self, record: object) -> Finding:
        if record is None:
            return NOTHING
        finding = finding_of(record, self.layout, self.info.name)
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        return self._known.setdefault((finding.claim, finding.kinds, finding.systems), finding)


def open_database(path: Path, *, name: str, origin: Origin = "file", previous: Database | None = None) -> Database:
    """A database that has been examined and can be asked.

    `previous`: what is in use under this name; a file that is older, or knows much less, is refused.

    Raises:
        InvalidDatabase: every reason not to use the file.
    """
    stamp = stamp_of(path)
    with opened(path) as careful:
        examination = examine(careful)
    if examination.faults or examination.layout is None:
        raise InvalidDatabase(path, examination.faults)
    reader = maxminddb.open_database(str(path), maxminddb.MODE_AUTO)
    info = _info(path, name, origin, reader.metadata(), examination)
    database = Database(info, reader, examination.layout, stamp)
    faults = tuple(_steps_back(database, previous))
    if faults:
        database.close()
        raise InvalidDatabase(path, faults)
    return database


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Changes when a file is replaced; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _info(path: Path, name: str, origin: Origin, meta: maxminddb.reader.Metadata, found: Examination) -> SourceInfo:
    layout = found.layout or Layout("unknown")
    foreign = found.example and model_fault(path, layout.name, found.example)
    return SourceInfo(
        name=name,
        origin=origin,
        path=path,
        database_type=meta.database_type,
        layout=layout.name,
        built=built_of(meta),
        node_count=meta.node_count,
        ip_version=meta.ip_version,
        revision=digest_of(path)[:REVISION_DIGITS],
        tells=layout.tells,
        systems=layout.system is not None,
        families=found.families,
        warnings=(*found.warnings, foreign) if foreign else found.warnings,
    )


def _steps_back(new: Database, old: Database | None) -> Iterator[str]:
    """Faults of a file next to the one that it would replace."""
    if old is None:
        return
    if new.info.built < old.info.built:
        yield f"built {new.info.built:%Y-%m-%d}, older than the one in use, built {old.info.built:%Y-%m-%d}"
    if new.info.node_count * 2 < old.info.node_count:
        yield f"{new.info.node_count} nodes, less than half of the {old.info.node_count} of the one in use"
    known = [text for text in SPREAD if 4 in old.info.families and old.record(text) is not None]
    lost = [text for text in known if new.record(text) is None]
    if len(lost) * 2 > len(known):
        yield f"does not hold {len(lost)} of {len(known)} addresses that the one in use holds, such as `{lost[0]}`"
