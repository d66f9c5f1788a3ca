"""The file of routes that gateways ask about -> routes, or every fault of it with its place."""

from pathlib import Path

from service.documents import Unreadable, faults_of, read_document, read_whole
from service.errors import Unusable
from service.gateways.routes import InvalidRoutes, Routes, read_routes

SIZE_LIMIT_BYTES = 1024 * 1024


def load_routes(path: Path) -> Routes:
    """The routes of a file, by name.

    Raises:
        Unusable: it cannot be read, or is faulty: with every fault, one a line.
    """
    try:
        text = read_whole(path, SIZE_LIMIT_BYTES).decode()
    except Unreadable as error:
        raise Unusable(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{path}: not UTF-8 text") from None
    document = read_document(text, path.name)
    problems = document.problems
    if document.complete and not problems:
        try:
            return read_routes(document.value)
        except InvalidRoutes as invalid:
            problems = invalid.problems
    raise Unusable("\n".join(map(str, faults_of(document, problems, str(path)))))
