"""The facts as the admin API reads and shows them: what a client may write of an entity, an interest, a listing, …

Texts are read by the readers of the rule language, so that a fault is said here in the words of `cordon check`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, NotRequired, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import to_json
from typing_extensions import TypedDict

from rules.facts import BASES, Basis
from rules.geography import fault_of
from rules.reading import one_line
from rules.shares import parse_bounds
from rules.times import parse_instant

ID_LIMIT = 256
TEXT_LIMIT = 1_000
VALUES_LIMIT = 1_000
"""The most tags, seats or partners of one thing."""
DETAILS_LIMIT_BYTES = 16_384
BATCH_LIMIT = 1_000
"""The most operations of one batch."""

R = TypeVar("R")
V = TypeVar("V")


def refused(message: str) -> ValueError:
    """A fault in words of our own."""
    return ValueError(one_line(message))


def _reading(reader: Callable[[str], R]) -> Callable[[object], R]:
    def read(value: object) -> R:
        if not isinstance(value, str):
            raise refused("a text is wanted here")
        try:
            return reader(value)
        except ValueError as error:
            raise refused(str(error)) from None

    return read


def _id(text: str) -> str:
    if not text:
        raise ValueError("the id is empty")
    if text != text.strip() or not text.isprintable():
        raise ValueError(f"`{text.strip()}` is no id: no white space around it, no control characters")
    if len(text) > ID_LIMIT:
        raise ValueError(f"an id of {len(text)} characters: the limit is {ID_LIMIT}")
    return text


def _code(text: str) -> str:
    if fault := fault_of(text):
        raise ValueError(fault)
    return text


def _word(text: str) -> str:
    if not text.strip() or len(text) > ID_LIMIT or not text.isprintable():
        raise ValueError(f"`{text}` is no word: 1 to {ID_LIMIT} characters, none of them a control character")
    return text.strip()


def _text(text: str) -> str:
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"a text of {len(text)} characters: the limit is {TEXT_LIMIT}")
    return text


def _share(text: str) -> str:
    return str(parse_bounds(text))


def _details(details: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(to_json(details))
    if size > DETAILS_LIMIT_BYTES:
        raise refused(f"details of {size} bytes: the limit is {DETAILS_LIMIT_BYTES}")
    return details


def _declared(signals: dict[str, str]) -> dict[str, str]:
    for signal in signals:
        _reading(_word)(signal)
    return signals


Id = Annotated[str, BeforeValidator(_reading(_id))]
Word = Annotated[str, BeforeValidator(_reading(_word))]
Text = Annotated[str, BeforeValidator(_reading(_text))]
Code = Annotated[str, BeforeValidator(_reading(_code))]
Moment = Annotated[datetime, BeforeValidator(_reading(parse_instant))]
Share = Annotated[str, BeforeValidator(_reading(_share))]
Details = Annotated[dict[str, JsonValue], AfterValidator(_details)]
Codes = Annotated[list[Code], Field(max_length=VALUES_LIMIT)]
Ids = Annotated[list[Id], Field(max_length=VALUES_LIMIT)]
Words = Annotated[list[Word], Field(max_length=VALUES_LIMIT)]
Signals = Annotated[dict[str, Code], Field(max_length=VALUES_LIMIT), AfterValidator(_declared)]

Kind: TypeAlias = Literal["entity", "interest", "listing", "account", "resource"]


class Document(BaseModel):
    """What a client writes: no member that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Seats(Document):
    """Where an entity is seated, by basis; one that is left out is not known."""

    headquarters: Codes = []
    incorporation: Codes = []
    residence: Codes = []
    operations: Codes = []

    def by_basis(self) -> dict[Basis, list[str]]:
        """The bases of which something is known."""
        return {basis: sorted(set(codes)) for basis in BASES if (codes := getattr(self, basis))}


class EntityBody(Document):
    """A person, company, state or arrangement, all of what is recorded of it itself."""

    name: Text = ""
    kind: Word | None = None
    seats: Seats = Seats()
    acts_with: Ids = []
    source: Text = ""


class _Valid(Document):
    start: Moment | None = None
    end: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.start >= self.end:
            raise refused(f"the end, `{shown(self.end)}`, is not after the start, `{shown(self.start)}`")
        return self


class InterestBody(_Valid):
    """What one entity has in another while start <= time < end; without a share its size is not known."""

    owner: Id
    subject: Id
    share: Share | None = None
    control: Annotated[bool, Field(strict=True)] = False
    kind: Word = "shareholding"
    source: Text = ""
    details: Details = {}


class ListingBody(_Valid):
    """An entity is on a list while start <= time < end."""

    entity: Id
    list: Word
    source: Text = ""


class AccountBody(Document):
    """An account, all of what is recorded of it."""

    entity: Id | None = None
    tags: Words = []
    declared: Signals = {}


class ResourceBody(Document):
    """A resource, all of what is recorded of it."""

    tags: Words = []
    provider: Id | None = None


class SourceBody(Document):
    """How far a source is believed: of two that speak of the same, the one of the lower rank."""

    rank: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class EndBody(Document):
    """When an interest ends, or ended."""

    end: Moment


class Operation(Document):
    """One of the changes of a batch."""

    op: Literal["put", "delete", "end"]
    kind: Kind
    id: Id | None = None
    body: dict[str, JsonValue] | None = None
    if_match: str | None = None


class BatchBody(Document):
    """Changes that are made all together, or not at all."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=BATCH_LIMIT)]
    reason: Text = ""


class DeedView(TypedDict):
    """Who made a version, or ended it."""

    actor: str
    action: str
    reason: str
    audit: int
    """Number of the entry in the audit trail."""


class _Recorded(TypedDict):
    recorded_from: str
    recorded_to: str | None
    recorded_by: NotRequired[DeedView | None]
    """In a history alone; null of what an import recorded."""
    ended_by: NotRequired[DeedView | None]


class EntityView(_Recorded):
    """An entity as it is recorded."""

    id: str
    name: str
    kind: str | None
    seats: dict[str, list[str]]
    acts_with: list[str]
    source: str


class InterestView(_Recorded):
    """An interest as it is recorded."""

    id: str
    owner: str
    subject: str
    share: str | None
    control: bool
    kind: str
    carries: Literal["share", "control", "majority"] | None
    """What an interest of this kind is to rules; null is nothing."""
    start: str | None
    end: str | None
    source: str
    details: dict[str, Any]


class ListingView(_Recorded):
    """A listing as it is recorded."""

    id: str
    entity: str
    list: str
    start: str | None
    end: str | None
    source: str


class AccountView(_Recorded):
    """An account as it is recorded."""

    id: str
    entity: str | None
    tags: list[str]
    declared: dict[str, str]


class ResourceView(_Recorded):
    """A resource as it is recorded."""

    id: str
    tags: list[str]
    provider: str | None


class FactPage(TypedDict, Generic[V]):
    """One page of a list."""

    items: list[V]
    next: str | None
    """What `cursor` begins the next page; null on the last."""


class ExcessView(TypedDict):
    """Someone in whom more shares are recorded than there are."""

    subject: str
    total: str
    """What they add up to at least, where they are at their most."""
    since: str | None
    until: str | None
    """When that is so."""
    interests: list[str]
    """Ids of those that are valid then."""


class SourceView(TypedDict):
    """How far a source is believed."""

    name: str
    rank: int


class Changed(TypedDict):
    """One change of a batch that was made."""

    op: str
    kind: str
    id: str
    etag: str | None
    """Of the state that it is in now; null of what was deleted."""


class BatchView(TypedDict):
    """What a batch did, in the order of its operations."""

    items: list[Changed]


def shown(moment: datetime) -> str:
    """A moment as the API writes it: RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


def shown_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else shown(moment)
