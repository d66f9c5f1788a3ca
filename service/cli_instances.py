"""`cordon instances`: who serves from a database, and who of them lags."""

from collections.abc import Iterable
from datetime import timedelta

from rich.table import Table

from service.cli_database import opened
from service.cli_output import Output, counted, say, say_json, say_rich, visible
from service.fleet import Fleet, Lag, instance_row, read_fleet
from service.storage.instances import SeenInstance

COLUMNS = ("instance", "version", "rule set", "data", "seen", "changes behind", "state")


def instances_command(url: str, output: Output) -> None:
    """Show every instance that has served in the last hour."""
    with opened(url) as database, database.reading() as connection:
        found = read_fleet(connection, database.now())
    if output is Output.JSON:
        return say_json({"position": str(found.position), "items": [instance_row(*each) for each in found.instances]})
    if not found.instances:
        return say(f"no instance serves from this database, which is at {found.position}")
    say_rich(_table(found))
    behind = sum(lag.behind for _, lag in found.instances)
    return say(f"{counted(len(found.instances), 'instance')}, {behind} behind; the record is at {found.position}")


def _table(found: Fleet) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column)
    for instance, lag in found.instances:
        table.add_row(*map(visible, _cells(instance, lag)))
    return table


def _cells(instance: SeenInstance, lag: Lag) -> Iterable[str]:
    state = instance.state
    data = ", ".join(f"{source.name} {source.dated:%Y-%m-%d}" for source in state.data)
    ruleset = f"{state.ruleset}@{state.revision}" if state.revision else "none"
    place = f"{state.host}:{state.process}"
    return (place, state.version, ruleset, data, f"{_ago(lag.unseen)} ago", str(lag.changes), _said(lag))


def _said(lag: Lag) -> str:
    """What is wrong with an instance, in a few words; `level` if nothing is."""
    words = [
        "silent" if lag.silent else "",
        f"{counted(lag.changes, 'change')} behind" if lag.changes else "",
        f"should be at {lag.expected_revision}" if lag.expected_revision else "",
        lag.notice,
    ]
    return "; ".join(filter(None, words)) or "level"


def _ago(since: timedelta) -> str:
    seconds = int(since.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
