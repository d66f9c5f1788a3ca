"""The facts: entities, interests, listings, accounts and resources, where they come from, and the count of changes.

Revision ID: 0001
Revises: none
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Serial = BigInteger().with_variant(Integer, "sqlite")
FOREVER = str(2**63 - 1)


def upgrade() -> None:
    _create_state()
    _create_changes()
    _create_sources()
    _create_entities()
    _create_acting()
    _create_interests()
    _create_listings()
    _create_accounts()
    _create_resources()
    _create_imports()
    _create_rejections()


def _create_state() -> None:
    op.create_table(
        "state",
        Column("id", Integer, nullable=False),
        Column("epoch", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("id", name="pk_state"),
    )


def _create_changes() -> None:
    op.create_table(
        "changes",
        Column("seq", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("id", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("seq", "subject", "id", name="pk_changes"),
    )


def _create_sources() -> None:
    op.create_table(
        "sources",
        Column("name", Text, nullable=False),
        Column("rank", Integer, nullable=False),
        PrimaryKeyConstraint("name", name="pk_sources"),
    )


def _create_entities() -> None:
    op.create_table(
        "entities",
        Column("row", Serial, nullable=False),
        Column("id", Text, nullable=False),
        Column("name", Text, nullable=False, server_default=""),
        Column("kind", Text),
        Column("seats", Text, nullable=False, server_default="{}"),
        Column("source", Text, nullable=False, server_default=""),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_entities"),
        UniqueConstraint("id", "recorded_to", name="uq_entities_id_recorded_to"),
    )


def _create_acting() -> None:
    op.create_table(
        "acting",
        Column("row", Serial, nullable=False),
        Column("one", Text, nullable=False),
        Column("other", Text, nullable=False),
        Column("source", Text, nullable=False, server_default=""),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_acting"),
        UniqueConstraint("one", "other", "recorded_to", name="uq_acting_one_other_recorded_to"),
    )
    op.create_index("ix_acting_other_recorded_to", "acting", ["other", "recorded_to"])


def _create_interests() -> None:
    op.create_table(
        "interests",
        Column("row", Serial, nullable=False),
        Column("id", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("kind", Text, nullable=False, server_default="shareholding"),
        Column("share", Text, nullable=False, server_default=""),
        Column("control", Boolean, nullable=False, server_default="0"),
        Column("valid_from", BigInteger),
        Column("valid_to", BigInteger),
        Column("source", Text, nullable=False, server_default=""),
        Column("details", Text, nullable=False, server_default="{}"),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_interests"),
        UniqueConstraint("id", "recorded_to", name="uq_interests_id_recorded_to"),
    )
    op.create_index("ix_interests_owner_recorded_to", "interests", ["owner", "recorded_to"])
    op.create_index("ix_interests_subject_recorded_to", "interests", ["subject", "recorded_to"])


def _create_listings() -> None:
    op.create_table(
        "listings",
        Column("row", Serial, nullable=False),
        Column("id", Text, nullable=False),
        Column("entity", Text, nullable=False),
        Column("list", Text, nullable=False),
        Column("valid_from", BigInteger),
        Column("valid_to", BigInteger),
        Column("source", Text, nullable=False, server_default=""),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_listings"),
        UniqueConstraint("id", "recorded_to", name="uq_listings_id_recorded_to"),
    )
    op.create_index("ix_listings_entity_recorded_to", "listings", ["entity", "recorded_to"])
    op.create_index("ix_listings_list_recorded_to", "listings", ["list", "recorded_to"])


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        Column("row", Serial, nullable=False),
        Column("id", Text, nullable=False),
        Column("entity", Text),
        Column("tags", Text, nullable=False, server_default="[]"),
        Column("declared", Text, nullable=False, server_default="{}"),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_accounts"),
        UniqueConstraint("id", "recorded_to", name="uq_accounts_id_recorded_to"),
    )
    op.create_index("ix_accounts_entity_recorded_to", "accounts", ["entity", "recorded_to"])


def _create_resources() -> None:
    op.create_table(
        "resources",
        Column("row", Serial, nullable=False),
        Column("id", Text, nullable=False),
        Column("tags", Text, nullable=False, server_default="[]"),
        Column("provider", Text),
        Column("recorded_from", BigInteger, nullable=False),
        Column("recorded_to", BigInteger, nullable=False, server_default=FOREVER),
        PrimaryKeyConstraint("row", name="pk_resources"),
        UniqueConstraint("id", "recorded_to", name="uq_resources_id_recorded_to"),
    )


def _create_imports() -> None:
    op.create_table(
        "imports",
        Column("id", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("format", Text, nullable=False),
        Column("file", Text, nullable=False, server_default=""),
        Column("digest", Text, nullable=False, server_default=""),
        Column("status", Text, nullable=False),
        Column("position", BigInteger, nullable=False, server_default="0"),
        Column("counts", Text, nullable=False, server_default="{}"),
        Column("options", Text, nullable=False, server_default="{}"),
        Column("actor", Text, nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("id", name="pk_imports"),
    )


def _create_rejections() -> None:
    op.create_table(
        "rejections",
        Column("import", Text, nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("line", BigInteger, nullable=False),
        Column("column", Text, nullable=False, server_default=""),
        Column("message", Text, nullable=False),
        PrimaryKeyConstraint("import", "number", name="pk_rejections"),
        ForeignKeyConstraint(["import"], ["imports.id"], name="fk_rejections_import"),
    )
