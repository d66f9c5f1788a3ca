"""The packs that ship: rule sets that any document may include by id."""

from functools import cache
from importlib.resources import files

from service.documents import read_document

_ENDING = ".yaml"


@cache
def _texts() -> dict[str, str]:
    folder = files("rules").joinpath("packs")
    found = {file.name.removesuffix(_ENDING): file for file in folder.iterdir() if file.name.endswith(_ENDING)}
    return {id: found[id].read_text("utf-8") for id in sorted(found)}


@cache
def _documents() -> dict[str, object]:
    return {id: read_document(text, id + _ENDING).value for id, text in _texts().items()}


def pack_documents() -> dict[str, object]:
    """Every pack that ships, by id, as plain data."""
    return dict(_documents())


def pack_text(id: str) -> str:
    """A pack as its authors wrote it, with its sources.

    Raises:
        KeyError: there is no such pack.
    """
    return _texts()[id]
