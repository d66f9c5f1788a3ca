"""Traffic is the same for everyone, asks what it says, and gets the answers that it expects."""

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from loadtests.addresses import Addresses
from loadtests.feeds import read_feed, write_script
from loadtests.traffic import CACHED, FIRST_SEEN, Mix, Question, Traffic, as_authzen, as_http
from loadtests.world import CLOSED, WorldSize, policy_document, write_world
from rules.facts import AccountId, ResourceId
from service.app import assemble_offline
from service.decide import AccessRequest, Decider
from service.locations import Locations, open_locations

AT = datetime(2026, 11, 22, tzinfo=UTC)
SIZE = WorldSize(rules=40, accounts=300)
EVERYTHING = Mix(allow=0.3, deny=0.3, challenge=0.1, unknown=0.1, cold_account=0.1, cold_address=0.1)


@cache
def locations() -> Locations:
    return open_locations()


def addresses() -> Addresses:
    return Addresses(locations(), count=2000, closed=200)


def asked(mix: Mix = CACHED, count: int = 400, seed: int = 1) -> list[Question]:
    return list(Traffic(addresses(), mix, size=SIZE, seed=seed).questions(count))


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_the_same_seed_asks_the_same_questions_in_the_same_order() -> None:
    assert asked(EVERYTHING) == asked(EVERYTHING)


def test_another_seed_asks_other_questions() -> None:
    assert asked(seed=1) != asked(seed=2)


def test_the_same_world_is_written_byte_for_byte(tmp_path: Path) -> None:
    assert files(write_world(tmp_path / "one", SIZE)) == files(write_world(tmp_path / "two", SIZE))


def test_a_world_has_as_many_rules_as_are_asked_for() -> None:
    assert [len(policy_document(count)["rules"]) for count in (10, 100, 1000)] == [10, 100, 1000]


@pytest.mark.parametrize("rules", [10, 250])
def test_every_question_is_answered_as_the_traffic_says_whatever_the_number_of_rules(
    rules: int, tmp_path: Path
) -> None:
    directory = write_world(tmp_path, WorldSize(rules=rules, accounts=SIZE.accounts))
    questions = asked(EVERYTHING, count=200)
    offline = assemble_offline(directory, None, None, ())

    async def answered(decider: Decider) -> list[tuple[Question, str]]:
        requests = [
            AccessRequest(AccountId(one.account), ResourceId(one.resource), AT, one.address) for one in questions
        ]
        answers = [await decider.decide(request) for request in requests]
        return [(question, answer.decision.effect) for question, answer in zip(questions, answers, strict=True)]

    assert [(question, effect) for question, effect in offline.run(answered) if question.effect != effect] == []
    assert {question.effect for question in questions} == {"allow", "challenge", "deny"}


def test_the_shares_of_a_mix_are_what_is_asked() -> None:
    counted = Counter(question.effect for question in asked(Mix(allow=0.5, deny=0.3, challenge=0.2, unknown=0), 4000))
    assert {effect: round(count / 4000, 1) for effect, count in counted.items()} == {
        "allow": 0.5,
        "deny": 0.3,
        "challenge": 0.2,
    }


def test_a_mix_whose_shares_do_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Mix(allow=0.5)


def test_some_accounts_and_addresses_are_far_more_popular_than_others() -> None:
    questions = asked(count=4000)
    for values in ([question.account for question in questions], [question.address for question in questions]):
        (_, most), *_ = Counter(values).most_common(1)
        assert most > 10 * len(values) / len(set(values)) / 3


def test_first_seen_addresses_are_never_seen_twice() -> None:
    questions = asked(FIRST_SEEN)
    drawn = addresses()
    seen = {*drawn.open, *drawn.closed}
    fresh = [question.address for question in questions]
    assert len({*fresh}) == len(fresh)
    assert seen.isdisjoint(fresh)


def test_in_a_storm_half_of_the_accounts_are_new_to_everyone() -> None:
    storm = Mix(allow=0.5, deny=0, challenge=0, unknown=0, cold_account=0.5)
    strange = [question.account for question in asked(storm) if question.account.startswith("nobody")]
    assert len({*strange}) == len(strange)
    assert 0.4 < len(strange) / 400 < 0.6


def test_addresses_lie_where_they_are_said_to_lie() -> None:
    drawn = addresses()
    codes = {claim.code for text in islice(drawn.open, 200) for claim in locations().locate(text).location.claims}
    closed = {claim.code for text in drawn.closed for claim in locations().locate(text).location.claims}
    assert not codes & CLOSED
    assert closed <= CLOSED


def test_a_request_is_whole_and_says_what_the_question_says() -> None:
    question = asked(count=1)[0]
    head, _, body = as_http(question).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /access/v1/evaluation HTTP/1.1\r\nHost: ")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    assert as_authzen(question)["context"] == {"ip": question.address}


def test_a_feed_gives_back_the_requests_that_were_written(tmp_path: Path) -> None:
    requests = [as_http(question) for question in asked(count=20)]
    script = write_script(tmp_path / "requests", requests)
    assert read_feed(script.feed) == requests
    assert (script.count, script.beginning(27).offset) == (20, 27)
