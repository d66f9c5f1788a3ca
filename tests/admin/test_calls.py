"""What every endpoint of the admin API shares: who may call, what is refused and how, what is written once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from service.admin.calls import Call, Requires, etag_of, requires
from service.errors import Conflict, NotFound, TooManyRequests
from service.storage.audit import Entry
from service.storage.database import Database, Unavailable, open_database
from service.storage.schema import audit, entities, idempotency
from tests.admin.conftest import ADDRESS, Asker, by_name, served
from tests.databases import Clock

router = APIRouter(prefix="/admin/v1/things", tags=["things"])
Editor = Annotated[Call, Depends(requires("facts.edit"))]
Reader = Annotated[Call, Depends(requires("facts.read"))]


class Thing(BaseModel):
    """A body of an endpoint."""

    model_config = ConfigDict(extra="forbid")
    name: str
    sizes: list[int] = []


@router.post("")
def create(call: Editor, thing: Thing) -> Response:
    with call.write() as change:
        if thing.name == "taken":
            raise Conflict("there is one", id="taken")
        change.connection.execute(entities.insert().values(id=thing.name, recorded_from=change.writing.recorded_at))
        change.writing.touch("entity", [thing.name])
        change.audit("entity.put", f"entity:{thing.name}", after=thing.model_dump())
        body = {"name": thing.name, "at": change.at, "secret": "s3cret"}
        kept = {"name": thing.name, "secret": None} if thing.name == "with-a-secret" else None
        return change.answer(201, body, etag=etag_of(1), location=f"/admin/v1/things/{thing.name}", kept=kept)


@router.put("/{name}")
def edit(call: Editor, name: str) -> Response:
    with call.write() as change:
        call.require_absent(etag_of(7))
        call.require_match(etag_of(7))
        return change.answer(204, None, etag=etag_of(8))


@router.get("/{name}")
def show(call: Reader, name: str, limit: int = 1) -> Response:
    if name == "missing":
        raise NotFound("there is no such thing")
    if name == "often":
        raise TooManyRequests("wait", 7)
    if name == "away":
        raise Unavailable("the server closed the connection of secret-host")
    return call.read_answer({"name": name}, etag=etag_of("abc"))


@pytest.fixture
def things(database: Database, clock: Clock) -> Asker:
    return served(database, clock, [router])


@pytest.fixture
def sqlite_things(sqlite_database: Database, clock: Clock) -> Asker:
    return served(sqlite_database, clock, [router])


def count_of(asker: Asker, name: str) -> int:
    query = select(func.count()).select_from(entities).where(entities.c.id == name)
    with asker.admin.database.reading() as connection:
        return int(connection.execute(query).scalar_one())


def refusals(asker: Asker) -> list[tuple[str, str, str, str]]:
    query = select(audit).where(audit.c.action == "auth.refused").order_by(audit.c.number)
    with asker.admin.database.reading() as connection:
        return [(row.actor, row.address, row.object, row.after or "") for row in connection.execute(query)]


def test_a_caller_without_a_credential_is_refused_and_it_is_written_down_once(sqlite_things: Asker) -> None:
    answer = sqlite_things.post("/admin/v1/things", {"name": "a"}, who="")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "no credential that counts"
    assert refusals(sqlite_things) == [("unknown", ADDRESS, "function:facts.edit", "")]


def test_a_caller_in_no_role_that_may_is_refused_and_it_is_written_down_once(sqlite_things: Asker) -> None:
    answer = sqlite_things.post("/admin/v1/things", {"name": "a"}, who="viewer")
    assert (answer.status_code, answer.json()["title"]) == (403, "Not allowed")
    assert refusals(sqlite_things) == [("test:viewer", ADDRESS, "function:facts.edit", "")]
    assert count_of(sqlite_things, "a") == 0


def test_the_role_is_checked_before_the_body_is_looked_at(sqlite_things: Asker) -> None:
    assert sqlite_things.post("/admin/v1/things", {"nonsense": 1}, who="viewer").status_code == 403


def test_what_an_endpoint_requires_can_be_read_from_its_route() -> None:
    required = {
        dependency.call.function
        for route in router.routes
        for dependency in route.dependant.dependencies  # type: ignore[attr-defined]
        if isinstance(dependency.call, Requires)
    }
    assert required == {"facts.edit", "facts.read"}


def test_a_refusal_is_written_by_whoever_keeps_a_flood_in_bounds(sqlite_database: Database, clock: Clock) -> None:
    told: list[Entry] = []
    asker = served(sqlite_database, clock, [router], refused=told.append)
    asker.get("/admin/v1/things/a", who="")
    asker.get("/admin/v1/things/a", who="nobody")
    assert [(entry.actor, entry.address, entry.object) for entry in told] == [
        ("unknown", ADDRESS, "function:facts.read"),
        ("test:nobody", ADDRESS, "function:facts.read"),
    ]
    assert refusals(asker) == []


def test_a_change_is_whole_audited_numbered_and_told_of(things: Asker) -> None:
    answer = things.post("/admin/v1/things", {"name": "a", "sizes": [1]})
    assert (answer.status_code, answer.headers["etag"], answer.headers["location"]) == (
        201,
        '"1"',
        "/admin/v1/things/a",
    )
    assert answer.headers["cordon-position"] == str(things.admin.database.position())
    assert things.positions == [things.admin.database.position()]
    assert answer.json()["at"] == "2026-11-22T12:00:00Z"
    with things.admin.database.reading() as connection:
        entry = connection.execute(select(audit)).one()
    assert (entry.actor, entry.address, entry.action, entry.object) == (
        "test:everything",
        ADDRESS,
        "entity.put",
        "entity:a",
    )
    assert json.loads(entry.after) == {"name": "a", "sizes": [1]}


def test_what_fails_changes_nothing_and_tells_nobody(things: Asker) -> None:
    before = things.admin.database.position()
    answer = things.post("/admin/v1/things", {"name": "taken"}, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["id"]) == (409, "taken")
    assert (things.positions, things.admin.database.position()) == ([], before)
    with things.admin.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(idempotency)).scalar_one() == 0


def test_a_repeated_call_is_answered_as_before_and_does_nothing(things: Asker) -> None:
    key = {"idempotency-key": "4711"}
    first = things.post("/admin/v1/things", {"name": "a"}, headers=key)
    again = things.post("/admin/v1/things", {"name": "a"}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("etag", "location", "cordon-position", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert "idempotent-replayed" not in first.headers
    assert (count_of(things, "a"), len(things.positions)) == (1, 1)


def test_repeats_at_the_same_time_change_things_once(things: Asker) -> None:
    barrier = threading.Barrier(6)

    def call(_: int) -> tuple[int, bool]:
        barrier.wait()
        answer = things.post("/admin/v1/things", {"name": "a"}, headers={"idempotency-key": "same"})
        return answer.status_code, "idempotent-replayed" in answer.headers

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(call, range(6)))
    assert answers == [(201, False), *[(201, True)] * 5]
    assert count_of(things, "a") == 1


def test_another_request_under_the_same_key_is_refused(sqlite_things: Asker) -> None:
    key = {"idempotency-key": "k"}
    sqlite_things.post("/admin/v1/things", {"name": "a"}, headers=key)
    assert sqlite_things.post("/admin/v1/things", {"name": "b"}, headers=key).status_code == 422
    assert sqlite_things.post("/admin/v1/things?x=1", {"name": "a"}, headers=key).status_code == 422


def test_the_same_key_of_another_actor_is_another_key(sqlite_things: Asker) -> None:
    for who, name in (("editor", "a"), ("other-editor", "b")):
        answer = sqlite_things.post("/admin/v1/things", {"name": name}, who=who, headers={"idempotency-key": "k"})
        assert answer.status_code == 201


def test_an_answer_is_kept_for_a_day(sqlite_things: Asker, clock: Clock) -> None:
    sqlite_things.post("/admin/v1/things", {"name": "a"}, headers={"idempotency-key": "k"})
    clock.advance(timedelta(hours=24, seconds=1))
    sqlite_things.post("/admin/v1/things", {"name": "b"}, headers={"idempotency-key": "k"})
    assert count_of(sqlite_things, "b") == 1
    with sqlite_things.admin.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(idempotency)).scalar_one() == 1


def test_a_secret_is_answered_once_and_stored_nowhere(sqlite_things: Asker) -> None:
    key = {"idempotency-key": "k"}
    first = sqlite_things.post("/admin/v1/things", {"name": "with-a-secret"}, headers=key)
    again = sqlite_things.post("/admin/v1/things", {"name": "with-a-secret"}, headers=key)
    assert (first.json()["secret"], again.json()["secret"]) == ("s3cret", None)
    with sqlite_things.admin.database.reading() as connection:
        assert b"s3cret" not in connection.execute(select(idempotency.c.body)).scalar_one()


@pytest.mark.parametrize("key", ["", "x" * 201, "with space", "tab\there"])
def test_a_key_that_is_none_is_refused(sqlite_things: Asker, key: str) -> None:
    answer = sqlite_things.post("/admin/v1/things", {"name": "a"}, headers={"idempotency-key": key})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        (None, 428),
        ('"7"', 204),
        ("*", 204),
        ('"1", "7"', 204),
        ('"8"', 412),
        ('W/"7"', 412),
        ("7", 412),
        ("", 412),
    ],
)
def test_only_the_state_that_is_meant_is_edited(sqlite_things: Asker, if_match: str | None, status: int) -> None:
    headers = {} if if_match is None else {"if-match": if_match}
    answer = sqlite_things.put("/admin/v1/things/a", headers=headers)
    assert answer.status_code == status
    if status == 204:
        assert (answer.headers["etag"], answer.content) == ('"8"', b"")


def test_what_is_there_is_not_created_where_the_caller_says_so(sqlite_things: Asker) -> None:
    answer = sqlite_things.put("/admin/v1/things/a", headers={"if-none-match": "*", "if-match": '"7"'})
    assert answer.status_code == 412


def test_a_reader_who_has_the_state_gets_no_body(sqlite_things: Asker) -> None:
    answer = sqlite_things.get("/admin/v1/things/a", headers={"if-none-match": 'W/"abc"'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"abc"')
    assert sqlite_things.get("/admin/v1/things/a", headers={"if-none-match": '"other"'}).json() == {"name": "a"}


def test_faults_of_a_body_are_named_with_their_places(sqlite_things: Asker) -> None:
    answer = sqlite_things.post("/admin/v1/things", {"name": 1, "sizes": [1, "x"], "a/b~c": 0})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == [
        {"at": "/name", "message": "must be text"},
        {"at": "/sizes/1", "message": "must be a whole number"},
        {"at": "/a~1b~0c", "message": "is not known here"},
    ]


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "\udc00\ud800"])
def test_characters_that_are_none_are_refused(sqlite_things: Asker, name: str) -> None:
    answer = sqlite_things.post("/admin/v1/things", {"name": name, "sizes": [], "\0": 1})
    assert answer.status_code == 422
    message = "holds a character that is none"
    assert answer.json()["errors"] == [{"at": "/name", "message": message}, {"at": "", "message": message}]


def test_characters_that_are_written_as_pairs_or_quoted_are_taken(sqlite_things: Asker) -> None:
    for name, location in (("\U0001f600", "%F0%9F%98%80"), ("\\u0000", "%5Cu0000")):
        answer = sqlite_things.post("/admin/v1/things", {"name": name})
        assert (answer.status_code, answer.headers["location"]) == (201, f"/admin/v1/things/{location}")


@pytest.mark.parametrize("characters", ["%00", "%FF", "%c3", "%ED%A0%80", "%C0%80"])
@pytest.mark.parametrize("target", ["/admin/v1/things/a", "/admin/v1/things/a?limit=1&x="])
def test_an_address_that_holds_characters_that_are_none_is_refused(
    sqlite_things: Asker, target: str, characters: str
) -> None:
    assert sqlite_things.get(target + characters).status_code == 400
    assert sqlite_things.get(target + "%C3%BC%EF%BF%BD").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PATCH", "/admin/v1/things/a", "GET, HEAD, PUT"), ("GET", "/admin/v1/things", "POST")],
)
def test_a_method_that_a_path_does_not_know_is_told_all_that_it_knows(
    sqlite_things: Asker, method: str, path: str, allowed: str
) -> None:
    answer = sqlite_things.send(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_a_missing_body_and_a_faulty_parameter_are_named(sqlite_things: Asker) -> None:
    assert sqlite_things.post("/admin/v1/things").json()["errors"] == [{"at": "", "message": "the body is missing"}]
    assert sqlite_things.get("/admin/v1/things/a?limit=x").json()["errors"] == [
        {"at": "", "message": "the query parameter `limit` must be a whole number"}
    ]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "the body is not JSON: expecting property name enclosed in double quotes (line 1, column 2)"),
        (b'{"name":\n nul}', "the body is not JSON: expecting value (line 2, column 2)"),
        (b'{"name": "\xff"}', "the body is not JSON: what begins at byte 11 is not UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "the body is not JSON: what begins at byte 1 is not UTF-8"),
        (b"[" * 100_000, "the body is nested more than 64 deep"),
        (nested(100_000), "the body is nested more than 64 deep"),
        (nested(65), "the body is nested more than 64 deep"),
        (b'{"sizes": [NaN]}', "the body is not JSON: `NaN` is not a number"),
        (b'{"sizes": [Infinity]}', "the body is not JSON: `Infinity` is not a number"),
        (b'{"sizes": [-Infinity]}', "the body is not JSON: `-Infinity` is not a number"),
        (b'{"sizes": [1e999]}', "the body holds a number that is too large: `1e999`"),
        (b'{"sizes": [-1e999]}', "the body holds a number that is too large: `-1e999`"),
        (b'{"n": ' + b"1" * 309 + b"}", f"the body holds a number that is too large: `{'1' * 100}…`"),
        (b'{"n": ' + b"1" * 5_000 + b"}", f"the body holds a number that is too large: `{'1' * 100}…`"),
        (b'{"name": "a", "name": "b"}', "the body has the member `name` twice in one object"),
        (b'{"o": [{"a": 1, "\\u0061": 2}]}', "the body has the member `a` twice in one object"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_what_is_wrong(sqlite_things: Asker, body: bytes, detail: str) -> None:
    for method, path in (("POST", ""), ("PUT", "/a")):
        headers = {"content-type": "application/json", "if-match": "*"}
        answer = sqlite_things.send(method, f"/admin/v1/things{path}", body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert answer.json()["detail"] == detail


def test_what_is_nested_as_deep_as_may_be_is_read(sqlite_things: Asker) -> None:
    answer = sqlite_things.post("/admin/v1/things", nested(64), headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_body_that_is_too_long_is_refused_before_it_is_read(sqlite_things: Asker) -> None:
    answer = sqlite_things.post("/admin/v1/things", b" " * (8 * 1024 * 1024 + 1), who="")
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert refusals(sqlite_things) == []


def test_a_body_that_does_not_say_how_long_it_is_is_bounded_all_the_same(sqlite_things: Asker) -> None:
    headers = {"content-length": "x", "content-type": "application/json"}
    answer = sqlite_things.post("/admin/v1/things", b" " * (8 * 1024 * 1024 + 1), headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_every_fault_is_a_problem_document(sqlite_things: Asker) -> None:
    missing = sqlite_things.get("/admin/v1/things/missing")
    often = sqlite_things.get("/admin/v1/things/often")
    away = sqlite_things.get("/admin/v1/things/away")
    nowhere = sqlite_things.get("/admin/v1/nowhere")
    assert [answer.status_code for answer in (missing, often, away, nowhere)] == [404, 429, 503, 404]
    assert (often.headers["retry-after"], away.headers["retry-after"]) == ("7", "1")
    assert "secret-host" not in away.text
    for answer in (missing, often, away, nowhere):
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_refusal_that_cannot_be_written_down_is_no_answer(clock: Clock) -> None:
    gone = open_database("sqlite:////nonexistent/cordon.db", clock.read)
    assert served(gone, clock, [router], authenticate=by_name).get("/admin/v1/things/a", who="").status_code == 503
