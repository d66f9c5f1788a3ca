"""NDJSON of Cordon's own: one object a line, `{"type": "interest", "owner": …}`, of any types in any order."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast, get_args

from service.imports.json_rows import json_rows
from service.imports.own_csv import COLUMNS
from service.imports.own_rows import SIGNAL_PREFIX, What, read_row
from service.imports.records import Fault, Row
from service.imports.values import is_fit

TYPES: tuple[What, ...] = get_args(What)

_LISTS = ("headquarters", "incorporation", "residence", "operations", "listed", "acts_with", "tags")
"""Members that hold several texts; one text alone will do."""


@dataclass(slots=True)
class JsonCells:
    """The members of one object; of the wrong type, they are faults."""

    members: Mapping[str, object]
    faults: list[Fault] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return name in self.members

    def text(self, name: str) -> str:
        value = self.members.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return self._fit(name, value.strip())
        if isinstance(value, bool) and name == "control":
            return "true" if value else "false"
        is_bare_share = name == "share" and isinstance(value, int | Decimal)
        self.faults.append(Fault(name, f'write `"{value}%"`' if is_bare_share else "a text is expected"))
        return ""

    def values(self, name: str) -> tuple[str, ...]:
        value = self.members.get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        texts = [item.strip() for item in items if isinstance(item, str)]
        if len(texts) < len(items):
            self.faults.append(Fault(name, "a list of texts is expected"))
        return tuple(self._fit(name, text) for text in texts if text)

    def signals(self) -> Mapping[str, str]:
        declared = self.members.get("declared", {})
        if not isinstance(declared, dict):
            self.faults.append(Fault("declared", "an object of codes by signal is expected"))
            return {}
        for signal, code in declared.items():
            if not isinstance(code, str):
                self.faults.append(Fault(SIGNAL_PREFIX + signal, "a code is expected"))
        return {signal: code for signal, code in declared.items() if isinstance(code, str) and is_fit(signal)}

    def _fit(self, name: str, text: str) -> str:
        if not is_fit(text):
            self.faults.append(Fault(name, "a control character, or half of a character"))
        return text


def read_json(stream: io.BufferedReader, *, source: str) -> Iterator[Row]:
    """The objects of a file, line by line; an array of them will do too."""
    for line, value, fault in json_rows(stream):
        yield Row(line, faults=(fault,)) if fault else _row(line, value, source)


def _row(line: int, value: object, source: str) -> Row:
    if not isinstance(value, dict):
        return Row(line, faults=(Fault("", "an object is expected"),))
    what = value.get("type")
    if what not in TYPES:
        message = f"the type is none of {', '.join(f'`{name}`' for name in TYPES)}"
        return Row(line, faults=(Fault("type", message),))
    kind = cast(What, what)
    unknown = [name for name in value if name not in COLUMNS[kind] and not _is_own(kind, name)]
    if unknown:
        return Row(line, faults=tuple(Fault(name, f"unknown member `{name}`") for name in unknown))
    cells = JsonCells(value)
    row = read_row(kind, cells, source, line)
    faults = (*cells.faults, *(fault for fault in row.faults if fault.column not in {f.column for f in cells.faults}))
    return Row(line, faults=faults) if faults else row


def _is_own(what: What, name: str) -> bool:
    return name == "type" or (what == "account" and name == "declared")
