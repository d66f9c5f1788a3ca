"""Random rule sets and facts, small enough that everything meets: few codes, few names, few dates."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from rules.facts import (
    BASES,
    Account,
    AccountFacts,
    AccountId,
    Address,
    Claim,
    Entity,
    EntityId,
    Interest,
    Location,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction, Region
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Condition,
    DeclaredConflict,
    DeclaredIn,
    EntityCondition,
    EntityIs,
    EntityKind,
    EntityMatches,
    Exemption,
    HoldingTest,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    Obligation,
    OwnedBy,
    Period,
    ResourceIs,
    ResourceTagged,
    Rule,
    RuleSet,
    SeatIn,
)
from rules.shares import NO_SHARE, UNKNOWN_SHARE, WHOLE, Bounds, Share, Threshold

NAMES = ("a", "b", "c")
CODES = tuple(map(Jurisdiction, ("UA", "UA-43", "RU", "DE", "US", "US-CA")))
KINDS = ("vpn", "tor", "hosting")
DATES = tuple(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 7))
TIMES = (*DATES, datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
DAY = timedelta(days=1)

names = st.sampled_from(NAMES)
name_sets = st.frozensets(names, min_size=1, max_size=2)
codes = st.sampled_from(CODES)
regions = st.builds(Region, st.frozensets(codes, min_size=1, max_size=3))
parties = st.sampled_from(["account", "provider"])
signals = st.none() | st.frozensets(st.sampled_from(["billing", "phone"]), min_size=1)
addresses = st.integers(0, 7).map(Address)

shares = st.one_of(
    st.integers(0, 10).map(lambda tenths: Bounds(Share(tenths * WHOLE // 10), Share(tenths * WHOLE // 10))),
    st.just(Bounds(Share(WHOLE // 4), Share(WHOLE // 2), above_lower=True)),
    st.just(UNKNOWN_SHARE),
    st.just(NO_SHARE),
)

holding_tests = st.builds(
    HoldingTest,
    threshold=st.builds(Threshold, st.sampled_from([Share(250_000), Share(500_000)]), st.booleans()),
    attribution=st.sampled_from(["cascade", "proportional", "hybrid"]),
    aggregate=st.booleans(),
    control=st.booleans(),
    undisclosed=st.booleans(),
)

entity_conditions: st.SearchStrategy[EntityCondition] = st.recursive(
    st.one_of(
        st.builds(SeatIn, regions, st.sampled_from([BASES[:1], BASES[:2], BASES])),
        st.builds(ListedOn, name_sets),
        st.builds(EntityIs, name_sets),
        st.builds(EntityKind, name_sets),
    ),
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(NotOf, inner),
    ),
    max_leaves=3,
)

leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(LocatedIn, regions),
    st.builds(NetworkIs, st.frozensets(st.sampled_from(KINDS), min_size=1, max_size=2)),
    st.builds(NetworkSystem, st.frozensets(st.integers(1, 3), min_size=1)),
    st.builds(
        NetworkRange,
        st.lists(st.tuples(addresses, addresses).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=2).map(
            tuple
        ),
    ),
    st.builds(EntityMatches, entity_conditions, parties),
    st.builds(OwnedBy, entity_conditions, holding_tests, parties),
    st.builds(DeclaredIn, regions, signals, st.sampled_from(["any", "all"])),
    st.builds(DeclaredConflict, signals),
    st.builds(AccountIs, name_sets),
    st.builds(AccountTagged, name_sets),
    st.builds(ResourceIs, name_sets),
    st.builds(ResourceTagged, name_sets),
    st.builds(ActionIs, name_sets),
    st.builds(ActivityOver, st.sampled_from(["addresses", "countries"]), st.just(DAY), st.integers(0, 3)),
)

conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(NotOf, inner),
    ),
    max_leaves=8,
)

periods = st.one_of(
    st.just(Period()),
    st.sampled_from([Period(DATES[0]), Period(None, DATES[1]), Period(DATES[0], DATES[2]), Period(DATES[1], DATES[2])]),
)


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    id = f"r{number}"
    return Rule(
        id=id,
        effect=draw(st.sampled_from(["allow", "challenge", "deny"])),
        when=draw(conditions),
        if_unknown=draw(st.sampled_from(["apply", "challenge", "skip"])),
        reason=f"reason.{id}",
        status=draw(st.sampled_from([403, 451])),
        mode=draw(st.sampled_from(["enforce", "enforce", "monitor"])),
        effective=draw(periods),
        obligations=draw(st.sampled_from([(), (Obligation(f"{id}#1", "log"),)])),
    )


@st.composite
def exemptions(draw: st.DrawFn, number: int, rule_count: int) -> Exemption:
    return Exemption(
        id=f"x{number}",
        lifts=frozenset(draw(st.sets(st.integers(0, rule_count - 1).map("r{}".format), min_size=1))),
        when=draw(conditions),
        if_unknown=draw(st.sampled_from(["apply", "skip"])),
        effective=draw(periods),
    )


@st.composite
def rule_sets(draw: st.DrawFn, max_rules: int = 6) -> RuleSet:
    count = draw(st.integers(0, max_rules))
    return RuleSet(
        id="random",
        revision="0" * 12,
        default=draw(st.sampled_from(["allow", "deny"])),
        rules=tuple(draw(rules(number)) for number in range(count)),
        exemptions=tuple(draw(exemptions(number, count)) for number in range(draw(st.integers(0, 2)) if count else 0)),
    )


entities = st.builds(
    Entity,
    id=st.just(EntityId("")),
    kind=st.none() | st.sampled_from(["a", "person"]),
    seats=st.dictionaries(st.sampled_from(BASES), st.frozensets(codes, min_size=1, max_size=2), max_size=3),
    listed=st.frozensets(names, max_size=2),
    acts_with=st.frozensets(st.sampled_from(NAMES).map(EntityId), max_size=1),
)

interests = st.builds(
    Interest,
    owner=st.sampled_from("abcd").map(EntityId),
    subject=st.sampled_from("abcd").map(EntityId),
    share=shares,
    control=st.sampled_from([False, False, True]),
    start=st.sampled_from([None, None, DATES[0]]),
    end=st.sampled_from([None, None, DATES[1], DATES[2]]),
)


@st.composite
def graphs(draw: st.DrawFn) -> OwnershipGraph:
    found = []
    for name in draw(st.lists(st.sampled_from("abcd"), unique=True)):
        entity = draw(entities)
        found.append(
            Entity(EntityId(name), "", entity.kind, entity.seats, entity.listed, entity.acts_with - {EntityId(name)})
        )
    return OwnershipGraph.of(found, draw(st.lists(interests, max_size=6)), "facts-1")


declared_signals = st.dictionaries(st.sampled_from(["billing", "phone", "kyc"]), codes, max_size=3)
maybe_entities = st.none() | st.sampled_from("abcd").map(EntityId)

accounts = st.one_of(
    names.map(lambda name: Account(AccountId(name), registered=False)),
    st.builds(
        Account,
        id=names.map(AccountId),
        entity=maybe_entities,
        tags=st.frozensets(names, max_size=2),
        declared=declared_signals,
    ),
)
resources = st.builds(
    Resource, id=names.map(ResourceId), tags=st.frozensets(names, max_size=2), provider=maybe_entities
)

resolved = st.frozensets(st.sampled_from(["UA", "RU", "UA-43"]).map(Jurisdiction), max_size=2)
claims = st.builds(Claim, source=st.sampled_from(["one", "two"]), code=codes, resolves=resolved)
locations = st.builds(
    Location,
    claims=st.lists(claims, max_size=2).map(tuple),
    kinds=st.frozensets(st.sampled_from(KINDS), max_size=2),
    tells=st.frozensets(st.sampled_from(KINDS), max_size=3),
    systems=st.none() | st.frozensets(st.integers(1, 3), max_size=2),
)
requests = st.builds(
    Request,
    at=st.sampled_from(TIMES),
    location=locations,
    address=st.none() | addresses,
    action=st.sampled_from(["a", "use", ""]),
    activity=st.dictionaries(st.tuples(st.sampled_from(["addresses", "countries"]), st.just(DAY)), st.integers(0, 4)),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[AccountFacts, ResourceFacts, Request]:
    graph = draw(graphs())
    return AccountFacts(draw(accounts), graph), ResourceFacts(draw(resources), graph), draw(requests)
