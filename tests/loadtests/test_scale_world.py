"""The world that is measured: as large as it is said to be, the same each time, and of the shapes that it claims."""

from collections import defaultdict

import pytest

from loadtests import scale_world as world
from loadtests.scale_fill import counted, fill
from loadtests.scale_world import Sizes, account_id, entity_id
from service.clocks import utc_now
from service.storage.database import open_database
from service.storage.dossiers import read_account

SIZES = Sizes(2_000, 2_000, 4_000)


@pytest.fixture(scope="module")
def owners() -> dict[str, list[str]]:
    found = defaultdict(list)
    for row in world.interests(SIZES):
        found[row["subject"]].append(row["owner"])
    return found


def test_there_are_as_many_rows_as_are_asked_for() -> None:
    tables = (world.accounts(SIZES), world.entities(SIZES), world.interests(SIZES))
    assert [len({row["id"] for row in table}) for table in tables] == [2_000, 2_000, 4_000]


def test_the_same_world_is_made_each_time() -> None:
    assert list(world.interests(SIZES)) == list(world.interests(SIZES))
    assert list(world.accounts(SIZES)) == list(world.accounts(SIZES))


def test_nobody_owns_themselves_directly(owners: dict[str, list[str]]) -> None:
    assert [subject for subject, held in owners.items() if subject in held] == []


def test_most_companies_have_few_owners_and_some_very_many(owners: dict[str, list[str]]) -> None:
    counts = [len(owners.get(entity_id(number), ())) for number in range(SIZES.companies)]
    assert sum(count <= 3 for count in counts) > 0.9 * len(counts)
    assert max(counts) >= world.STAR_HOLDERS[0]


def test_what_is_above_most_accounts_is_small(owners: dict[str, list[str]]) -> None:
    reached = sorted(_reached(owners, row["entity"]) for row in world.accounts(SIZES) if row["entity"])
    assert reached[len(reached) // 2] <= 5
    assert reached[int(len(reached) * 0.9)] <= 50


def _reached(owners: dict[str, list[str]], entity: str) -> int:
    seen, work = {entity}, [entity]
    for id in work:
        fresh = set(owners.get(id, ())) - seen
        seen |= fresh
        work.extend(fresh)
    return len(seen)


def test_a_filled_database_holds_the_world_and_says_what_has_changed(database_url: str) -> None:
    sizes = Sizes(100, 100, 200)
    done = fill(database_url, sizes)
    assert counted(database_url) == sizes
    assert done.rows == 400 + len(world.RESOURCES)
    database = open_database(database_url, utc_now)
    with database.reading() as connection:
        found = read_account(connection, account_id(1))
    assert found.subject.id == account_id(1)
    assert database.position().seq > 4
    database.close()
