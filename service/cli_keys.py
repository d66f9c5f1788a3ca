"""`cordon keys`: makes, lists and revokes keys. Whoever can open the database may; the audit trail names them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import typer
from rich.table import Table

from rules.times import parse_instant
from service.cli_database import acting_user, opened
from service.cli_output import Output, complain, counted, fail, say, say_json, say_rich, visible
from service.storage import keys
from service.storage.audit import Entry, append
from service.storage.database import Database, Writing, moment_of
from service.storage.key_records import NAME_LIMIT, ROLE, KeyRecord, NewKey, Status, fault_of_scopes, key_row

PAGE = 500
COLUMNS = ("id", "name", "scopes", "status", "expires", "last used", "made by")


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What the options say of a key to be made."""

    name: str
    scopes: list[str]
    roles: list[str]
    expires: str | None


def create_key_command(url: str, wanted: WantedKey, output: Output) -> None:
    """Make a key, and write it to standard output: it is nowhere else."""
    now = datetime.now(UTC)
    new = _new_key(wanted, now)
    with opened(url) as database, database.writing() as writing:
        record, secret = keys.create(writing, new, acting_user())
        _audit(writing, "key.create", None, record)
    row = key_row(record, now)
    if output is Output.JSON:
        return say_json({"key": row, "secret": secret})
    complain(f"key `{record.id}` is made: this is the only time that it is shown")
    return say(secret)


def list_keys_command(url: str, status: Status | None, output: Output) -> None:
    """Show the keys, without the keys themselves."""
    now = datetime.now(UTC)
    with opened(url) as database:
        found = list(_all_keys(database, keys.KeyFilter(now, status)))
    if output is Output.JSON:
        return say_json([key_row(record, now) for record in found])
    if not found:
        return say("no keys")
    say_rich(_table(found, now))
    return say(counted(len(found), "key"))


def revoke_key_command(url: str, key_id: str) -> None:
    """Put a key out of force."""
    with opened(url) as database, database.writing() as writing:
        before = keys.get(writing.connection, key_id)
        if before is None:
            fail(f"cordon: there is no key `{key_id}`")
        after = keys.revoke(writing, before, acting_user())
        if after != before:
            _audit(writing, "key.revoke", before, after)
    say(f"key `{key_id}` is revoked")


def _new_key(wanted: WantedKey, now: datetime) -> NewKey:
    scopes = frozenset((*wanted.scopes, *(f"{ROLE}{role}" for role in wanted.roles)))
    fault = fault_of_scopes(scopes)
    if not wanted.name.strip() or not wanted.name.isprintable() or len(wanted.name) > NAME_LIMIT:
        fault = f"a name is one line of up to {NAME_LIMIT} characters"
    try:
        expires_at = None if wanted.expires is None else parse_instant(wanted.expires)
    except ValueError as error:
        expires_at, fault = None, str(error)
    if expires_at is not None and expires_at <= now:
        fault = f"`{wanted.expires}` is past"
    if fault:
        complain(f"cordon: {fault}")
        raise typer.Exit(2)
    return NewKey(wanted.name, scopes, expires_at)


def _audit(writing: Writing, action: str, before: KeyRecord | None, after: KeyRecord) -> None:
    at = moment_of(writing.recorded_at)
    was = None if before is None else key_row(before, at)
    append(
        writing.connection, Entry(acting_user(), action, f"key:{after.id}", before=was, after=key_row(after, at)), at
    )


def _all_keys(database: Database, wanted: keys.KeyFilter) -> Iterator[KeyRecord]:
    after: tuple[int, str] | None = None
    with database.reading() as connection:
        while page := keys.listed(connection, wanted, after, PAGE):
            yield from page
            after = keys.place_of(page[-1])


def _table(found: list[KeyRecord], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column)
    for record in found:
        row = key_row(record, now)
        scopes, expires, used = ", ".join(row["scopes"]), row["expires_at"] or "never", row["used_at"] or "never"
        table.add_row(*map(visible, (record.id, record.name, scopes, row["status"], expires, used, record.created_by)))
    return table
