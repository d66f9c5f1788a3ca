"""What makes the audit trail append-only in the database itself, for everyone but its owner.

An entry is added with the next number and never again changed: REPLACE would else remove entries past the triggers.
"""

_REFUSAL = "the audit trail is append-only"

_SQLITE = (
    *(
        f"CREATE TRIGGER {table}_is_never_{verb} BEFORE {action} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for table in ("audit", "audit_heads")
        for verb, action in (("changed", "UPDATE"), ("removed", "DELETE"))
    ),
    "CREATE TRIGGER audit_has_no_gap BEFORE INSERT ON audit "
    "WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit) "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    "CREATE TRIGGER audit_heads_are_never_replaced BEFORE INSERT ON audit_heads "
    "WHEN EXISTS (SELECT 1 FROM audit_heads WHERE number = NEW.number) "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
)

_POSTGRESQL = (
    "CREATE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE FUNCTION audit_numbered() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit) THEN "
    f"RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
    *(
        f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()"
        for table in ("audit", "audit_heads")
    ),
    "CREATE TRIGGER audit_has_no_gap BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_numbered()",
)


def append_only(dialect: str) -> tuple[str, ...]:
    """The statements that make it so, in the words of one database."""
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL


def editable(dialect: str) -> tuple[str, ...]:
    """The statements that undo it: what an attacker with the rights of the database's owner would run."""
    if dialect == "sqlite":
        names = [f"{table}_is_never_{verb}" for table in ("audit", "audit_heads") for verb in ("changed", "removed")]
        names += ["audit_has_no_gap", "audit_heads_are_never_replaced"]
        return tuple(f"DROP TRIGGER {name}" for name in names)
    return (
        "DROP TRIGGER audit_is_append_only ON audit",
        "DROP TRIGGER audit_heads_is_append_only ON audit_heads",
        "DROP TRIGGER audit_has_no_gap ON audit",
        "DROP FUNCTION audit_refused()",
        "DROP FUNCTION audit_numbered()",
    )
