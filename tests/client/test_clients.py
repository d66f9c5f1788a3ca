"""Both clients against a real Cordon: what they ask, and what they make of its answers."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.app import assemble
from service.client import (
    ActionSearch,
    CordonClient,
    CordonRefused,
    Decision,
    FaultyItem,
    Question,
    ResourceSearch,
    SubjectSearch,
)
from service.clocks import utc_now
from service.settings import Settings
from service.storage.database import open_database
from service.storage.key_records import NewKey
from service.storage.keys import create
from tests.client.conftest import EVALUATIONS_LIMIT, PATIENT, Connect
from tests.client.guarded import demo_service
from tests.client.served import CRIMEA, GERMANY, MODEL, NORTHWIND, PRIVATE, Cordon, answering, application, peer
from tests.record.conftest import fill
from tests.service.authorities import Authority
from tests.service.conftest import embedded
from tests.valkey_server import wait_until

ALLOWED = Question(NORTHWIND, MODEL, address=GERMANY)
DENIED = Question(NORTHWIND, MODEL, address=CRIMEA)
FAULTY = Question("acct-\0", MODEL)


def test_an_allow_carries_what_it_rests_on(cordon: Cordon, connect: Connect) -> None:
    decision = connect(cordon.url).evaluate(ALLOWED)
    assert (decision.decision, decision.effect, decision.status) == (True, "allow", 200)
    assert decision.rule == "serve-models"
    assert decision.decision_id
    assert decision.ruleset is not None
    assert decision.ruleset.id == "demo"
    assert decision.unknown == ("network.kind",)
    assert [source.name for source in decision.data] == ["directory", "dbip-country-lite"]
    assert not decision.is_fallback


def test_a_denial_says_what_the_law_says(cordon: Cordon, connect: Connect) -> None:
    decision = connect(cordon.url).evaluate(DENIED)
    assert (decision.decision, decision.effect, decision.status) == (False, "deny", 451)
    assert decision.rule == "us-embargo/crimea"
    assert "Crimea" in decision.reason_user["location.embargoed-territory"]


@pytest.mark.parametrize("account", [None, "nobody"])
def test_an_account_that_nobody_knows_is_the_rule_sets_to_decide(
    cordon: Cordon, connect: Connect, account: str | None
) -> None:
    decision = connect(cordon.url).evaluate(Question(account, MODEL, address=GERMANY))
    assert (decision.effect, decision.rule, decision.status) == ("challenge", "ai-provider/unclear-seat", 403)
    assert "account.missing" in decision.unknown


def test_an_address_that_lies_nowhere_is_challenged(cordon: Cordon, connect: Connect) -> None:
    assert connect(cordon.url).evaluate(Question(NORTHWIND, MODEL, address=PRIVATE)).effect == "challenge"


def test_obligations_come_as_they_are(cordon: Cordon, connect: Connect) -> None:
    decision = connect(cordon.url).evaluate(Question("acct-lumen", MODEL, address="8.8.8.8"))
    assert decision.rule == "declared-conflict"
    assert [(each.type, each.properties) for each in decision.obligations] == [("verify", {"what": "country"})]


def test_facts_in_place_of_the_registered_ones_are_sent(cordon: Cordon, connect: Connect) -> None:
    told = Question(NORTHWIND, MODEL, address=GERMANY, facts={"entity": "harbour-and-finch"})
    assert connect(cordon.url).evaluate(told).rule == "ai-provider/unsupported-owner"


def test_a_unix_socket_answers_like_a_port(cordon: Cordon, connect: Connect) -> None:
    client = connect(cordon.socket)
    assert [client.evaluate(question).status for question in (ALLOWED, DENIED)] == [200, 451]


def test_answers_come_in_the_order_of_the_questions(cordon: Cordon, connect: Connect) -> None:
    answers = connect(cordon.url).evaluate_all([ALLOWED, DENIED, FAULTY, ALLOWED])
    assert [answer.decision for answer in answers] == [True, False, False, True]
    assert [type(answer) for answer in answers] == [Decision, Decision, FaultyItem, Decision]
    faulty = answers[2]
    assert isinstance(faulty, FaultyItem)
    assert (faulty.status, faulty.message) == (400, "/subject/id: holds a null character")


def test_no_question_asks_nothing(connect: Connect) -> None:
    assert connect("http://127.0.0.1:9").evaluate_all([]) == []


@pytest.mark.parametrize("batch_size", [7, EVALUATIONS_LIMIT, 1000])
def test_a_batch_longer_than_the_limit_is_asked_in_parts(cordon: Cordon, connect: Connect, batch_size: int) -> None:
    client = connect(cordon.url, options=replace(PATIENT, batch_size=batch_size))
    answers = client.evaluate_all([ALLOWED, DENIED] * EVALUATIONS_LIMIT + [ALLOWED])
    assert [answer.decision for answer in answers] == [True, False] * EVALUATIONS_LIMIT + [True]


def test_a_body_longer_than_the_service_reads_is_asked_in_parts(cordon: Cordon, connect: Connect) -> None:
    long = Question(NORTHWIND, MODEL, address=GERMANY, context={"note": "x" * 100_000})
    client = connect(cordon.url)
    assert [answer.decision for answer in client.evaluate_all([long] * 15)] == [True] * 15


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_a_semantic_stops_at_the_first_hit_wherever_batches_end(
    cordon: Cordon, connect: Connect, batch_size: int
) -> None:
    client = connect(cordon.url, options=replace(PATIENT, batch_size=batch_size))
    first_deny = client.evaluate_all([ALLOWED, ALLOWED, ALLOWED, DENIED, ALLOWED], "deny_on_first_deny")
    first_permit = client.evaluate_all([DENIED, FAULTY, ALLOWED, DENIED], "permit_on_first_permit")
    assert [answer.decision for answer in first_deny] == [True, True, True, False]
    assert [answer.decision for answer in first_permit] == [False, False, True]


def test_searches_go_over_every_page(cordon: Cordon, connect: Connect) -> None:
    client = connect(cordon.url)
    models = ["quill-embed", "quill-frontier", "quill-large", "quill-small", "quill-vision", "quill-voice"]
    assert client.resources(ResourceSearch(NORTHWIND, address=GERMANY, page_limit=4)) == models
    assert client.resources(ResourceSearch(NORTHWIND, address=CRIMEA)) == []
    accounts = client.subjects(SubjectSearch(MODEL, address=GERMANY, page_limit=50))
    assert NORTHWIND in accounts
    assert len(accounts) == len(set(accounts)) > 50
    assert client.actions(ActionSearch(NORTHWIND, MODEL, address=GERMANY)) == ["use"]


def test_what_may_not_be_asked_raises_whatever_counts_for_outages(cordon: Cordon, connect: Connect) -> None:
    earlier = Question(NORTHWIND, MODEL, context={"time": "2026-01-01T00:00:00Z"})
    with pytest.raises(CordonRefused, match="403: this caller may not set") as refused:
        connect(cordon.url, when_unreachable="allow").evaluate(earlier)
    assert refused.value.status == 403


def test_what_cannot_be_asked_raises_and_says_where(cordon: Cordon, connect: Connect) -> None:
    with pytest.raises(CordonRefused, match="null character") as refused:
        connect(cordon.url, when_unreachable="allow").evaluate(FAULTY)
    assert (refused.value.status, refused.value.faults[0].at) == (400, "/subject/id")


def test_an_address_where_no_cordon_is_raises(cordon: Cordon, connect: Connect) -> None:
    with pytest.raises(CordonRefused, match="404"):
        connect(cordon.url + "/elsewhere", when_unreachable="allow").evaluate(ALLOWED)


def test_a_key_that_counts_opens_and_another_raises(sqlite_url: str, tmp_path: Path, connect: Connect) -> None:
    fill(sqlite_url, tmp_path / "world")
    database = open_database(sqlite_url, utc_now)
    with database.writing() as writing:
        _, key = create(writing, NewKey("app", frozenset({"decide"}), None), "cli:test")
    database.close()
    service = assemble(Settings(database=sqlite_url, ruleset="small-world"), locations=embedded())
    asked = Question("acct-near", "tool", address="8.8.8.8")
    with application(service.app) as url:
        wait_until(lambda: service.programs.is_ready, "a service that decides")
        assert connect(url, key=key).evaluate(asked).decision
        for wrong in (None, key[:-1] + "!"):
            with pytest.raises(CordonRefused, match="401"):
                connect(url, key=wrong, when_unreachable="allow").evaluate(asked)


def test_over_tls_both_sides_show_who_they_are(tmp_path: Path, connect: Connect) -> None:
    authority = Authority(tmp_path, "authority", utc_now())
    server, own = authority.server("server"), authority.gateway("application")
    trusting = ssl.create_default_context(cafile=authority.certificate)
    showing = ssl.create_default_context(cafile=authority.certificate)
    showing.load_cert_chain(*own.pair)
    files = {"ssl_certfile": server.certificate, "ssl_keyfile": server.key, "ssl_ca_certs": authority.certificate}
    with application(demo_service().app, ssl_cert_reqs=ssl.CERT_REQUIRED, **files) as url:
        address = url.replace("http:", "https:")
        assert connect(address, options=replace(PATIENT, tls=showing)).evaluate(DENIED).status == 451
        for options in (PATIENT, replace(PATIENT, tls=trusting)):
            decision = connect(address, when_unreachable="deny", options=options).evaluate(ALLOWED)
            assert (decision.decision, decision.trouble) == (False, "connection")


def test_a_moment_is_read_as_one(connect: Connect) -> None:
    context = (
        b'{"effect":"allow","decision_id":"d","ruleset":{"id":"r","revision":"1"},"expires_at":"2030-01-01T00:00:00Z"}'
    )
    with peer(answering(200, b'{"decision":true,"context":%b}' % context)) as other:
        assert connect(other.url).evaluate(ALLOWED).expires_at == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("address", ["", "cordon:8080", "ftp://cordon", "http://", "http://cordon/?a=b"])
def test_an_address_that_leads_nowhere_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is neither"):
        CordonClient(address, when_unreachable="deny")


def test_a_key_that_no_header_can_hold_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no header can"):
        CordonClient("http://cordon", when_unreachable="deny", key="a\r\nX-Other: b")


def test_what_counts_when_cordon_is_lost_must_be_said() -> None:
    with pytest.raises(TypeError, match="when_unreachable"):
        CordonClient("http://cordon")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="must be `deny`, `allow` or `raise`, not `maybe`"):
        CordonClient("http://cordon", when_unreachable="maybe")  # type: ignore[arg-type]
