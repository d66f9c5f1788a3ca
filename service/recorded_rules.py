"""Supplies the rule set that the record says is in force, with all that it includes, and those of earlier times."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from rules.errors import InvalidRuleSet
from rules.language import RuleSet
from rules.parse import parse_ruleset
from service.catalogue import Catalogue
from service.decide import SourceState
from service.documents import Document, Fault, InvalidData, faults_of, read_document
from service.errors import NotReady, Unavailable
from service.follow import Follower
from service.packs import pack_documents
from service.recorded import RecordedDossiers
from service.storage.database import FOREVER, Database
from service.storage.rulesets import PublishedDocument, published_documents
from service.storage.schema import accounts, resources, rulesets

DATABASE_SOURCE = "database"
"""What decisions call the record among their sources."""

Published = Mapping[str, PublishedDocument]


@dataclass(frozen=True, slots=True)
class RecordedWorld:
    """The rules in force and the facts of the record."""

    ruleset: RuleSet
    dossiers: RecordedDossiers
    follower: Follower
    examples: tuple[str, str]
    catalogue: Catalogue

    @property
    def revision(self) -> str:
        return self.ruleset.revision

    def state(self) -> SourceState:
        """The record as decisions name it: how far it is followed, and when that was last confirmed."""
        confirmed = self.follower.confirmed_at or self.follower.started_at
        return SourceState(DATABASE_SOURCE, str(self.follower.facts), confirmed)

    def example(self) -> tuple[str, str]:
        """An account and a resource to ask about."""
        return self.examples


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """The source of rules that is the record."""

    database: Database
    dossiers: RecordedDossiers
    follower: Follower
    catalogue: Catalogue
    ruleset: str | None
    """Id of the rule set that decides; None: the one that no other includes; of several, the oldest."""

    def stamp(self) -> object:
        """Nothing: the changes of the record say when to load."""
        return None

    def load(self) -> RecordedWorld:
        """The rules of now.

        Raises:
            InvalidData: with every fault.
            NotReady: none is published.
            Unavailable: they could not be read, for whatever reason; to be tried again.
        """
        try:
            with self.database.reading() as connection:
                ruleset = ruleset_in_force(connection, self.ruleset)
                examples = (_first_id(connection, accounts, "nobody"), _first_id(connection, resources, "anything"))
        except (InvalidData, NotReady, Unavailable):
            raise
        except Exception as error:  # what was published must come into force once this has passed
            raise Unavailable(f"the rules could not be read: {error}") from error
        return RecordedWorld(ruleset, self.dossiers, self.follower, examples, self.catalogue)


def _first_id(connection: Connection, table: Table, otherwise: str) -> str:
    query = select(table.c.id).where(table.c.recorded_to == FOREVER).order_by(table.c.id).limit(1)
    return connection.execute(query).scalar() or otherwise


def ruleset_in_force(connection: Connection, id: str | None, at: int | None = None) -> RuleSet:
    """The rule set that decides; with `at` (microseconds), the one that did then.

    Raises:
        InvalidData: it is faulty.
        NotReady: none is published.
    """
    published = published_documents(connection, at)
    documents = {name: read_document(found.text, f"{name}.{found.form}") for name, found in published.items()}
    chosen = id if id is not None else _root(connection, documents)
    if chosen not in documents:
        raise NotReady(f"no rule set `{chosen}` is published")
    return _parsed(documents[chosen], documents)


def _root(connection: Connection, documents: Mapping[str, Document]) -> str:
    """The rule set that no other one includes; of several the oldest, so that one more changes nothing."""
    if not documents:
        raise NotReady("no rule set is published yet")
    included = {name for document in documents.values() for name in _includes(document)}
    roots = sorted(set(documents) - included) or sorted(documents)
    oldest = select(rulesets.c.id).where(rulesets.c.id.in_(roots)).order_by(rulesets.c.created_at, rulesets.c.id)
    return str(connection.execute(oldest.limit(1)).scalar_one())


def _includes(document: Document) -> list[str]:
    value = document.value
    found = value.get("include") if isinstance(value, Mapping) else None
    return [name.partition("@")[0] for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _parsed(document: Document, documents: Mapping[str, Document]) -> RuleSet:
    library = pack_documents() | {name: found.value for name, found in documents.items() if found is not document}
    try:
        return parse_ruleset(document.value, library)
    except InvalidRuleSet as invalid:
        faults: tuple[Fault, ...] = faults_of(document, invalid.problems, document.name)
        raise InvalidData(faults) from None
