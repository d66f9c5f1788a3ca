"""A changed directory is put in force without a restart; a faulty one is refused, and the last good one goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.directory_facts import DirectoryWorld
from service.parts import look_at_addresses
from service.programs import Programs
from service.storage.directory import World, load_directory
from service.telemetry import Telemetry
from tests.service.address_databases import write_database
from tests.service.conftest import NOW, WORLD, Asker, question, serving, write_world

STRICTER = {"policy.yaml": WORLD["policy.yaml"].replace("default: allow", "default: deny")}
BROKEN = {"policy.yaml": WORLD["policy.yaml"] + "colour: red\n", "accounts.csv": "id,entity\na,who\n"}


@pytest.fixture
def live(tmp_path: Path) -> Asker:
    return serving(write_world(tmp_path))


def look(asker: Asker, times: int = 2) -> None:
    """Let the service look at its directory, as it does twice a second."""
    for _ in range(times):
        asyncio.run(asker.service.programs.look())


def test_a_change_is_in_force_once_it_has_been_still_for_a_look(live: Asker, tmp_path: Path) -> None:
    write_world(tmp_path, STRICTER)
    look(live, times=1)
    assert live.evaluate(question())["decision"] is True
    look(live, times=1)
    assert live.evaluate(question())["decision"] is False


def test_a_faulty_change_is_refused_and_the_last_good_state_goes_on(live: Asker, tmp_path: Path) -> None:
    before = live.get("/readyz").json()
    write_world(tmp_path, BROKEN)
    look(live)
    assert live.evaluate(question())["decision"] is True
    response = live.get("/readyz")
    assert response.status_code == 200
    assert response.json()["ruleset"] == before["ruleset"]
    refused = response.json()["refused"]
    assert refused["fault_count"] == 2
    assert [(Path(fault["file"]).name, fault["line"]) for fault in refused["faults"]] == [
        ("accounts.csv", 2),
        ("policy.yaml", 35),
    ]


def test_a_refusal_is_a_metric(live: Asker, tmp_path: Path) -> None:
    write_world(tmp_path, BROKEN)
    look(live)
    metrics = live.get("/metrics").text
    assert "cordon_reload_refused 1.0" in metrics
    assert 'cordon_reloads_total{result="refused"} 1.0' in metrics


def test_a_mended_directory_is_in_force_again(live: Asker, tmp_path: Path) -> None:
    write_world(tmp_path, BROKEN)
    look(live)
    write_world(tmp_path, STRICTER)
    look(live)
    assert live.evaluate(question())["decision"] is False
    assert live.get("/readyz").json()["refused"] is None
    assert "cordon_reload_refused 0.0" in live.get("/metrics").text


def test_a_directory_that_vanishes_changes_nothing(live: Asker, tmp_path: Path) -> None:
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    look(live)
    assert live.evaluate(question())["decision"] is True
    assert live.get("/readyz").json()["refused"]["fault_count"] == 1
    tmp_path.with_name("elsewhere").rename(tmp_path)
    look(live)
    assert live.get("/readyz").json()["refused"] is None


def test_the_same_content_keeps_its_screenings(live: Asker, tmp_path: Path) -> None:
    live.evaluate(question())
    before = live.service.programs.current
    write_world(tmp_path)
    look(live)
    assert live.service.programs.current is before
    assert len(before.screenings) == 2


def test_a_new_state_starts_without_screenings(live: Asker, tmp_path: Path) -> None:
    live.evaluate(question())
    write_world(tmp_path, STRICTER)
    look(live)
    assert len(live.service.programs.current.screenings) == 0


class RestlessSource:
    """A directory that changes while it is read, as often as `changes` says."""

    def __init__(self, world: World, changes: int) -> None:
        self.world = DirectoryWorld(world, NOW)
        self.stamps: Iterator[int] = iter([*range(changes * 2), *[changes * 2] * 10])

    def stamp(self) -> object:
        return next(self.stamps)

    def load(self) -> DirectoryWorld:
        return self.world


class BrokenSource:
    """A directory whose reading fails in a way that nobody thought of."""

    def stamp(self) -> object:
        return 1

    def load(self) -> DirectoryWorld:
        raise MemoryError("no memory left")


def test_a_state_that_changed_while_it_was_read_is_left_for_later(tmp_path: Path) -> None:
    source = RestlessSource(load_directory(write_world(tmp_path)), changes=1)
    programs = Programs(source, Telemetry(lambda: NOW), lambda: NOW)
    programs.load()
    assert not programs.is_ready
    assert programs.refusal is None
    programs.load()
    assert programs.is_ready


def test_a_reading_that_fails_is_a_refusal_with_its_reason() -> None:
    programs = Programs(BrokenSource(), Telemetry(lambda: NOW), lambda: NOW)
    programs.load()
    assert programs.refusal is not None
    assert programs.refusal.reason == "the data could not be read: no memory left"


def test_a_replaced_address_database_is_in_force_and_one_that_cannot_be_used_is_not(tmp_path: Path) -> None:
    path = write_database(tmp_path / "geo.mmdb", "flat", {"8.8.8.0/24": {"country_code": "FR"}})
    live = serving(write_world(tmp_path / "data"), geo=(path,))
    claims, revisions = [], []
    replacements: tuple[dict[str, dict[str, str]] | None, ...] = ({"8.8.8.0/24": {"country_code": "BE"}}, None)
    for records in replacements:
        new = tmp_path / "new.mmdb"
        new.write_bytes(b"no database") if records is None else write_database(new, "flat", records)
        new.replace(path)
        for _ in range(2):
            asyncio.run(look_at_addresses(live.service.programs, live.service.locations, live.service.telemetry))
        answer = live.post("/access/v1/evaluation?explain=true", question()).json()["context"]
        claims.append(answer["trace"]["address"]["claims"]["geo"])
        revisions.append({source["name"]: source["revision"] for source in answer["data"]}["geo"])
    assert claims == ["BE", "BE"]
    assert revisions[0] == revisions[1] != ""
    assert "cordon_address_reloads_refused_total 1.0" in live.get("/metrics").text
