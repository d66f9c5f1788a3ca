"""Takes a directory of data into the database: its tables as facts, its documents as published rule sets.

A directory speaks wholly of the entities that its table names: of what an earlier import of a directory recorded of
them, an interest held in them, a listing or a partner that is no longer said is retracted. What anyone else recorded
stays, and so does everything of entities, accounts and resources that the directory does not name.
The same directory twice changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from rules.facts import Entity, EntityId, Interest
from service.documents import DOCUMENT_ENDINGS, SIZE_LIMIT_BYTES, Fault, read_bytes, read_whole
from service.dossiers import Listing
from service.storage import audit
from service.storage.database import Database, Writing, moment_of
from service.storage.directory import InvalidDirectory, World, directory_stamp, load_directory
from service.storage.fact_rows import (
    ACCOUNTS,
    ACTING,
    ENTITIES,
    INTERESTS,
    LISTINGS,
    RESOURCES,
    Acting,
    Fact,
    RecordedEntity,
    RecordedInterest,
    RecordedListing,
    among,
    as_json,
    count_of,
    known,
    texts_parameter,
    texts_value,
)
from service.storage.facts import put_all, remove
from service.storage.rulesets import Text, publish_imported

SOURCE = "directory"
"""What partners are recorded to come from."""
ID_PREFIX = "directory:"
_ID_DIGITS = 24


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many of each an import changed, those included that it retracted."""

    entities: int = 0
    acting: int = 0
    interests: int = 0
    listings: int = 0
    accounts: int = 0
    resources: int = 0
    rulesets: int = 0

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


def import_directory(database: Database, path: Path, actor: str) -> Seeded:
    """Take a directory into the database in one transaction, and note in the audit trail who did.

    Raises:
        InvalidDirectory: with every fault; nothing is changed then.
        Unavailable: the database cannot be reached.
    """
    before = directory_stamp(path)
    world = load_directory(path)
    documents = list(_documents(path))
    if directory_stamp(path) != before:
        raise InvalidDirectory((Fault(str(path), "", 1, 1, "the directory changed while it was read: try again"),))
    with database.writing() as writing:
        seeded = seed(writing, world, documents, actor)
        if seeded.total:
            entry = audit.Entry(actor, "directory.import", f"directory:{world.revision}", after=asdict(seeded))
            audit.append(writing.connection, entry, moment_of(writing.recorded_at))
    return seeded


def seed(writing: Writing, world: World, documents: Iterable[Text], actor: str) -> Seeded:
    """Record what a directory says, and publish its rule sets."""
    entities = world.graph.entities
    acting = {pair: Acting(*pair, SOURCE) for pair in _pairs(entities.values())}
    interests = {each.id: each for each in _interests(world)}
    listings = {each.id: each for each in _listings(entities.values())}
    unsaid = _Unsaid(writing, entities)
    return Seeded(
        entities=put_all(writing, ENTITIES, map(_recorded, entities.values())),
        acting=unsaid.acting(acting) + put_all(writing, ACTING, _unless_recorded(writing, acting)),
        interests=unsaid.retract(INTERESTS, "subject", interests) + put_all(writing, INTERESTS, interests.values()),
        listings=unsaid.retract(LISTINGS, "entity", listings) + put_all(writing, LISTINGS, listings.values()),
        accounts=put_all(writing, ACCOUNTS, world.accounts.values()),
        resources=put_all(writing, RESOURCES, world.resources.values()),
        rulesets=sum(publish_imported(writing, each.ruleset, each.text, each.form, actor) for each in documents),
    )


def _documents(path: Path) -> Iterator[Text]:
    """The rule sets of a directory that was found sound; case files may lie there too."""
    for file in sorted(path.iterdir()):
        if file.name.startswith(".") or file.suffix not in DOCUMENT_ENDINGS:
            continue
        raw = read_whole(file, SIZE_LIMIT_BYTES)
        value = read_bytes(raw, file.name).value
        if isinstance(value, Mapping) and "cases" not in value:
            text = raw.decode("utf-8").removeprefix("\ufeff")
            yield Text(str(value["ruleset"]), text, "json" if file.suffix == ".json" else "yaml")


def _recorded(entity: Entity) -> RecordedEntity:
    return RecordedEntity(entity, SOURCE)


def _pairs(entities: Iterable[Entity]) -> set[tuple[EntityId, EntityId]]:
    return {(min(entity.id, other), max(entity.id, other)) for entity in entities for other in entity.acts_with}


def _interests(world: World) -> Iterator[RecordedInterest]:
    """Every interest under an id made of what it is, its share and its end apart: those may change."""
    seen = Counter[str]()
    for held in world.graph.owners.values():
        for interest in held:
            identity = _identity(interest)
            seen[identity] += 1
            yield RecordedInterest(_id("interest", identity, str(seen[identity])), interest)


def _identity(interest: Interest) -> str:
    parties = (interest.owner, interest.subject)
    return as_json([*parties, interest.source, interest.control, count_of(interest.start)])


def _listings(entities: Iterable[Entity]) -> Iterator[RecordedListing]:
    for entity in entities:
        for name in sorted(entity.listed):
            yield RecordedListing(_id("listing", entity.id, name), entity.id, Listing(name))


def _id(*parts: str) -> str:
    return ID_PREFIX + hashlib.sha256(as_json(parts).encode()).hexdigest()[:_ID_DIGITS]


def _unless_recorded(writing: Writing, acting: Mapping[tuple[EntityId, EntityId], Acting]) -> Iterator[Acting]:
    """Those that nobody has recorded yet: whoever did is the source."""
    table = ACTING.table
    recorded = {(row.one, row.other) for row in writing.connection.execute(select(table).where(known(table, None)))}
    return (each for pair, each in sorted(acting.items()) if pair not in recorded)


@dataclass(frozen=True, slots=True)
class _Unsaid:
    """What earlier imports recorded of entities that a directory names, and it does not say any more."""

    writing: Writing
    entities: Mapping[EntityId, Entity]

    def retract(self, fact: Fact[Any], column: str, said: Mapping[str, object]) -> int:
        """Retract the facts of one kind that name such an entity in a column; how many."""
        table, dialect = fact.table, self.writing.connection.dialect.name
        named = among(table.c[column], texts_parameter(dialect, "entities"))
        values = {"entities": texts_value(dialect, self.entities)}
        ids = self.writing.connection.scalars(select(table.c.id).where(named, known(table, None)), values).all()
        unsaid = [id for id in ids if id.startswith(ID_PREFIX) and id not in said]
        return sum(remove(self.writing, fact, id) for id in unsaid)

    def acting(self, said: Mapping[tuple[EntityId, EntityId], Acting]) -> int:
        """Retract partners of such an entity; how many."""
        table = ACTING.table
        statement = select(table.c.one, table.c.other).where(table.c.source == SOURCE, known(table, None))
        recorded = [(row.one, row.other) for row in self.writing.connection.execute(statement)]
        unsaid = [pair for pair in recorded if pair not in said and (set(pair) & self.entities.keys())]
        return sum(remove(self.writing, ACTING, *pair) for pair in unsaid)
