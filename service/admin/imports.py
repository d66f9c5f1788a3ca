"""Endpoints of imports: a file is sent as the body of a request, kept beside, and taken over in the background.

An import whose process ends is not ended itself: the same file sent again goes on where it stopped.
"""

import json
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import Field
from starlette.requests import ClientDisconnect
from typing_extensions import TypedDict

from service.admin.calls import Call, requires
from service.admin.fact_models import Document, Word
from service.admin.pagination import PAGE_ITEMS, PAGE_ITEMS_LIMIT, page_of, read_cursor, read_number_cursor
from service.errors import BadRequest, NotFound, TooLarge, TooManyRequests
from service.imports import journal
from service.imports.engine import Importer
from service.imports.journal import BATCH_ROWS, Import, Options, Overtaken
from service.imports.streams import ImportFile
from service.imports.views import ImportRow, RejectionRow, import_row, rejection_row
from service.storage.database import Unavailable, micros

router = APIRouter(prefix="/admin/v1/imports", tags=["imports"])

Reading = Annotated[Call, Depends(requires("facts.read"))]
Running = Annotated[Call, Depends(requires("imports.run", is_streamed=True))]

UPLOAD_LIMIT_BYTES = 16 * 1024 * 1024 * 1024
"""The longest file that is taken in."""
AT_ONCE = 2
"""Imports that one process runs at the same time."""
_THREADS = "cordon-import-"
_RETRY_SECONDS = 30


class ImportsPage(TypedDict):
    """Imports, the newest first."""

    items: list[ImportRow]
    next: str | None


class RejectionsPage(TypedDict):
    """Rows that an import did not take over, in the order of the file."""

    items: list[RejectionRow]
    next: str | None


class StartImport(Document):
    """How the body is read and taken over."""

    format: Literal["csv", "ndjson", "bods", "gleif", "ftm"]
    source: Annotated[Word, Field(description="Name of whoever says this.")]
    file: Annotated[str, Field(max_length=256, description="Name of the file, to be shown.")] = ""
    on_fault: Annotated[Literal["skip", "batch", "file"], Field(description="What a fault undoes.")] = "skip"
    batch: Annotated[int, Field(ge=1, le=1_000_000, description="Rows that are taken over together.")] = BATCH_ROWS
    complete: Annotated[bool, Field(description="The file is all that the source says.")] = False
    table: Annotated[
        Literal["", "entities", "interests", "listings", "accounts", "resources", "acting"],
        Field(description="Of csv: which table it is; else its name or its columns say so."),
    ] = ""
    lists: list[str] = Field(
        default_factory=list, max_length=200, description="Of ftm: `dataset=list`; may be repeated."
    )

    def options(self) -> Options:
        """The same for the engine."""
        lists = dict(pair.split("=", 1) for pair in self.lists if "=" in pair)
        if len(lists) < len(self.lists) or not all(lists.values()):
            raise BadRequest("a list is named `dataset=list`, each dataset once")
        return Options(
            format=self.format,
            source=self.source,
            on_fault=self.on_fault,
            batch_rows=self.batch,
            complete=self.complete,
            table=self.table,
            lists=lists,
        )


class PageQuery(Document):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_LIMIT, description="The most items of one page.")] = PAGE_ITEMS
    cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None


@router.post("", status_code=202, response_model=ImportRow)
async def start_import(call: Running, request: Request, wanted: Annotated[StartImport, Query()]) -> Response:
    """Take in a file, and begin to take it over; an import of the same file that was never ended goes on."""
    options = wanted.options()
    _require_place()
    path = await _taken_in(request)
    try:
        return await run_in_threadpool(_start, call, ImportFile(path, wanted.file), options)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _require_place() -> None:
    running = sum(thread.name.startswith(_THREADS) for thread in threading.enumerate())
    if running >= AT_ONCE:
        raise TooManyRequests(f"{running} imports run here already: send it again later", _RETRY_SECONDS)


async def _taken_in(request: Request) -> Path:
    """The body in a file of its own."""
    handle, name = tempfile.mkstemp(prefix=_THREADS)
    path, length = Path(name), 0
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in request.stream():
                length += len(chunk)
                if length > UPLOAD_LIMIT_BYTES:
                    raise TooLarge(f"the body is longer than {UPLOAD_LIMIT_BYTES} bytes", is_unread=True)
                await run_in_threadpool(file.write, chunk)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, ClientDisconnect):
            raise BadRequest("the request never came to its end") from None
        raise
    return path


def _start(call: Call, file: ImportFile, options: Options) -> Response:
    admin, who = call.admin, call.principal
    importer = Importer(admin.database, who.id, who.address, on_change=admin.changed)
    digest = file.digest()
    with call.write() as change:
        import_ = journal.unfinished(change.connection, options, digest)
        if import_ is None:
            import_ = importer.start_within(change.writing, options, name=file.name, digest=digest)
        answer = change.answer(202, import_row(import_), location=f"/admin/v1/imports/{import_.id}")
    name = f"{_THREADS}{import_.id}"
    threading.Thread(target=_run, args=(importer, file, import_), name=name, daemon=True).start()
    return answer


def _run(importer: Importer, file: ImportFile, import_: Import) -> None:
    """Take a file over; where that cannot be done now, the import stays as it is, to be gone on with."""
    try:
        with suppress(Unavailable, Overtaken):
            importer.run(file, import_)
    finally:
        file.path.unlink(missing_ok=True)


@router.get("", response_model=ImportsPage)
def list_imports(call: Reading, page: Annotated[PageQuery, Query()]) -> Response:
    """The imports, the newest first."""
    before = _place(page.cursor)
    with call.admin.database.reading() as connection:
        found = journal.listed(connection, page.limit + 1, before)
    return call.read_answer(page_of(found, page.limit, _place_of, item=import_row))


def _place_of(found: Import) -> list[object]:
    return [micros(found.started_at), found.id]


def _place(cursor: str | None) -> tuple[int, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [int() as started, str() as id] if abs(started) < 2**63:
            return started, id
        case other:
            raise BadRequest(f"the cursor is none that a page was given with: `{json.dumps(other)[:80]}`")


@router.get("/{id}", response_model=ImportRow)
def read_import(call: Reading, id: str) -> Response:
    """One import, how far it has come, and what became of its rows."""
    with call.admin.database.reading() as connection:
        found = journal.find(connection, id)
    return call.read_answer(import_row(_required(found, id)))


@router.get("/{id}/rejections", response_model=RejectionsPage)
def list_rejections(call: Reading, id: str, page: Annotated[PageQuery, Query()]) -> Response:
    """Every row that was not taken over: line, column, why."""
    after = read_number_cursor(page.cursor) or 0
    with call.admin.database.reading() as connection:
        _required(journal.find(connection, id), id)
        found = list(journal.rejected(connection, id, after=after, limit=page.limit + 1))
    shown = page_of(found, page.limit, lambda numbered: [numbered[0]], item=lambda numbered: rejection_row(numbered[1]))
    return call.read_answer(shown)


def _required(found: Import | None, id: str) -> Import:
    if found is None:
        raise NotFound(f"there is no import `{id}`")
    return found
