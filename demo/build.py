"""Builds the tables of the demo world: the hand-picked story and a seeded population around it.

Deterministic: the same tables on every machine, byte for byte. `python -m demo.build` writes them; a test holds the
files that are committed equal to what `tables` returns.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

from demo import story

Row: TypeAlias = dict[str, str]


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SEED = 20_261_122
COMPANY_GROUPS = 60
STAFF = 24
INDIVIDUALS = 18
NAMELESS = 6

COLUMNS = {
    "entities.csv": (
        *("id", "name", "kind", "headquarters", "incorporation", "residence", "operations", "listed", "acts_with"),
    ),
    "interests.csv": ("owner", "subject", "share", "control", "start", "end", "source"),
    "accounts.csv": ("id", "entity", "tags", "declared.billing", "declared.phone", "declared.kyc"),
    "resources.csv": ("id", "tags", "provider"),
}

SUPPORTED = words("US GB DE FR NL SE NO FI DK IE ES PT IT AT CH PL CZ EE JP KR SG AU NZ CA BR MX IN ZA")
UNSUPPORTED = ("CN", "HK", "RU", "BY")
OPENINGS = words("Vel Tas Orm Quin Mer Dra Fen Lun Kyl Bel Sor Ith Ran Osk Hal Jor Nev Pir Ul Wes")
MIDDLES = ("", "a", "e", "i", "o", "u")
ENDINGS = words("mora quil dane vex thorn lish rand wick sol brae dora nix tarn gard moor")
TRADES = words("Instruments Logistics Analytics Foods Robotics Marine Energy Press Textiles Optics Studios")
GIVEN = words("Ilse Tomas Anouk Pavel Noor Emre Saoirse Luca Freya Hiro Mette Idris Carla Janek Yuna Otto")
SOURCES = ("commercial register", "annual report", "register of beneficial owners", "fund report")
PAST, SOLD = "2012-01-01", "2022-07-01"
TO_COME = "2036-01-01"


class Population:
    """Draws companies, their owners and their accounts around the story."""

    def __init__(self) -> None:
        self.random = Random(SEED)
        self.names: set[str] = set()
        self.entities: list[Row] = []
        self.interests: list[Row] = []
        self.accounts: list[Row] = []

    def grow(self) -> None:
        """The whole population, in one fixed order."""
        for number in range(COMPANY_GROUPS):
            self.group(number)
        for _ in range(INDIVIDUALS):
            person = self.person("CN" if self.random.random() < 0.1 else self.home())
            self.account(person, "individual")
        for number in range(1, STAFF + 1):
            self.staff(number)
        for _ in range(NAMELESS):
            self.account(None, "trial")

    def group(self, number: int) -> None:
        """A holding and the chain below it, owned in one of the ways that the world has."""
        home = self.random.choice(UNSUPPORTED) if number % 11 == 5 else self.home()
        name = self.fresh_name()
        top = self.company(f"{name} Holding", home)
        self.owners_of(top, number)
        chain = [top]
        for _ in range(self.random.randint(1, 5)):
            below = self.company(f"{name} {self.random.choice(TRADES)}", self.home())
            self.link(chain[-1], below)
            chain.append(below)
        if number % 9 == 4 and len(chain) > 2:
            self.interest(chain[-1], chain[1], "10%")
        for company in chain[1:]:
            if self.random.random() < 0.55:
                self.account(company, self.random.choice(("enterprise", "standard", "standard", "trial", "partner")))

    def owners_of(self, top: Row, number: int) -> None:
        """People for the most part; funds, foundations, and now and then somebody of the story."""
        ways = (self.one_owner, self.family, self.widely_held, self.by_foundation, self.with_a_stranger, self.in_bands)
        ways[number % len(ways)](top)

    def one_owner(self, top: Row) -> None:
        self.interest(self.person(top["headquarters"]), top, "100%")

    def family(self, top: Row) -> None:
        """Two who act together, and a third who does not."""
        first, second, third = (self.person(top["headquarters"]) for _ in range(3))
        first["acts_with"] = second["id"]
        second["acts_with"] = first["id"]
        for owner, share in ((first, "35%"), (second, "30%"), (third, "35%")):
            self.interest(owner, top, share)

    def widely_held(self, top: Row) -> None:
        """Two large owners; nobody has disclosed the rest."""
        for share in ("22.5%", "17.25%"):
            self.interest(self.person(self.home()), top, share)

    def by_foundation(self, top: Row) -> None:
        home = top["headquarters"]
        foundation = self.entity(f"{top['name'].split()[0]} Foundation", "foundation", home)
        self.interest(foundation, top, "100%", start=PAST)

    def with_a_stranger(self, top: Row) -> None:
        """A stake that was sold, one that is agreed for later, and one whose size nobody knows."""
        owner = self.person(top["headquarters"])
        stranger = {"id": self.random.choice(("tianlan-ventures", "hongyan-boats", "sever-snowglobes"))}
        fate = self.random.randrange(3)
        self.interest(owner, top, ("80%", "90%", "45%")[fate])
        dates = ({"start": PAST, "end": SOLD}, {"start": TO_COME}, {})[fate]
        self.interest(stranger, top, ("20%", "10%", "")[fate], **dates)

    def in_bands(self, top: Row) -> None:
        """As a register of beneficial owners says it."""
        for band in ("(50%, 75%]", "(25%, 50%]"):
            self.interest(self.person(top["headquarters"]), top, band)

    def link(self, owner: Row, company: Row) -> None:
        """The next link of a chain: mostly a majority, sometimes less, sometimes by control alone."""
        draw = self.random.random()
        if draw < 0.06:
            self.interest(owner, company, "", control="true")
            return
        share = 100 if draw < 0.4 else self.random.randint(51, 95) if draw < 0.85 else self.random.randint(10, 50)
        self.interest(owner, company, f"{share}%")
        if share < 100:
            self.interest(self.person(company["headquarters"]), company, f"{100 - share}%")

    def company(self, name: str, home: str) -> Row:
        found = self.entity(name, "company", home)
        if self.random.random() < 0.08:
            found["incorporation"] = self.random.choice(("IE", "NL", "SG", "US"))
        return found

    def person(self, residence: str) -> Row:
        name = f"{self.random.choice(GIVEN)} {self.fresh_name()}"
        return self.add_entity({"id": slug(name), "name": name, "kind": "person", "residence": residence})

    def entity(self, name: str, kind: str, home: str) -> Row:
        row = {"id": slug(name), "name": name, "kind": kind, "headquarters": home, "incorporation": home}
        known = {entity["id"] for entity in self.entities}
        if row["id"] in known:
            row["id"] = f"{row['id']}-{len(known)}"
        return self.add_entity(row)

    def add_entity(self, row: Row) -> Row:
        self.entities.append(row)
        return row

    def interest(self, owner: Row, company: Row, share: str, **more: str) -> None:
        row = {"owner": owner["id"], "subject": company["id"], "share": share}
        self.interests.append({**row, "source": self.random.choice(SOURCES), **more})

    def account(self, entity: Row | None, tag: str) -> None:
        """An account that mostly declares the country of its entity, and sometimes another or none."""
        home = (entity.get("headquarters") or entity["residence"]) if entity else ""
        row = {"id": f"acct-{2001 + len(self.accounts)}", "entity": entity["id"] if entity else "", "tags": tag}
        for signal, known in (("billing", 0.95), ("phone", 0.8), ("kyc", 0.5)):
            if home and self.random.random() < known:
                row[f"declared.{signal}"] = self.home() if self.random.random() < 0.04 else home
        self.accounts.append(row)

    def staff(self, number: int) -> None:
        tags = "staff;red-team" if number % 12 == 0 else "staff"
        signals = {"declared.billing": "US", "declared.phone": "US"}
        self.accounts.append({"id": f"staff-{number:02}", "entity": "quillmere", "tags": tags, **signals})

    def home(self) -> str:
        return self.random.choice(SUPPORTED)

    def fresh_name(self) -> str:
        """A name that nobody of this world has yet."""
        while True:
            name = "".join(map(self.random.choice, (OPENINGS, MIDDLES, ENDINGS)))
            if name not in self.names:
                self.names.add(name)
                return name


def slug(name: str) -> str:
    """An id of a name."""
    return name.lower().replace(" ", "-")


def tables() -> dict[str, str]:
    """The text of every table, by file name."""
    population = Population()
    population.grow()
    entities, interests = story.deepwell()
    rows = {
        "entities.csv": [*parsed(story.ENTITIES), *entities, *population.entities],
        "interests.csv": [*parsed(story.INTERESTS), *interests, *population.interests],
        "accounts.csv": [*parsed(story.ACCOUNTS), *population.accounts],
        "resources.csv": parsed(story.RESOURCES),
    }
    return {name: written(COLUMNS[name], rows[name]) for name in COLUMNS}


def parsed(table: str) -> Iterator[Row]:
    """The rows of a table of the story."""
    yield from csv.DictReader(io.StringIO(table.strip()))


def written(columns: tuple[str, ...], rows: Iterable[Row]) -> str:
    """A table as RFC 4180 has it, but for line ends that suit a Git checkout."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def main() -> None:
    for name, text in tables().items():
        Path(__file__).with_name(name).write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
