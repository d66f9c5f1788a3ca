"""Documents among others: which one includes which."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from service.documents import Document
from service.storage.rulesets import Text

Library = Mapping[str, object]
"""Documents as plain data, by id."""

_DOCUMENTS_KEPT = 256


@lru_cache(_DOCUMENTS_KEPT)
def read(text: Text) -> Document:
    """A text as plain data; the same text is read once."""
    return text.read()


def values_of(texts: Iterable[Text]) -> dict[str, object]:
    """Documents as plain data, by id."""
    return {text.ruleset: read(text).value for text in texts}


def included(value: object) -> frozenset[str]:
    """Ids of the documents that one includes itself."""
    include = value.get("include") if isinstance(value, Mapping) else None
    return frozenset(str(each).partition("@")[0] for each in include) if isinstance(include, list) else frozenset()


def includers(id: str, library: Library) -> tuple[str, ...]:
    """Ids of the documents that include one, directly or not."""
    found = {id}
    while grown := {name for name, value in library.items() if included(value) & found} - found:
        found |= grown
    return tuple(sorted(found - {id}))


def with_all_included(id: str, library: Library) -> frozenset[str]:
    """A document's own id, and those of all that it includes, directly or not."""
    found = {id}
    while grown := {name for each in found for name in included(library.get(each))} - found:
        found |= grown
    return frozenset(found)
