"""Lists of facts: narrowed to what people look for, in pages that nothing moves; and who is above whom."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.storage.database import Database
from tests.admin.conftest import Asker, served
from tests.admin.facts_app import ROUTERS, create, facts, ids, post, read, sqlite_facts
from tests.databases import Clock

__all__ = ["facts", "sqlite_facts"]

ENTITIES: dict[str, dict[str, Any]] = {
    "acme": {"name": "Acme AG", "kind": "company", "seats": {"headquarters": ["DE"]}, "source": "register"},
    "baerbel": {"name": "BÄRBEL Ünlü", "kind": "person", "seats": {"residence": ["UA-43"]}},
    "crimea": {"name": "100% Krym", "kind": "company", "seats": {"operations": ["UA-43", "RU"]}},
    "d": {"name": "De", "kind": "state"},
}


@pytest.fixture
def world(facts: Asker) -> Asker:
    operations: list[dict[str, Any]] = [
        {"op": "put", "kind": "entity", "id": id, "body": body} for id, body in ENTITIES.items()
    ]
    listings = [("l1", "acme", "eu", {}), ("l2", "d", "eu", {"end": "2025-01-01"}), ("l3", "crimea", "un", {})]
    operations += [
        {"op": "put", "kind": "listing", "id": id, "body": {"entity": entity, "list": name, **dates}}
        for id, entity, name, dates in listings
    ]
    accounts = {
        "a1": {"entity": "acme", "tags": ["trial"], "declared": {"billing": "DE", "phone": "UA-43"}},
        "a2": {"entity": "d", "tags": ["trials", 'x"trial'], "declared": {"phone": "CN"}},
    }
    operations += [{"op": "put", "kind": "account", "id": id, "body": body} for id, body in accounts.items()]
    resources = {"r1": {"tags": ["high"], "provider": "acme"}, "r2": {"tags": ["High"]}}
    operations += [{"op": "put", "kind": "resource", "id": id, "body": body} for id, body in resources.items()]
    assert facts.post("/admin/v1/facts/batch", {"operations": operations}).status_code == 200
    return facts


FILTERS = {
    "entities?name=aCM": ["acme"],
    "entities?name=b%C3%A4rbel": ["baerbel"],
    "entities?name=%C3%9CNL": ["baerbel"],
    "entities?name=100%25": ["crimea"],
    "entities?name=_": [],
    "entities?kind=company": ["acme", "crimea"],
    "entities?country=UA": ["baerbel", "crimea"],
    "entities?country=UA-43": ["baerbel", "crimea"],
    "entities?country=RU&kind=company": ["crimea"],
    "entities?country=US": [],
    "entities?list=eu": ["acme"],
    "entities?list=eu&valid_at=2024-06-01": ["acme", "d"],
    "entities?list=un": ["crimea"],
    "entities?source=register": ["acme"],
    "listings?list=eu": ["l1", "l2"],
    "listings?list=eu&valid_at=2026-01-01": ["l1"],
    "listings?entity=crimea": ["l3"],
    "accounts?tag=trial": ["a1"],
    "accounts?entity=d": ["a2"],
    "accounts?country=UA": ["a1"],
    "accounts?country=CN": ["a2"],
    "resources?tag=high": ["r1"],
    "resources?provider=acme": ["r1"],
}


def test_each_filter_finds_what_it_says_and_nothing_else(world: Asker) -> None:
    assert {query: ids(read(world, query)) for query in FILTERS} == FILTERS


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("entities?country=de", 422),
        ("entities?nmae=x", 422),
        ("entities?limit=0", 422),
        ("entities?limit=501", 422),
        ("entities?known_at=yesterday", 422),
        ("entities?name=a%00b", 400),
        ("entities?cursor=x", 400),
        ("entities?cursor=WyJcdTAwMDAiXQ", 400),
        ("entities?cursor=WzFd", 400),
        ("entities/a/history?cursor=WyJhIl0", 400),
        ("entities/a%00b", 400),
    ],
)
def test_a_query_that_means_nothing_is_refused(sqlite_facts: Asker, query: str, status: int) -> None:
    answer = sqlite_facts.get(f"/admin/v1/{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_pages_together_are_the_whole_list_whatever_is_added_meanwhile(world: Asker) -> None:
    seen, cursor = list[str](), ""
    while True:
        page = read(world, f"entities?limit=1{cursor}")
        seen += ids(page)
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        if len(seen) == 2:
            create(world, "entities/aaa")
    assert seen == sorted(ENTITIES)


def interest(owner: str, subject: str, share: str | None, **members: Any) -> dict[str, Any]:
    return {"owner": owner, "subject": subject, "share": share, **members}


def record(facts: Asker, *bodies: dict[str, Any]) -> list[str]:
    """Record interests; their ids."""
    operations = [{"op": "put", "kind": "interest", "body": body} for body in bodies]
    answer = facts.post("/admin/v1/facts/batch", {"operations": operations})
    assert answer.status_code == 200, answer.text
    return ids(answer.json())


def test_owners_and_owned_are_the_direct_interests_valid_then(facts: Asker) -> None:
    first, second, past = record(
        facts,
        interest("a", "b", "51%"),
        interest("b", "c", None, kind="votes"),
        interest("x", "b", "49%", start="2020-01-01", end="2021-01-01"),
    )
    assert ids(read(facts, "entities/b/owners")) == [first]
    assert sorted(ids(read(facts, "entities/b/owners?valid_at=2020-06-01"))) == sorted([first, past])
    assert ids(read(facts, "entities/b/owned")) == [second]
    assert ids(read(facts, "entities/nobody/owners")) == []
    assert ids(read(facts, "interests?owner=a&subject=b")) == [first]
    assert ids(read(facts, "interests?kind=votes")) == [second]


def test_the_ownership_of_an_entity_shows_all_above_it_and_the_circles(facts: Asker) -> None:
    create(facts, "entities/top", {"name": "Top", "seats": {"headquarters": ["CN"]}})
    post(facts, "listings", {"entity": "top", "list": "us-sdn", "end": "2030-01-01"})
    record(
        facts,
        interest("top", "a", "60%"),
        interest("b", "a", "(40%, 50%]"),
        interest("a", "b", "10%"),
        interest("self", "self", "5%"),
        interest("self", "b", "1%"),
        interest("gone", "a", "1%", end="2020-01-01"),
        interest("a", "below", "1%"),
    )
    shown = read(facts, "entities/a/ownership?at=2026-01-01")
    by_id = {entity["id"]: entity for entity in shown["entities"]}
    assert shown["entities"][0]["id"] == "a"
    assert set(by_id) == {"a", "b", "top", "self"}
    assert shown["circular"] == [["a", "b"], ["self"]]
    assert (by_id["a"]["disclosed"], by_id["a"]["over_whole"]) == ("100%", True)
    assert (by_id["a"]["recorded"], by_id["top"]["recorded"], by_id["top"]["listed"]) == (False, True, ["us-sdn"])
    assert len(shown["interests"]) == 5
    later = read(facts, "entities/a/ownership?at=2031-01-01")
    assert {each["id"]: each["listed"] for each in later["entities"]}["top"] == []


def test_the_ownership_is_shown_as_it_was_known_then(facts: Asker, clock: Clock) -> None:
    (id,) = record(facts, interest("a", "b", "51%"))
    clock.advance()
    facts.delete(f"/admin/v1/interests/{id}", headers={"If-Match": "*"})
    then = read(facts, "entities/b/ownership?known_at=2026-11-22T12:00:00Z")
    assert len(then["interests"]) == 1
    assert read(facts, "entities/b/ownership")["interests"] == []


def test_more_than_the_whole_is_shown_by_what_each_source_is_believed(facts: Asker) -> None:
    both = record(facts, interest("a", "over", "60%"), interest("b", "over", "60%", end="2030-01-01"))
    record(facts, interest("a", "full", "50%"), interest("b", "full", "50%"))
    strict = record(facts, interest("a", "strict", "(50%, 60%]"), interest("b", "strict", "50%"))
    record(facts, interest("a", "twice", "60%", source="one"), interest("a", "twice", "60%", source="two"))
    record(facts, interest("a", "turns", "60%", end="2020-01-01"), interest("b", "turns", "60%", start="2020-01-01"))
    page = read(facts, "excesses?limit=1")
    assert page["items"] == [
        {
            "subject": "over",
            "total": "120%",
            "since": None,
            "until": "2030-01-01T00:00:00Z",
            "interests": sorted(both),
        }
    ]
    rest = read(facts, f"excesses?cursor={page['next']}")
    assert rest["next"] is None
    (last,) = rest["items"]
    assert (last["subject"], last["total"], last["interests"]) == ("strict", "100%", sorted(strict))


ID = st.sampled_from(["a", "b", "a/b", "ü", "zz"])
CODE = st.sampled_from(["DE", "UA-43", "CN"])
ENTITY = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
        "kind": st.none() | st.sampled_from(["company", "person"]),
        "seats": st.dictionaries(
            st.sampled_from(["headquarters", "residence"]), st.lists(CODE, min_size=1), max_size=2
        ),
        "source": st.sampled_from(["", "register"]),
    }
)
SHARES = st.none() | st.sampled_from(["50%", "(25%, 50%]", "0.0001%", "100%"])
INTEREST = st.fixed_dictionaries({"owner": ID, "subject": ID, "share": SHARES, "control": st.booleans()})
ACCOUNT = st.fixed_dictionaries(
    {
        "entity": st.none() | ID,
        "tags": st.lists(st.sampled_from(["x", "y"])),
        "declared": st.dictionaries(st.sampled_from(["billing", "phone"]), CODE),
    }
)
PUT = st.one_of(
    st.tuples(st.just("entities"), ID, ENTITY),
    st.tuples(st.just("interests"), ID, INTEREST),
    st.tuples(st.just("accounts"), ID, ACCOUNT),
)
DELETE = st.tuples(st.sampled_from(["entities", "interests", "accounts"]), ID, st.none())
KINDS = ("entities", "interests", "accounts")


def canonical(body: dict[str, Any]) -> dict[str, Any]:
    """A body as it is shown: what is a set has an order, and nothing twice."""
    shown = dict(body)
    if "tags" in body:
        shown["tags"] = sorted(set(body["tags"]))
    if "seats" in body:
        shown["seats"] = {basis: sorted(set(codes)) for basis, codes in body["seats"].items()}
    return shown


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_after_any_writes_the_record_is_what_they_say_now_and_at_every_time_before(
    kind: str, request: pytest.FixtureRequest, clock: Clock
) -> None:
    database: Database = request.getfixturevalue(f"{kind}_database")
    facts = served(database, clock, ROUTERS)

    @settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(PUT | DELETE, max_size=8))
    def run(writes: list[tuple[str, str, dict[str, Any] | None]]) -> None:
        empty(facts)
        expected: dict[tuple[str, str], dict[str, Any]] = {}
        states = []
        for collection, id, body in writes:
            moment = clock.advance()
            write(facts, collection, id, body, is_new=(collection, id) not in expected)
            expected.pop((collection, id), None)
            if body is not None:
                expected[collection, id] = canonical(body)
            states.append((moment, dict(expected)))
        for moment, state in states:
            assert recorded(facts, f"?known_at={moment:%Y-%m-%dT%H:%M:%SZ}") == state
        assert recorded(facts, "") == expected

    run()


def empty(facts: Asker) -> None:
    for collection, id in recorded(facts, ""):
        write(facts, collection, id, None, is_new=False)


def write(facts: Asker, collection: str, id: str, body: dict[str, Any] | None, *, is_new: bool) -> None:
    headers = {"If-None-Match": "*"} if is_new and body is not None else {"If-Match": "*"}
    path = f"/admin/v1/{collection}/{id}"
    if body is None:
        assert facts.delete(path, headers=headers).status_code == (404 if is_new else 204)
    else:
        assert facts.put(path, body, headers=headers).status_code == (201 if is_new else 200)


def recorded(facts: Asker, query: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything that is recorded, as bodies."""
    members = {
        "entities": ("name", "kind", "seats", "source"),
        "interests": ("owner", "subject", "share", "control"),
        "accounts": ("entity", "tags", "declared"),
    }
    return {
        (collection, item["id"]): {name: item[name] for name in members[collection]}
        for collection in KINDS
        for item in read(facts, f"{collection}{query}")["items"]
    }
