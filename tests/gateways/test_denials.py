"""What a client is told that is not let through."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gateways.denial_texts import TEXTS, Kind
from service.gateways.denials import DenialTerms, Denied, denial_of

TERMS = DenialTerms("help@example.org", "https://example.org/block", "https://example.org/verify?a=1&b=2")
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def denied(kind: Kind = "blocked", status: int = 451, message: str | None = None) -> Denied:
    return Denied(status, kind, "d-1", "policy", message)


def test_a_program_is_told_in_a_problem_document() -> None:
    denial = denial_of(denied(message="Ask us."), TERMS)
    assert dict(denial.headers)[b"content-type"] == b"application/problem+json"
    assert json.loads(denial.body) == {
        "type": "about:blank",
        "title": "Unavailable for legal reasons",
        "status": 451,
        "detail": "For legal reasons, this service does not answer this request. Ask us.",
        "kind": "blocked",
        "decision_id": "d-1",
        "policy": "policy",
        "contact": "help@example.org",
    }


def test_a_browser_is_told_in_a_page_without_script() -> None:
    denial = denial_of(denied(), TERMS, accept=BROWSER, languages="fr-CA, en;q=0.5")
    page = denial.body.decode()
    assert dict(denial.headers)[b"content-type"] == b"text/html; charset=utf-8"
    assert dict(denial.headers)[b"content-language"] == b"fr"
    assert '<html lang="fr">' in page
    assert "Indisponible pour des raisons juridiques" in page
    for said in ("d-1", "policy", "help@example.org"):
        assert said in page
    assert "<script" not in page


def test_arabic_is_written_from_right_to_left() -> None:
    assert b'<html lang="ar" dir="rtl">' in denial_of(denied(), TERMS, accept=BROWSER, languages="ar").body


def test_the_words_of_a_rule_are_said_to_be_in_no_language_that_is_known() -> None:
    page = denial_of(denied(message="Ask us."), TERMS, accept=BROWSER, languages="ar").body
    assert b'<p lang="" dir="auto">Ask us.</p>' in page


def test_only_a_block_that_a_law_asks_for_names_who_blocks() -> None:
    assert denial_of(denied(), TERMS).link == '<https://example.org/block>; rel="blocked-by"'
    assert denial_of(denied("denied", 403), TERMS).link is None
    assert denial_of(denied(), DenialTerms()).link is None


def test_only_who_is_challenged_is_told_where_to_go_on() -> None:
    assert json.loads(denial_of(denied("challenged", 403), TERMS).body)["verify"] == TERMS.verify
    assert "verify" not in json.loads(denial_of(denied(), TERMS).body)
    page = denial_of(denied("challenged", 403), TERMS, accept=BROWSER).body
    assert b'href="https://example.org/verify?a=1&amp;b=2"' in page


@pytest.mark.parametrize("accept", ["", BROWSER])
def test_no_denial_may_be_kept(accept: str) -> None:
    assert (b"cache-control", b"no-store") in denial_of(denied("denied", 403), TERMS, accept=accept).headers


@given(st.text(max_size=80), st.sampled_from(["", BROWSER]), st.sampled_from(sorted(TEXTS)))
def test_whatever_a_rule_says_is_text_and_stays_in_one_line(message: str, accept: str, language: str) -> None:
    denial = denial_of(denied(message=message), TERMS, accept=accept, languages=language)
    assert not re.search(rb"[\x00-\x1f\x7f]", denial.body)
    if not accept:
        assert json.loads(denial.body)["detail"].endswith(message.replace("\x7f", " "))


def test_a_message_cannot_bring_markup_of_its_own() -> None:
    page = denial_of(denied(message="<script>alert(1)</script>"), TERMS, accept=BROWSER).body
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("language", TEXTS)
def test_every_language_says_everything_in_words_of_its_own(language: str) -> None:
    texts = TEXTS[language]
    kinds: tuple[Kind, ...] = ("denied", "blocked", "challenged", "unavailable")
    assert len({texts.of(kind) for kind in kinds}) == 4
    if language != "en":
        assert not {texts.of(kind) for kind in kinds} & {TEXTS["en"].of(kind) for kind in kinds}
