"""Rule sets and their drafts, keys and roles, the audit, and the instances.

Revision ID: 0002
Revises: 0001
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Serial = BigInteger().with_variant(Integer, "sqlite")
FOREVER = str(2**63 - 1)


def upgrade() -> None:
    _create_rulesets()
    _create_documents()
    _create_publications()
    _create_drafts()
    _create_approvals()
    _create_case_files()
    _create_keys()
    _create_roles()
    _create_idempotency()
    _create_audit()
    _create_audit_heads()
    _create_instances()
    _create_secrets()


def _create_rulesets() -> None:
    op.create_table(
        "rulesets",
        Column("id", Text, nullable=False),
        Column("revision", Text),
        Column("publication", BigInteger),
        Column("created_at", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_rulesets"),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        Column("ruleset", Text, nullable=False),
        Column("revision", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("form", Text, nullable=False),
        Column("draft", Text),
        Column("created_at", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        PrimaryKeyConstraint("ruleset", "revision", name="pk_documents"),
        ForeignKeyConstraint(["ruleset"], ["rulesets.id"], name="fk_documents_ruleset"),
    )


def _create_publications() -> None:
    op.create_table(
        "publications",
        Column("number", Serial, nullable=False),
        Column("ruleset", Text, nullable=False),
        Column("revision", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("actor", Text, nullable=False),
        Column("reason", Text, nullable=False, server_default=""),
        Column("draft", Text),
        Column("replaced", Text),
        PrimaryKeyConstraint("number", name="pk_publications"),
        ForeignKeyConstraint(["ruleset"], ["rulesets.id"], name="fk_publications_ruleset"),
    )
    op.create_index("ix_publications_ruleset_at", "publications", ["ruleset", "at"])


def _create_drafts() -> None:
    op.create_table(
        "drafts",
        Column("id", Text, nullable=False),
        Column("ruleset", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("title", Text, nullable=False, server_default=""),
        Column("text", Text, nullable=False),
        Column("form", Text, nullable=False),
        Column("base", Text),
        Column("version", Integer, nullable=False),
        Column("publish_at", BigInteger),
        Column("notice", Text, nullable=False, server_default=""),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("submitted_at", BigInteger),
        PrimaryKeyConstraint("id", name="pk_drafts"),
        ForeignKeyConstraint(["ruleset"], ["rulesets.id"], name="fk_drafts_ruleset"),
    )
    op.create_index("ix_drafts_ruleset_updated_at", "drafts", ["ruleset", "updated_at"])
    op.create_index("ix_drafts_status_publish_at", "drafts", ["status", "publish_at"])


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        Column("draft", Text, nullable=False),
        Column("approver", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("comment", Text, nullable=False, server_default=""),
        PrimaryKeyConstraint("draft", "approver", name="pk_approvals"),
        ForeignKeyConstraint(["draft"], ["drafts.id"], name="fk_approvals_draft"),
    )


def _create_case_files() -> None:
    op.create_table(
        "case_files",
        Column("ruleset", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("updated_by", Text, nullable=False),
        PrimaryKeyConstraint("ruleset", "name", name="pk_case_files"),
        ForeignKeyConstraint(["ruleset"], ["rulesets.id"], name="fk_case_files_ruleset"),
    )


def _create_keys() -> None:
    op.create_table(
        "keys",
        Column("id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("expires_at", BigInteger),
        Column("revoked_at", BigInteger),
        Column("revoked_by", Text),
        Column("used_at", BigInteger),
        Column("version", Integer, nullable=False, server_default="1"),
        PrimaryKeyConstraint("id", name="pk_keys"),
        UniqueConstraint("digest", name="uq_keys_digest"),
    )


def _create_roles() -> None:
    op.create_table(
        "roles",
        Column("person", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("granted_at", BigInteger, nullable=False),
        Column("granted_by", Text, nullable=False),
        PrimaryKeyConstraint("person", "role", name="pk_roles"),
    )


def _create_idempotency() -> None:
    op.create_table(
        "idempotency",
        Column("actor", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("request", Text, nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("actor", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        Column("number", BigInteger, nullable=False, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("actor", Text, nullable=False),
        Column("address", Text, nullable=False, server_default=""),
        Column("action", Text, nullable=False),
        Column("object", Text, nullable=False, server_default=""),
        Column("before", Text),
        Column("after", Text),
        Column("reason", Text, nullable=False, server_default=""),
        Column("previous", Text, nullable=False),
        Column("digest", Text, nullable=False),
        PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_actor_number", "audit", ["actor", "number"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_object_number", "audit", ["object", "number"])


def _create_audit_heads() -> None:
    op.create_table(
        "audit_heads",
        Column("number", BigInteger, nullable=False, autoincrement=False),
        Column("digest", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("key", Text, nullable=False),
        Column("signature", Text, nullable=False),
        PrimaryKeyConstraint("number", name="pk_audit_heads"),
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
        Column("id", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("process", Integer, nullable=False),
        Column("version", Text, nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("confirmed_at", BigInteger),
        Column("ruleset", Text, nullable=False, server_default=""),
        Column("revision", Text, nullable=False, server_default=""),
        Column("data", Text, nullable=False, server_default="[]"),
        Column("notice", Text, nullable=False, server_default=""),
        PrimaryKeyConstraint("id", name="pk_instances"),
    )


def _create_secrets() -> None:
    op.create_table(
        "secrets",
        Column("name", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("name", name="pk_secrets"),
    )
