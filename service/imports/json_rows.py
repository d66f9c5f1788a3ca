"""JSON values out of a stream, each with the line that it begins in: one a line, or the items of one long array.

Numbers with a fraction are Decimal: a share is exact. No more of the file is held than one value.
"""

import codecs
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from service.imports.records import BrokenFile, Fault

VALUE_LIMIT_BYTES = 16 * 1024 * 1024
"""The longest value that is read."""

_CHUNK_BYTES = 256 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\r\n]*", re.ASCII)
_BYTE = re.compile(r" \(byte ([0-9]+)\)")


class JsonRow(NamedTuple):
    """One value, or why there is none."""

    line: int
    value: object = None
    fault: Fault | None = None


def json_rows(stream: io.BufferedReader) -> Iterator[JsonRow]:
    """Every value of a stream of lines or of one array; blank lines are passed over.

    Raises:
        BrokenFile: an array that cannot be read on.
    """
    if _begins_with_bracket(stream):
        return _items(stream)
    return _lines(stream)


def _begins_with_bracket(stream: io.BufferedReader) -> bool:
    if stream.peek(3)[:3] == _BYTE_ORDER_MARK:
        stream.read(3)
    return stream.peek(_CHUNK_BYTES).lstrip(b" \t\r\n")[:1] == b"["


def _lines(stream: io.BufferedReader) -> Iterator[JsonRow]:
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    number = 0
    while line := stream.readline(VALUE_LIMIT_BYTES):
        number += 1
        if len(line) == VALUE_LIMIT_BYTES and not line.endswith(b"\n"):
            _pass_over_line(stream)
            yield JsonRow(number, fault=Fault("", f"the line is longer than {VALUE_LIMIT_BYTES} bytes"))
        elif not line.isspace():
            try:
                yield JsonRow(number, decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError) as error:
                yield JsonRow(number, fault=Fault("", _plain(str(error))))


def _pass_over_line(stream: io.BufferedReader) -> None:
    while (rest := stream.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
        pass


def _plain(message: str) -> str:
    """`byte 7: JSON is malformed: …` in our own words."""
    found = _BYTE.search(message)
    place = f" at byte {int(found[1]) + 1} of the line" if found else ""
    return f"not JSON{place}"


@dataclass(slots=True)
class _Window:
    """The part of the text that is held, how far it is read, and the line that this place is in."""

    stream: io.BufferedReader
    decoder: codecs.IncrementalDecoder
    text: str = ""
    at: int = 0
    line: int = 1
    ended: bool = False

    def grow(self) -> bool:
        """Let go of what is read, and hold more; whether there was more."""
        if self.ended:
            return False
        self.text, self.at = self.text[self.at :], 0
        chunk = self.stream.read(max(_CHUNK_BYTES, len(self.text)))
        self.ended = not chunk
        try:
            self.text += self.decoder.decode(chunk, self.ended)
        except UnicodeDecodeError:
            raise BrokenFile(self.line, "not UTF-8: save the file in that encoding") from None
        return not self.ended

    def move(self, end: int) -> None:
        """Count what stands before `end` as read."""
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def next_character(self) -> str:
        """Pass over white space; the character behind it, or nothing at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.move(found.end() if found else self.at)
            if self.at < len(self.text) or not self.grow():
                return self.text[self.at : self.at + 1]


def _items(stream: io.BufferedReader) -> Iterator[JsonRow]:
    window = _Window(stream, codecs.getincrementaldecoder("utf-8")())
    window.next_character()
    window.move(window.at + 1)
    if window.next_character() == "]":
        return
    while True:
        yield _item(window)
        separator = window.next_character()
        if separator == "]":
            return
        if separator != ",":
            raise BrokenFile(window.line, "not JSON: a comma or the end of the array is expected here")
        window.move(window.at + 1)


_DECODE = json.JSONDecoder(parse_float=Decimal).raw_decode


def _item(window: _Window) -> JsonRow:
    if window.next_character() != "{":
        raise BrokenFile(window.line, "not JSON: an object is expected here")
    while True:
        try:
            value, end = _DECODE(window.text, window.at)
        except (json.JSONDecodeError, ArithmeticError, RecursionError) as error:
            if len(window.text) - window.at > VALUE_LIMIT_BYTES:
                raise BrokenFile(
                    window.line, f"no JSON value of at most {VALUE_LIMIT_BYTES} bytes begins here"
                ) from error
            if not window.grow():
                raise BrokenFile(window.line, "not JSON: the value that begins here is malformed or cut off") from error
        else:
            row = JsonRow(window.line, value)
            window.move(end)
            return row
