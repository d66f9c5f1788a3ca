"""`cordon decisions`: searches, explains, exports, replays and clears the decision log.

Reads the segments, and needs no server. Exports and deletions stand in the audit trail of the database, if one is
given.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from service.cli_output import Output, complain, counted, fail, say, say_json, say_rich

if TYPE_CHECKING:  # imported late: help and completion are quick
    from service.decision_log.replay import Changed, New, Tally
    from service.decision_log.search import Found
    from service.past_rules import DirectoryPast, RecordedPast
    from service.storage.database import Database

decisions = typer.Typer(help="The decision log.", no_args_is_help=True, rich_markup_mode=None)

LIMIT = 50
CHANGES_SHOWN = 1_000

LogOption = Annotated[Path, typer.Option("--log", help="Directory of the log.", envvar="CORDON_DECISION_LOG")]
DatabaseOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads it at run time
    typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE"),
]
DataOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--data", help="Directory of data, in place of a database.", envvar="CORDON_DATA"),
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the decision.")]
AccountOption = Annotated[Optional[str], typer.Option("--account", help="Id of the account.")]  # noqa: UP045
EffectOption = Annotated[Optional[str], typer.Option("--effect", help="allow, challenge or deny.")]  # noqa: UP045
RuleOption = Annotated[Optional[str], typer.Option("--rule", help="Id of the rule that was named.")]  # noqa: UP045
ResourceOption = Annotated[Optional[str], typer.Option("--resource", help="Id of the resource.")]  # noqa: UP045
UnknownOption = Annotated[Optional[str], typer.Option("--unknown", help="A code of what was unknown.")]  # noqa: UP045
RevisionOption = Annotated[Optional[str], typer.Option("--revision", help="Revision of the rule set.")]  # noqa: UP045
SinceOption = Annotated[Optional[str], typer.Option("--since", help="From then on.")]  # noqa: UP045
UntilOption = Annotated[Optional[str], typer.Option("--until", help="Before then.")]  # noqa: UP045
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]


@decisions.command("search")
def search(
    log: LogOption,
    account: AccountOption = None,
    effect: EffectOption = None,
    rule: RuleOption = None,
    resource: ResourceOption = None,
    unknown: UnknownOption = None,
    revision: RevisionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most decisions shown.")] = LIMIT,
    output: OutputOption = Output.TEXT,
) -> None:
    """Find decisions, the latest first."""
    from service.decision_log.search import DecisionSearch, Filter

    asked = Filter(
        account=account,
        effect=effect,
        rule=rule,
        resource=resource,
        unknown=unknown,
        revision=revision,
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
    )
    with _plainly():
        records = DecisionSearch(_directory(log)).search(asked, limit)
    if output is Output.JSON:
        return say_json(records)
    for record in records:
        named = f"{record['effect']:<9} {record['rule'] or '(default)'}"
        say(f"{record['time']}  {record['id']}  {named}  {record['account']}  {record['resource']}")
    return complain(counted(len(records), "decision"))


@decisions.command("show")
def show(log: LogOption, id: IdArgument) -> None:
    """Show one record, and the facts that it refers to, as JSON."""
    found = _found(log, id)
    say_json({"decision": found.record, "facts": found.facts})


@decisions.command("why")
def explain(
    log: LogOption,
    id: IdArgument,
    database: DatabaseOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say why a decision is as it is.

    By the rules and facts of then; the rules are looked for in the database, or in the directory.
    """
    from service.cli_explanations import explanation_tree
    from service.decision_log.thawing import moment
    from service.decision_log.why import why

    found = _found(log, id)
    with _plainly(), _past(database, data) as past:
        explained = why(found, past.ruleset_of if past else _no_rules)
    if output is Output.JSON:
        return say_json(explained.document())
    say(*explained.lines)
    if explained.explanation is not None:
        say("")
        say_rich(explanation_tree(explained.explanation, found.record["effect"], moment(found.record["at"])))
    return None


@decisions.command("export")
def export(
    log: LogOption,
    account: AccountOption = None,
    effect: EffectOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write decisions with their facts, a line of JSON each.

    What comes out is a segment like those of the log.
    """
    from service.decision_log.search import DecisionSearch, Filter

    asked = Filter(account=account, effect=effect, since=_moment(since, "--since"), until=_moment(until, "--until"))
    with _plainly(), _opened(database) as opened:
        _audit(opened, "decisions.export", "decisions:", asked.bound())
        for line in DecisionSearch(_directory(log)).export(asked):
            sys.stdout.write(line.decode())


@decisions.command("delete")
def delete(
    log: LogOption,
    account: Annotated[str, typer.Option("--account", help="Id of the account.")],
    database: DatabaseOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Delete every record of one account."""
    from dataclasses import asdict

    from service.decision_log.keeping import delete_account

    with _plainly(), _opened(database) as opened:
        _audit(opened, "decisions.delete", f"account:{account}", None)
        deletion = delete_account(_directory(log), account)
        _audit(opened, "decisions.deleted", f"account:{account}", asdict(deletion))
    if output is Output.JSON:
        say_json(asdict(deletion))
    else:
        say(f"{counted(deletion.records, 'record')} deleted from {counted(deletion.segments, 'segment')}")
    if deletion.unreached:
        fail(f"cordon: {counted(deletion.unreached, 'segment')} still written: ask again")


@decisions.command("replay")
def replay(
    log: LogOption,
    since: SinceOption = None,
    until: UntilOption = None,
    ruleset: Annotated[Optional[Path], typer.Option("--ruleset", help="Rules to decide by.")] = None,  # noqa: UP045
    database: DatabaseOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Decide a period again, and say what would differ, and whether rules or data are the cause.

    By the rules of a file; with a database or a directory, by its facts and (unless a file is given) its rules.
    """
    from service.decision_log.replay import Replay

    first, last = _moment(since, "--since"), _moment(until, "--until")
    if ruleset is None and database is None and data is None:
        raise typer.BadParameter("say what is new: a rule set, a database or a directory", param_hint="--ruleset")
    with _plainly(), _past(database, data) as past:
        again = Replay(_new(ruleset, past), past.ruleset_of if past else _no_rules)
        _report(again.run(_directory(log), first, last), again.tally, output)


def _new(path: Path | None, past: "RecordedPast | DirectoryPast | None") -> "New":
    from service.decision_log.replay import New

    rules = _ruleset(path) if path is not None else None
    if past is None:
        return New(rules)
    return New(rules or past.current_ruleset(), past.facts_of)


def _ruleset(path: Path) -> Any:
    """The rule set of a file, with what it includes from the packs."""
    from rules.errors import InvalidRuleSet
    from rules.parse import parse_ruleset
    from service.documents import faults_of, read_file
    from service.packs import pack_documents

    document = read_file(path)
    if not document.complete or document.problems:
        fail(*map(str, faults_of(document, document.problems, str(path))))
    try:
        return parse_ruleset(document.value, pack_documents())
    except InvalidRuleSet as invalid:
        fail(*map(str, faults_of(document, invalid.problems, str(path))))


def _report(changes: "Iterator[Changed]", tally: "Tally", output: Output) -> None:
    from dataclasses import asdict

    shown: list[Any] = []
    for change in changes:
        if output is Output.JSON and len(shown) < CHANGES_SHOWN:
            shown.append(asdict(change))
        elif output is Output.TEXT:
            before, after = change.before, change.after
            say(
                f"{change.time}  {change.id}  {change.account}  {change.cause}: {before.effect} "
                f"({before.rule or 'default'}) -> {after.effect} ({after.rule or 'default'})"
            )
    if output is Output.JSON:
        counts = {"decided": tally.decided, "effects": tally.effects}
        return say_json({**counts, "changed": tally.changed, "unsure": tally.unsure, "changes": shown})
    changed = ", ".join(f"{count} by {cause}" for cause, count in sorted(tally.changed.items()))
    say(f"{counted(tally.decided, 'decision')} made again, {sum(tally.changed.values())} changed ({changed or 'none'})")
    say(f"{tally.effects} with another effect")
    if tally.unsure:
        say(f"not made again: {', '.join(f'{count} for the {why}' for why, count in sorted(tally.unsure.items()))}")
    return None


def _found(log: Path, id: str) -> "Found":
    from service.decision_log.search import DecisionSearch

    with _plainly():
        found = DecisionSearch(_directory(log)).find(id)
    if found is None:
        fail(f"cordon: there is no record of a decision `{id}`")
    return found


def _directory(log: Path) -> Path:
    if not log.is_dir():
        fail(f"cordon: `{log}` is no directory")
    return log


def _moment(text: str | None, option: str) -> datetime | None:
    from rules.times import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _no_rules(id: str, revision: str, at: datetime) -> None:
    """No rules of then can be had."""


@contextmanager
def _past(url: str | None, data: Path | None) -> "Iterator[RecordedPast | DirectoryPast | None]":
    """Where rules and facts come from; a database before a directory."""
    if url is None and data is None:
        yield None
        return
    from service.past_rules import DirectoryPast, RecordedPast

    if url is None and data is not None:
        yield DirectoryPast.at(data)
        return
    with _opened(url) as database:
        assert database is not None
        yield RecordedPast(database)


@contextmanager
def _opened(url: str | None) -> "Iterator[Database | None]":
    if url is None:
        complain("cordon: no database is given: this stands in no audit trail")
        yield None
        return
    from service.cli_database import opened

    with opened(url) as database:
        yield database


def _audit(database: "Database | None", action: str, object: str, after: Any) -> None:
    """Write down what is done, where there is a database to write it in."""
    if database is None:
        return
    from service.cli_database import acting_user
    from service.storage.audit import Entry, append
    from service.storage.database import moment_of

    with database.writing() as writing:
        entry = Entry(acting_user(), action, object, after=after)
        append(writing.connection, entry, moment_of(writing.recorded_at))


@contextmanager
def _plainly() -> Iterator[None]:
    """What keeps a command from its work, in one line."""
    from service.errors import ServiceError
    from service.storage.database import Unavailable

    try:
        yield
    except (ServiceError, Unavailable) as error:
        fail(f"cordon: {error}")
