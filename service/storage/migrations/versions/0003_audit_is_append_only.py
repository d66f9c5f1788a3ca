"""The audit trail refuses to be changed.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from service.storage.audit_triggers import append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)
