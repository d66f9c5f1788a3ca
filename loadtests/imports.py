"""How long an import of many interests takes, and how much memory: SQLite, or any database that is migrated and empty.

Each import runs in a process of its own, since the peak of memory is that of a process. The file is made from a seed
and is the same on every machine. Run it as `python -m loadtests.imports --interests 1000000`.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.imports.engine import Importer
from service.imports.journal import BATCH_ROWS, Options
from service.imports.streams import ImportFile
from service.storage.database import Database, open_database
from service.storage.migrate import upgrade

SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Measured:
    """What one import took."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    new: int
    unchanged: int
    seq: int
    """Of the last change of the database."""


def write_interests(path: Path, number: int) -> None:
    """A table of interests: every company has up to four owners, chosen from all before it and from people."""
    with path.open("w", encoding="utf-8") as file:
        file.write("owner,subject,share,start,end\n")
        file.writelines(_rows(number))


def _rows(number: int) -> Iterator[str]:
    chance = random.Random(SEED)
    written, company = 0, 0
    while written < number:
        company += 1
        owners = chance.sample(range(1, 4 * company + 20), k=min(chance.randint(1, 4), number - written))
        for owner in owners:
            name = f"company-{owner}" if owner < company else f"person-{owner}"
            year, share = chance.randint(1990, 2025), chance.randint(1, 2500) / 100
            yield f"{name},company-{company},{share:.2f}%,{year}-{chance.randint(1, 12):02}-01,\n"
        written += len(owners)


def measure(database: str, file: Path, batch_rows: int) -> Measured:
    """Import the file in a process of its own."""
    command = [sys.executable, "-m", "loadtests.imports", "--run", str(file), "--database", database]
    done = subprocess.run([*command, "--batch", str(batch_rows)], check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


def run(database_url: str, file: Path, batch_rows: int) -> Measured:
    """Import the file in this process."""
    database = open_database(database_url, lambda: datetime.now(UTC))
    began = time.monotonic()
    options = Options("csv", "load", table="interests", batch_rows=batch_rows)
    importer, named = Importer(database, "cli:load"), ImportFile(file, file.name)
    changed = importer.run(named, importer.start(named, options)).counts.changed
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(
        round(seconds, 1),
        round(time.process_time(), 1),
        round(peak),
        changed.new,
        changed.unchanged,
        database.position().seq,
    )


def _migrated(url: str) -> Database:
    database = open_database(url, lambda: datetime.now(UTC))
    upgrade(database)
    return database


def main() -> None:
    """Make a file, import it twice, and print what both took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interests", type=int, default=1_000_000)
    parser.add_argument("--database", help="URL of a database for the purpose; a new SQLite file unless given")
    parser.add_argument("--batch", type=int, default=BATCH_ROWS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        print(json.dumps(asdict(run(chosen.database, chosen.run, chosen.batch))))
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "interests.csv"
        write_interests(file, chosen.interests)
        url = chosen.database or f"sqlite:///{directory}/cordon.db"
        _migrated(url).close()
        for what in ("first", "again"):
            print(what, measure(url, file, chosen.batch))


if __name__ == "__main__":
    main()
