"""The tables of the database of record.

Times are microseconds since 1970 in UTC (`database.micros`), so that both databases keep and compare them exactly.
What is recorded of the world is never overwritten: a row is known from `recorded_from` until `recorded_to`, the last
one until FOREVER. `valid_from` and `valid_to` say when it is true in the world; null is open.
JSON is text with sorted keys.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite does so for INTEGER alone."""

_FOREVER = 2**63 - 1


def _text(name: str, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=default is None, server_default=default)


def _recorded() -> tuple[Column[int], Column[int]]:
    return (
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=str(_FOREVER)),
    )


def _valid() -> tuple[Column[int], Column[int]]:
    return Column("valid_from", BigInteger), Column("valid_to", BigInteger)


state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""One row: the epoch of this database, number and time of its last change."""

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("seq", "subject", "id"),
)
"""Whose facts each change made old: see `database.Subject`."""


sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rank", Integer, nullable=False),
)
"""Precedence: of two sources that speak of the same, the one of the lower rank is believed; others have rank 1000."""

entities = Table(
    "entities",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("id", Text, nullable=False),
    _text("name"),
    _text("kind", None),
    _text("seats", "{}"),
    _text("source"),
    *_recorded(),
    UniqueConstraint("id", "recorded_to"),
)
"""`seats`: JSON object, basis -> sorted codes."""

acting = Table(
    "acting",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    _text("source"),
    *_recorded(),
    UniqueConstraint("one", "other", "recorded_to"),
    Index("ix_acting_other_recorded_to", "other", "recorded_to"),
)
"""Who acts together: `one` < `other`; holds both ways."""

interests = Table(
    "interests",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _text("kind", "shareholding"),
    _text("share"),
    Column("control", Boolean, nullable=False, server_default="0"),
    *_valid(),
    _text("source"),
    _text("details", "{}"),
    *_recorded(),
    UniqueConstraint("id", "recorded_to"),
    Index("ix_interests_subject_recorded_to", "subject", "recorded_to"),
    Index("ix_interests_owner_recorded_to", "owner", "recorded_to"),
)
"""`share`: as `str(Bounds)` writes it; empty is unknown, or no share where the interest is one of control."""

listings = Table(
    "listings",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("id", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("list", Text, nullable=False),
    *_valid(),
    _text("source"),
    *_recorded(),
    UniqueConstraint("id", "recorded_to"),
    Index("ix_listings_entity_recorded_to", "entity", "recorded_to"),
    Index("ix_listings_list_recorded_to", "list", "recorded_to"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("id", Text, nullable=False),
    _text("entity", None),
    _text("tags", "[]"),
    _text("declared", "{}"),
    *_recorded(),
    UniqueConstraint("id", "recorded_to"),
    Index("ix_accounts_entity_recorded_to", "entity", "recorded_to"),
)
"""`tags`: sorted JSON array; `declared`: JSON object, signal -> code."""

resources = Table(
    "resources",
    metadata,
    Column("row", Serial, primary_key=True),
    Column("id", Text, nullable=False),
    _text("tags", "[]"),
    _text("provider", None),
    *_recorded(),
    UniqueConstraint("id", "recorded_to"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("format", Text, nullable=False),
    _text("file"),
    _text("digest"),
    Column("status", Text, nullable=False),
    Column("position", BigInteger, nullable=False, server_default="0"),
    _text("counts", "{}"),
    _text("options", "{}"),
    Column("actor", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""`status`: running, done, failed or abandoned; `position`: records of the file that are taken over for good;
`options`: JSON object, how the file is read, so that it is read so again when the import is resumed."""

rejections = Table(
    "rejections",
    metadata,
    Column("import", Text, ForeignKey("imports.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    _text("column"),
    Column("message", Text, nullable=False),
    PrimaryKeyConstraint("import", "number"),
)


rulesets = Table(
    "rulesets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", Text),
    Column("publication", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)
"""`revision`: of the document that is published, null before the first; `publication`: its number."""

documents = Table(
    "documents",
    metadata,
    Column("ruleset", Text, ForeignKey("rulesets.id"), nullable=False),
    Column("revision", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("draft", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("ruleset", "revision"),
)
"""Immutable. `revision`: twelve hexadecimal digits of the SHA-256 of the text; `form`: yaml or json."""

publications = Table(
    "publications",
    metadata,
    Column("number", Serial, primary_key=True),
    Column("ruleset", Text, ForeignKey("rulesets.id"), nullable=False),
    Column("revision", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    _text("reason"),
    Column("draft", Text),
    Column("replaced", Text),
    Index("ix_publications_ruleset_at", "ruleset", "at"),
)
"""Everything that was ever in force. `kind`: approved, scheduled, rollback, break_glass or import."""

drafts = Table(
    "drafts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ruleset", Text, ForeignKey("rulesets.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("author", Text, nullable=False),
    _text("title"),
    Column("text", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("base", Text),
    Column("version", Integer, nullable=False),
    Column("publish_at", BigInteger),
    _text("notice"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("submitted_at", BigInteger),
    Index("ix_drafts_status_publish_at", "status", "publish_at"),
    Index("ix_drafts_ruleset_updated_at", "ruleset", "updated_at"),
)
"""`status`: draft, in_review, approved, scheduled, suspended, published, superseded, rejected or withdrawn;
`base`: the revision that was published when it was written, or last rebased; `submitted_at`: null as long as nobody
but its author may see it."""

approvals = Table(
    "approvals",
    metadata,
    Column("draft", Text, ForeignKey("drafts.id"), nullable=False),
    Column("approver", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    _text("comment"),
    PrimaryKeyConstraint("draft", "approver"),
)

case_files = Table(
    "case_files",
    metadata,
    Column("ruleset", Text, ForeignKey("rulesets.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
    PrimaryKeyConstraint("ruleset", "name"),
)


keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("revoked_by", Text),
    Column("used_at", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),
)
"""`digest`: SHA-256 of the key in hexadecimal; `scopes`: sorted JSON array."""

roles = Table(
    "roles",
    metadata,
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Column("granted_by", Text, nullable=False),
    PrimaryKeyConstraint("person", "role"),
)
"""Of people: `person` is `oidc:ISSUER#SUBJECT`."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("actor", "key"),
    Index("ix_idempotency_at", "at"),
)
"""`request`: SHA-256 of method, path and body."""


audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    _text("address"),
    Column("action", Text, nullable=False),
    _text("object"),
    _text("before", None),
    _text("after", None),
    _text("reason"),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_actor_number", "actor", "number"),
    Index("ix_audit_object_number", "object", "number"),
)
"""Append-only, from number 1 without a gap; `digest` is the SHA-256 of the entry, `previous` that of the one before."""

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)
"""Signed: up to `number` the chain ended in `digest`. `key`: fingerprint of the public key."""

instances = Table(
    "instances",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    _text("ruleset"),
    _text("revision"),
    _text("data", "[]"),
    _text("notice"),
)
"""`data`: JSON array of `{name, revision, date}`, the sources of data of the instance."""

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What instances share and no one is shown: that the bootstrap credential was issued, the key that signs heads."""
