"""Bodies of plain questions, read by a decoder that knows nothing else.

INVARIANT: a body that is read here is read by the ordinary way to the same question. What is not as plain as this
(other members, properties, a time, escapes in a text, faults of any kind) is not read here at all.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder

from service.decide import ACTION_LENGTH
from service.gateways.authzen_requests import ADDRESS_LIMIT


class Subject(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """An account: no other type of subject is registered."""

    type: Literal["account"]
    id: str


class Resource(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """What is asked for."""

    type: str
    id: str


class Action(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """What is to be done with it."""

    name: Annotated[str, Meta(max_length=ACTION_LENGTH)]


class Context(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """The client's address, and nothing else."""

    ip: Annotated[str, Meta(max_length=ADDRESS_LIMIT)] = ""
    """Empty: none is given, which is as unknown as one that is none."""


class Question(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """An AuthZEN evaluation as most callers send it."""

    subject: Subject
    resource: Resource
    action: Action
    context: Context = Context()


BACKSLASH: Final = 0x5C
_decode = Decoder(Question).decode


def read_question(body: bytes) -> Question | None:
    """HOT PATH: the question; None if the ordinary way must look at it."""
    if BACKSLASH in body:
        return None
    try:
        return _decode(body)
    except ValueError:
        return None


def read_each(asked: Sequence[bytes | Question]) -> tuple[list[Question], Sequence[int]]:
    """HOT PATH: those of many that can be read, and their positions; some may be questions already."""
    try:
        if BACKSLASH not in b"".join(asked):  # type: ignore[arg-type]
            return list(map(_decode, asked)), range(len(asked))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass  # then they are not all bodies of plain questions
    questions = [each if isinstance(each, Question) else read_question(each) for each in asked]
    numbers = [number for number, each in enumerate(questions) if each is not None]
    return [each for each in questions if each is not None], numbers
