"""What a client prefers, by RFC 9110 and RFC 4647."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gateways.preferences import preferred_language, preferred_type

TYPES = ("application/problem+json", "application/json", "text/html")
LANGUAGES = ("en", "de", "fr", "zh")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("text/*", "text/html"),
        ("text/html;q=0.2, application/*;q=0.3", "application/problem+json"),
        ("text/html;q=0", "application/problem+json"),
        ("text/html; level=1; q=0.9, */*; q=0.1", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("text/html;q=2, application/json;q=0.1", "application/json"),
        (";;;,,q=", "application/problem+json"),
        ("text/html," * 1000, "application/problem+json"),
    ],
)
def test_the_type_is_the_one_that_is_accepted_most(accept: str, expected: str) -> None:
    assert preferred_type(accept, TYPES) == expected


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH-1996, fr;q=0.9", "de"),
        ("nl, fr;q=0.4, de;q=0.5", "de"),
        ("zh-Hant-TW", "zh"),
        ("nl;q=1.0", "en"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("*", "en"),
        ("DE", "de"),
        ("fr;q=0.8, de;q=0.8", "fr"),
    ],
)
def test_the_language_is_the_one_that_is_asked_for_first(accepted: str, expected: str) -> None:
    assert preferred_language(accepted, LANGUAGES, "en") == expected


@given(st.text(max_size=60))
def test_whatever_a_client_writes_there_is_an_answer(text: str) -> None:
    assert preferred_type(text, TYPES) in TYPES
    assert preferred_language(text, LANGUAGES, "en") in LANGUAGES
