"""What of one segment fits a filter, in SQL: answers, which are records already, and hits, which are put together.

Works in temporary tables of one connection. Nothing of a query is ever part of the SQL: the caller's words are bound.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from service.decision_log.fragments import clipped
from service.decision_log.freezing import written
from service.decision_log.unfolding import DOUBTS, REPEATED

if TYPE_CHECKING:  # imported late: it takes a fifth of a second
    import duckdb

Connection: TypeAlias = "duckdb.DuckDBPyConnection"
Place: TypeAlias = tuple[str, str]
"""Time and id of a record, by which records are ordered."""

LINES = "read_ndjson_objects([$file], ignore_errors = true, maximum_object_size = 33554432)"

_OF_ANSWERS: Mapping[str, str] = {
    "id": "id = $id",
    "since": "time >= $since",
    "until": "time < $until",
    "unknown": "list_contains((json->'$.unknown')::VARCHAR[], $unknown)",
} | {name: f"{name} = ${name}" for name in ("account", "effect", "rule", "resource", "revision")}
_OF_SHARED: Mapping[str, str] = {
    name: f"json->>'$.{name}' = ${name}" for name in ("account", "effect", "rule", "resource", "revision")
} | {"unknown": _OF_ANSWERS["unknown"]}
_OF_HITS: Mapping[str, str] = {
    "id": "id = $id",
    "since": "time >= $since",
    "until": "time < $until",
    "account": "coalesce(accounts.fits, true)",
} | dict.fromkeys(("effect", "rule", "resource", "unknown", "revision"), "coalesce(answers.fits, true)")
"""A hit fits too if what it shares is missing: whoever asks must be told."""
_OF_LINES: Mapping[str, str] = {
    "id": "(contains(json, $id) OR NOT regexp_full_match($id, '[A-Za-z0-9_-]+'))",
    "since": "json->>'$.second' >= left($since, 19)",
    "until": "json->>'$.second' <= left($until, 19)",
}
"""A line of hits may hold some that fit."""

_READ = "(SELECT json, {members} FROM (SELECT json, json->>[{paths}] AS members FROM {lines}))"
_GATHERED = """
CREATE OR REPLACE TEMP TABLE gathered AS SELECT
    {answers} FILTER (WHERE type = 'decision' AND {of_answers} AND {before}) AS answers,
    list({{json: json, type: type}})
        FILTER (WHERE type IN ('account', 'place', 'answer', 'questions') OR type = 'hits' AND {of_lines}) AS others
FROM {read}
"""
_LATEST = "arg_max({json: json, time: time, id: id}, time || id, $limit)"
_ALL = "list({json: json, time: time, id: id})"
_PART = """
CREATE OR REPLACE TEMP TABLE part AS
SELECT each.json AS json, 'decision' AS type, each.time AS time, each.id AS id FROM (
    SELECT unnest(answers) AS each FROM gathered
) UNION ALL SELECT each.json, each.type, NULL, NULL FROM (SELECT unnest(others) AS each FROM gathered)
"""
"""Gathered before it is laid out: a table made straight from a file takes many times the memory."""
_BEFORE = "(time, id) < ($beforetime, $beforeid)"
_NAMED = re.compile(r"\$([a-z]+)")


def _members(*names: str) -> str:
    """Some members of a line as a record has them, each after a comma."""
    return " || ".join(f"""',"{name}":' || (json->'$.{name}')::VARCHAR""" for name in names)


_KINDS = {
    "account": (
        "$.account_facts.graph",
        f"{_members('account')} AS account, {_members('facts')} AS facts, {_members('account_facts')} AS own_facts",
    ),
    "place": (
        "$.location",
        f"{_members('address')} AS address, {_members('claims', 'location')} AS known, "
        f"{_members('address_status')} || coalesce({_members('reserved')}, '') AS status",
    ),
    "answer": (
        "$.resource_facts.graph",
        f"{_members('resource', 'action')} AS question, {_members(*REPEATED)} AS answer, "
        f"{_members(*DOUBTS)} AS doubts, {_members('resource_facts')} AS facts",
    ),
}
"""What hits share: the facts that each needs, and its parts of a record."""
_ASKED_OF = {"account": ("account",), "answer": ("effect", "rule", "resource", "unknown", "revision")}
_SHARED = """
CREATE OR REPLACE TEMP TABLE {kind}s AS
SELECT (json->>'$.n')::UINTEGER AS n, coalesce({fits}, false) AS fits, json->>'{needs}' AS needs, {texts}
FROM part WHERE type = '{kind}'
"""
_ANSWERS = """
SELECT time, id, rowid AS line, NULL AS account, NULL AS place, NULL AS answer, NULL AS is_addressed, NULL AS address
FROM part WHERE type = 'decision'
"""
_QUESTIONS = """
CREATE OR REPLACE TEMP TABLE questions AS
SELECT DISTINCT ON (n) n, account, place, answer, is_addressed, address FROM (
    SELECT unnest(said.n) AS n, unnest(said.account) AS account, unnest(said.place) AS place,
           unnest(said.answer) AS answer, coalesce(len(said.address) = len(said.n), false) AS is_addressed,
           unnest(said.address) AS address
    FROM (SELECT json_transform(json, '{form}') AS said FROM part WHERE type = 'questions')
)
"""
"""One that is said twice says the same, if by other numbers."""
_COLUMNS = '"account":["UINTEGER"],"place":["UINTEGER"],"answer":["UINTEGER"],"address":["VARCHAR"]}'
_FORM = '{"second":"VARCHAR","id":["VARCHAR"],"at":["UINTEGER"],"question":["UBIGINT"],' + _COLUMNS
_QUESTIONS_FORM = '{"n":["UBIGINT"],' + _COLUMNS
_HITS = """
SELECT time, id, line, hit.account, hit.place, hit.answer, is_addressed, address FROM (
    SELECT time, id, line, coalesce(own.account, asked.account) AS account, coalesce(own.place, asked.place) AS place,
           coalesce(own.answer, asked.answer) AS answer,
           CASE WHEN is_asked THEN asked.is_addressed ELSE own.is_addressed END AS is_addressed,
           coalesce(own.address, asked.address) AS address
    FROM (
        SELECT unnest(hits.id) AS id, hits.second || '.' || lpad(unnest(hits.at)::VARCHAR, 6, '0') || 'Z' AS time,
               unnest(hits.question) AS question, hits.question IS NOT NULL AS is_asked,
               unnest(hits.account) AS account, unnest(hits.place) AS place, unnest(hits.answer) AS answer,
               len(hits.address) = len(hits.id) AS is_addressed, unnest(hits.address) AS address, line
        FROM (SELECT json_transform(json, '{form}') AS hits, rowid AS line FROM part WHERE type = 'hits')
    ) AS own LEFT JOIN questions AS asked ON asked.n = own.question
) AS hit LEFT JOIN accounts ON accounts.n = hit.account LEFT JOIN answers ON answers.n = hit.answer WHERE {conditions}
"""
"""A hit of a question that is kept has the number of that alone. `is_addressed`: whether the line of hits, or of
questions, has an address for each; unknown of the first form, where the place says it."""
_MATCHED = """
CREATE OR REPLACE TEMP TABLE matched AS SELECT row_number() OVER (ORDER BY {order}) AS rank, *
FROM (SELECT * FROM ({rows}) WHERE {conditions} ORDER BY {order} {limit})
"""
_PLAIN_TEXTS = """
SELECT matched.time, matched.id, json::VARCHAR FROM matched JOIN part ON part.rowid = line
WHERE rank > $first AND rank <= $last ORDER BY rank
"""
_ADDRESS = """
CASE WHEN is_addressed THEN ',"address":' || coalesce(to_json(these.address)::VARCHAR, 'null')
     WHEN is_addressed IS NULL THEN places.address END
"""
_TEXTS = f"""
WITH these AS MATERIALIZED (SELECT * FROM matched WHERE rank > $first AND rank <= $last),
lines AS MATERIALIZED (
    SELECT rowid AS n, CASE type WHEN 'decision' THEN json::VARCHAR END AS text,
           {_members("worker")} AS worker, {_members("data")} AS data
    FROM part WHERE rowid IN (SELECT line FROM these)
)
SELECT time, id, coalesce(text, '{{"type":"decision","id":' || to_json(id)::VARCHAR || ',"time":"' || time || '","at":"'
    || time || '"' || lines.worker || accounts.account || answers.question || {_ADDRESS} || places.status
    || answers.answer || accounts.facts || answers.doubts || lines.data || places.known || accounts.own_facts
    || answers.facts || '}}')
FROM these LEFT JOIN lines ON lines.n = these.line LEFT JOIN accounts ON accounts.n = these.account
LEFT JOIN places ON places.n = these.place LEFT JOIN answers ON answers.n = these.answer ORDER BY rank
"""
_NEEDED = """
SELECT unnest([json->>'$.location', json->>'$.account_facts.graph', json->>'$.resource_facts.graph'])
FROM part WHERE type = 'decision' AND rowid IN (SELECT line FROM matched)
"""
_SHARED_NEEDED = " UNION ALL ".join(
    f"SELECT needs FROM {kind}s WHERE n IN (SELECT {kind} FROM matched)" for kind in _KINDS
)
_FACTS = """
SELECT json FROM {lines} WHERE json->>'$.type' IN ('facts', 'location') AND json->>'$.id' IN ({needed})
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are meant: those for which all of these are so."""

    id: str | None = None
    account: str | None = None
    effect: str | None = None
    rule: str | None = None
    resource: str | None = None
    unknown: str | None = None
    """A code among what was unknown."""
    revision: str | None = None
    """Of the rule set."""
    since: datetime | None = None
    """Decided at or after."""
    until: datetime | None = None
    """Decided before."""

    def bound(self) -> dict[str, str]:
        """What is asked for, by name, as records have it."""
        asked = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: written(value) if isinstance(value, datetime) else clipped(value)
            for name, value in asked.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Page:
    """The latest records before a place."""

    limit: int
    before: Place | None = None


class Matched:
    """The records of one segment that fit: the latest first, or (without a page) all, the earliest first."""

    def __init__(self, connection: Connection, file: str, asked: Filter, page: Page | None) -> None:
        """`file`: the path as a pattern."""
        self._connection = connection
        self._bound: dict[str, object] = {**asked.bound(), "file": file}
        self._before = "true"
        if page is not None:
            self._bound["limit"] = page.limit
        if page is not None and page.before is not None:
            self._bound |= {"beforetime": page.before[0], "beforeid": page.before[1]}
            self._before = _BEFORE
        self._read(is_page=page is not None)
        self._has_hits = self._rows("SELECT 1 FROM part WHERE type = 'hits' LIMIT 1") != []
        if self._has_hits:
            self._share()
        self._match(is_page=page is not None)

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM matched")[0][0])

    def texts(self, first: int, last: int) -> list[tuple[str, str, str | None]]:
        """Time, id and text of some records, by their places; no text where the segment lacks what hits share."""
        return self._rows(_TEXTS if self._has_hits else _PLAIN_TEXTS, first=first, last=last)

    def facts(self) -> list[str]:
        """The lines of facts that they refer to."""
        needed = f"{_NEEDED} UNION ALL {_SHARED_NEEDED}" if self._has_hits else _NEEDED
        return [row[0] for row in self._rows(_FACTS.format(lines=LINES, needed=needed))]

    def _read(self, *, is_page: bool) -> None:
        names = ["type", "time", "id", *(name for name in self._bound if name in _OF_SHARED and name != "unknown")]
        paths = ", ".join(f"'$.{name}'" for name in names)  # one look at a line finds them all
        members = ", ".join(f"members[{place}] AS {name}" for place, name in enumerate(names, 1))
        conditions = {
            "read": _READ.format(members=members, paths=paths, lines=LINES),
            "of_answers": self._all_of(_OF_ANSWERS),
            "of_lines": self._all_of(_OF_LINES),
        }
        self._rows(_GATHERED.format(answers=_LATEST if is_page else _ALL, before=self._before, **conditions))
        self._rows(_PART)
        self._rows("DROP TABLE gathered")

    def _share(self) -> None:
        """Take out what hits share, and whether it fits."""
        for kind, (needs, texts) in _KINDS.items():
            asked_of = {name: condition for name, condition in _OF_SHARED.items() if name in _ASKED_OF.get(kind, ())}
            self._rows(_SHARED.format(kind=kind, fits=self._all_of(asked_of), needs=needs, texts=texts))
        self._rows(_QUESTIONS.format(form=_QUESTIONS_FORM))

    def _match(self, *, is_page: bool) -> None:
        rows = _ANSWERS
        if self._has_hits:
            rows = f"{rows} UNION ALL {_HITS.format(form=_FORM, conditions=self._all_of(_OF_HITS))}"
        order, limit = ("time DESC, id DESC", "LIMIT $limit") if is_page else ("time, id", "")
        self._rows(_MATCHED.format(rows=rows, order=order, conditions=self._before, limit=limit))

    def _all_of(self, conditions: Mapping[str, str]) -> str:
        """Those conditions that something is asked for."""
        return " AND ".join(["true", *dict.fromkeys(conditions[name] for name in self._bound if name in conditions)])

    def _rows(self, query: str, **bound: object) -> list[Any]:
        known = self._bound | bound
        named = {name: known[name] for name in _NAMED.findall(query)}
        return self._connection.execute(query, named).fetchall()
