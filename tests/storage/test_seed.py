"""A directory of data taken into the database: it decides the same, and a second time changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from rules.facts import EntityId, Interest
from rules.shares import parse_bounds
from service.storage import facts, schema
from service.storage.database import FOREVER, Database
from service.storage.directory import InvalidDirectory, load_directory
from service.storage.dossiers import read_account, read_resource
from service.storage.fact_rows import Acting, RecordedInterest
from service.storage.rulesets import published
from service.storage.seed import Seeded, import_directory
from tests.service.conftest import WORLD, write_world

ACTOR = "cli:tester"
AT = datetime(2026, 6, 1, tzinfo=UTC)

PARTNERS = {
    "entities.csv": "id,name,headquarters,listed,acts_with\nfar,Far Ltd,CN,us-sdn;eu,\nnear,Near AG,DE,,\n"
    "half,,FR,,far\n",
    "interests.csv": "owner,subject,share,start,source\nfar,half,50%,,register\nnear,half,25%,,register\n"
    "near,half,25%,,register\n",
}


@pytest.fixture
def directory(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    return lambda changes: write_world(tmp_path / "data", {**PARTNERS, **changes})


Directory = Callable[[dict[str, str]], Path]


def test_the_database_knows_what_the_directory_says(database: Database, directory: Directory) -> None:
    path = directory({})
    world = load_directory(path)
    seeded = import_directory(database, path, ACTOR)
    assert seeded == Seeded(entities=3, acting=1, interests=3, listings=2, accounts=3, resources=1, rulesets=2)
    with database.reading() as connection:
        for id, account in world.accounts.items():
            dossier = read_account(connection, id)
            assert dossier.subject == account
            graph = dossier.at(AT).facts.graph
            for entity in map(EntityId, dossier.reached):
                assert graph.entity(entity) == world.graph.entity(entity)
            for subject, held in graph.owners.items():
                assert sorted(held, key=str) == sorted(world.graph.owners[subject], key=str)
        assert read_resource(connection, "tool").subject == world.resources[next(iter(world.resources))]


def test_its_rule_sets_are_published_as_they_were_written(database: Database, directory: Directory) -> None:
    import_directory(database, directory({}), ACTOR)
    with database.reading() as connection:
        for name, id in (("policy.yaml", "small-world"), ("beside.yaml", "beside")):
            found = published(connection, id)
            assert found is not None
            assert (found.text, found.form, found.kind) == (WORLD[name], "yaml", "import")


def test_the_same_directory_twice_changes_nothing(database: Database, directory: Directory) -> None:
    import_directory(database, directory({}), ACTOR)
    before = database.position()
    assert import_directory(database, directory({}), ACTOR) == Seeded()
    assert database.position() == before


def test_what_the_directory_no_longer_says_of_its_entities_is_retracted(
    database: Database, directory: Directory
) -> None:
    import_directory(database, directory({}), ACTOR)
    changed = {
        "entities.csv": "id,name,headquarters,listed,acts_with\nfar,Far Ltd,CN,eu,\nnear,Near AG,DE,,\nhalf,,FR,,\n",
        "interests.csv": "owner,subject,share,start,source\nfar,half,40%,,register\n",
    }
    seeded = import_directory(database, directory(changed), ACTOR)
    assert seeded == Seeded(acting=1, interests=3, listings=1)
    with database.reading() as connection:
        dossier = read_account(connection, "acct-half")
    assert [(each.owner, str(each.share)) for each in dossier.interests] == [("far", "40%")]
    assert dossier.reached == {"far", "half"}
    assert [listing.list for listing in dossier.listings[EntityId("far")]] == ["eu"]


def test_what_others_recorded_stays(database: Database, directory: Directory) -> None:
    far, half, near = map(EntityId, ("far", "half", "near"))
    with database.writing() as writing:
        facts.put_interest(writing, RecordedInterest("mine", Interest(near, far, parse_bounds("10%"), source="me")))
        facts.put_acting(writing, Acting(half, far, "me"))
        facts.put_acting(writing, Acting(half, near, "me"))
    assert import_directory(database, directory({}), ACTOR).acting == 0
    import_directory(database, directory({"entities.csv": WORLD["entities.csv"]}), ACTOR)
    with database.reading() as connection:
        acting = connection.execute(select(schema.acting).where(schema.acting.c.recorded_to == FOREVER)).all()
        dossier = read_account(connection, "acct-half")
    assert {(row.one, row.other, row.source) for row in acting} == {("far", "half", "me"), ("half", "near", "me")}
    assert (near, far) in {(each.owner, each.subject) for each in dossier.interests}


def test_a_faulty_directory_changes_nothing(database: Database, directory: Directory) -> None:
    before = database.position()
    with pytest.raises(InvalidDirectory, match="unknown entity `nobody`"):
        import_directory(database, directory({"interests.csv": "owner,subject\nnobody,half\n"}), ACTOR)
    assert database.position() == before


def test_an_import_stands_in_the_audit_trail(database: Database, directory: Directory) -> None:
    import_directory(database, directory({}), ACTOR)
    with database.reading() as connection:
        entries = connection.execute(select(schema.audit)).all()
    assert [(entry.actor, entry.action) for entry in entries] == [(ACTOR, "directory.import")]


def test_case_files_beside_the_policy_are_no_rule_sets(database: Database, directory: Directory) -> None:
    cases = "ruleset: small-world\nat: 2026-01-01T00:00:00Z\ncases: []\n"
    assert import_directory(database, directory({"cases.yaml": cases}), ACTOR).rulesets == 2
