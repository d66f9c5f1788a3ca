"""Tokens of people: which count, and which do not, against the keys of a real issuer."""

import base64
import hmac
import json
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key, OctKey

from service.admin.issuer import FRESH_SECONDS, REFETCH_SECONDS, IssuerKeys, is_safe
from service.admin.oidc import Oidc, OidcTerms, Person
from service.errors import NotAuthenticated, NotAvailable
from tests.admin.issuer_server import AUDIENCE, Issuer, ec_key, ed_key, rsa_key, running_issuer, token
from tests.databases import START

RSA, EC, ED = rsa_key("r1"), ec_key("e1"), ed_key("o1")
STRANGER = rsa_key("r1")


class Monotonic:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        issuer.keys = [RSA, EC, ED]
        yield issuer


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def oidc(issuer: Issuer, monotonic: Monotonic) -> Oidc:
    return Oidc(OidcTerms(issuer.url, AUDIENCE), IssuerKeys(issuer.url, monotonic))


def good(issuer: Issuer, key: Key = RSA, header: dict[str, Any] | None = None, **claims: object) -> str:
    return token(issuer.claims(START, **claims), key, {"alg": "RS256", "kid": key.kid, **(header or {})})


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def refusal(oidc: Oidc, text: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        oidc.person(text, START)
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "RS512"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA"), (ED, "Ed25519")],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_token_that_the_issuer_signed_names_its_person(oidc: Oidc, issuer: Issuer, key: Key, algorithm: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library that signs calls one of the names old
        text = good(issuer, key, {"alg": algorithm}, name="Ann")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert oidc.person(text, START) == Person("ann", "Ann", frozenset())


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT"])
def test_a_token_may_say_that_it_is_an_access_token(oidc: Oidc, issuer: Issuer, kind: str) -> None:
    assert oidc.person(good(issuer, header={"typ": kind}), START).subject == "ann"


def test_a_token_without_the_id_of_its_key_counts_where_one_key_fits(oidc: Oidc, issuer: Issuer) -> None:
    text = token(issuer.claims(START), RSA, {"alg": "RS256"})
    assert oidc.person(text, START).subject == "ann"
    issuer.keys.append(rsa_key("r2"))
    other = Oidc(oidc.terms, IssuerKeys(issuer.url, Monotonic()))
    assert "does not publish" in refusal(other, text)


def test_headers_that_are_not_known_do_not_count_unless_they_are_critical(oidc: Oidc, issuer: Issuer) -> None:
    assert oidc.person(good(issuer, header={"x-vendor": "1", "x5t": "abc"}), START).subject == "ann"
    critical = unsigned({"alg": "RS256", "kid": "r1", "crit": ["x-vendor"], "x-vendor": 1}, issuer.claims(START))
    assert refusal(oidc, critical) == "the token cannot be read"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example"}, "the token is of another issuer"),
        ({"iss": None}, "the token lacks `iss`"),
        ({"aud": "other"}, "the token is meant for others"),
        ({"aud": ["other", "cordon-2"]}, "the token is meant for others"),
        ({"aud": None}, "the token lacks `aud`"),
        ({"sub": None}, "the token lacks `sub`"),
        ({"sub": ""}, "the token names no person that counts"),
        ({"sub": 7}, "the token names no person that counts"),
        ({"sub": "a\nb"}, "the token names no person that counts"),
        ({"sub": "a" * 256}, "the token names no person that counts"),
        ({"exp": None}, "the token lacks `exp`"),
        ({"exp": "never"}, "the token says no time of expiry that counts"),
        ({"exp": float("nan")}, "the token says no time of expiry that counts"),
        ({"exp": START.timestamp() - 60}, "the token has expired"),
        ({"nbf": START.timestamp() + 61}, "the token does not count yet"),
        ({"iat": START.timestamp() + 61}, "the token says no time of issue that counts"),
        ({"iat": None}, "the token lacks `iat`"),
    ],
)
def test_a_token_with_claims_that_do_not_hold_is_refused(
    oidc: Oidc, issuer: Issuer, claims: dict[str, Any], reason: str
) -> None:
    assert refusal(oidc, good(issuer, **claims)) == reason


def test_clocks_may_differ_by_a_minute(oidc: Oidc, issuer: Issuer) -> None:
    text = good(issuer, exp=START.timestamp() - 59, nbf=START.timestamp() + 60, iat=START.timestamp() + 60)
    assert oidc.person(text, START).subject == "ann"


def test_one_audience_of_several_is_enough(oidc: Oidc, issuer: Issuer) -> None:
    assert oidc.person(good(issuer, aud=["other", AUDIENCE]), START).subject == "ann"


def test_a_token_that_nobody_signed_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        text = unsigned({"alg": algorithm, "kid": "r1"}, issuer.claims(START))
        assert refusal(oidc, text) == "the token is signed in a way that does not count"


@pytest.mark.parametrize("kid", ["r1", None])
def test_the_public_key_is_no_secret_to_sign_with(oidc: Oidc, issuer: Issuer, kid: str | None) -> None:
    for secret in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode(), b""):
        header = {"alg": "HS256"} if kid is None else {"alg": "HS256", "kid": kid}
        text = unsigned(header, issuer.claims(START)).rstrip(".")
        signature = hmac.digest(secret, text.encode(), "sha256")
        signed = f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        assert refusal(oidc, signed) == "the token is signed in a way that does not count"


def test_a_secret_among_the_issuers_keys_signs_nothing(issuer: Issuer, monotonic: Monotonic) -> None:
    secret = OctKey.generate_key(256, {"kid": "s1"})
    issuer.documents["/keys"] = {"keys": [secret.as_dict(private=True), RSA.as_dict(private=False)]}
    oidc = Oidc(OidcTerms(issuer.url, AUDIENCE), IssuerKeys(issuer.url, monotonic))
    assert "does not count" in refusal(oidc, token(issuer.claims(START), secret, {"alg": "HS256", "kid": "s1"}))
    assert "does not publish" in refusal(oidc, unsigned({"alg": "RS256", "kid": "s1"}, issuer.claims(START)))


def test_a_stranger_with_the_id_of_the_issuers_key_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    assert refusal(oidc, good(issuer, STRANGER)) == "the token's signature is wrong"


def test_a_key_that_the_token_brings_along_does_not_count(oidc: Oidc, issuer: Issuer) -> None:
    header = {"jwk": STRANGER.as_dict(private=False), "jku": f"{issuer.url}/strangers-keys"}
    assert refusal(oidc, good(issuer, STRANGER, header)) == "the token's signature is wrong"
    assert f"{issuer.url}/strangers-keys" not in issuer.asked


def test_a_changed_token_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    header, _, signature = good(issuer).split(".")
    forged = json.dumps(issuer.claims(START, sub="bob")).encode()
    text = f"{header}.{base64.urlsafe_b64encode(forged).decode().rstrip('=')}.{signature}"
    assert refusal(oidc, text) == "the token's signature is wrong"


def test_a_token_of_another_type_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    for kind in ("logout+jwt", "dpop+jwt", "secevent+jwt", ""):
        assert refusal(oidc, good(issuer, header={"typ": kind})) == "the token is of a type that does not count"


def test_a_key_of_another_type_or_for_another_use_checks_nothing(issuer: Issuer, monotonic: Monotonic) -> None:
    for_encryption = {**RSA.as_dict(private=False), "use": "enc"}
    bound = {**EC.as_dict(private=False), "alg": "ES512"}
    issuer.documents["/keys"] = {"keys": [for_encryption, bound, {"kty": "new"}, {"kty": "RSA"}, 7]}
    oidc = Oidc(OidcTerms(issuer.url, AUDIENCE), IssuerKeys(issuer.url, monotonic))
    assert "does not publish" in refusal(oidc, good(issuer))
    assert "does not publish" in refusal(oidc, unsigned({"alg": "RS256", "kid": "e1"}, issuer.claims(START)))
    assert refusal(oidc, good(issuer, EC, {"alg": "ES256"})) == "the token cannot be read"


def test_a_new_key_is_fetched_when_a_token_names_it_though_not_often(
    oidc: Oidc, issuer: Issuer, monotonic: Monotonic
) -> None:
    oidc.person(good(issuer), START)
    rotated = rsa_key("r2")
    issuer.keys = [rotated]
    assert "does not publish" in refusal(oidc, good(issuer, rotated))
    monotonic.now += REFETCH_SECONDS
    assert oidc.person(good(issuer, rotated), START).subject == "ann"
    for _ in range(20):
        refusal(oidc, good(issuer, STRANGER))
    assert issuer.times_keys_were_fetched() == 2


def test_a_key_that_the_issuer_took_back_counts_no_longer_than_keys_are_fresh(
    oidc: Oidc, issuer: Issuer, monotonic: Monotonic
) -> None:
    oidc.person(good(issuer), START)
    issuer.keys = [EC]
    monotonic.now += FRESH_SECONDS + 1
    assert "does not publish" in refusal(oidc, good(issuer))


def test_while_the_issuer_is_down_its_keys_are_kept(oidc: Oidc, issuer: Issuer, monotonic: Monotonic) -> None:
    oidc.person(good(issuer), START)
    issuer.documents["/keys"] = 503
    monotonic.now += FRESH_SECONDS + 1
    assert oidc.person(good(issuer), START).subject == "ann"
    assert oidc.keys.failure == f"`{issuer.url}/keys` answers 503"


def test_an_issuer_that_never_answered_is_no_refusal_of_the_token(monotonic: Monotonic) -> None:
    with running_issuer() as issuer:
        gone = issuer.url
    oidc = Oidc(OidcTerms(gone, AUDIENCE), IssuerKeys(gone, monotonic))
    with pytest.raises(NotAvailable):
        oidc.person(good(Issuer(gone)), START)
    assert "ConnectError" in oidc.keys.failure


@pytest.mark.parametrize(
    ("path", "answer", "failure"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://other.example"}, "its metadata is that of"),
        ("/.well-known/openid-configuration", b"<html>", "does not answer with a JSON object"),
        ("/.well-known/openid-configuration", b"[" * 100_000, "does not answer with a JSON object"),
        ("/keys", [], "does not answer with a JSON object"),
        ("/keys", {"keys": "none"}, "it publishes no key that can be used"),
        ("/keys", b" " * 1_100_000, "answers more than 1048576 bytes"),
    ],
)
def test_an_issuer_that_answers_nonsense_gives_no_keys(
    oidc: Oidc, issuer: Issuer, path: str, answer: object, failure: str
) -> None:
    issuer.documents[path] = answer
    with pytest.raises(NotAvailable):
        oidc.person(good(issuer), START)
    assert failure in oidc.keys.failure


def test_keys_are_not_fetched_where_somebody_could_change_them(oidc: Oidc, issuer: Issuer) -> None:
    issuer.documents["/.well-known/openid-configuration"] = {"issuer": issuer.url, "jwks_uri": "http://id.example/keys"}
    with pytest.raises(NotAvailable):
        oidc.person(good(issuer), START)
    assert oidc.keys.failure == "`http://id.example/keys` is not https"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example/realm", True),
        ("http://id.example", False),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]/", True),
        ("http://localhost:1/", True),
        ("http://localhost.example/", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("None", False),
        ("http://[", False),
    ],
)
def test_what_is_fetched_comes_over_https_or_from_this_machine(url: str, safe: bool) -> None:
    assert is_safe(url) is safe


@pytest.mark.parametrize(
    ("claim", "meanings", "claims", "roles"),
    [
        (None, None, {"roles": ["operator"]}, set()),
        ("roles", None, {"roles": ["editor", "admin", 7, None]}, {"editor"}),
        ("roles", None, {"roles": "editor viewer"}, {"editor", "viewer"}),
        ("roles", None, {"roles": {"editor": True}}, set()),
        ("roles", None, {}, set()),
        ("realm_access.roles", None, {"realm_access": {"roles": ["auditor"]}}, {"auditor"}),
        ("https://id.example/roles", None, {"https://id.example/roles": ["viewer"]}, {"viewer"}),
        ("groups", {"legal": "approver"}, {"groups": ["legal", "editor"]}, {"approver"}),
    ],
)
def test_a_token_holds_roles_where_a_claim_is_set_to_hold_them(
    issuer: Issuer, claim: str | None, meanings: Any, claims: dict[str, Any], roles: set[str]
) -> None:
    oidc = Oidc(OidcTerms(issuer.url, AUDIENCE, claim, meanings), IssuerKeys(issuer.url, Monotonic()))
    assert oidc.person(good(issuer, **claims), START).roles == roles


def test_the_skew_does_not_prolong_a_token_twice(oidc: Oidc, issuer: Issuer) -> None:
    text = good(issuer)
    assert oidc.person(text, START + timedelta(seconds=359)).subject == "ann"
    with pytest.raises(NotAuthenticated):
        oidc.person(text, START + timedelta(seconds=360))


NO_ISSUER = Oidc(OidcTerms("https://id.example", AUDIENCE), IssuerKeys("https://id.example", lambda: 0.0))


@given(st.text() | st.binary().map(lambda raw: f"{base64.urlsafe_b64encode(raw).decode()}.e30.") | st.just("." * 9))
def test_no_text_at_all_breaks_what_reads_tokens(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        NO_ISSUER.person(text, START)


@pytest.mark.parametrize(
    "header",
    [
        "[" * 5_000,
        "7",
        "null",
        '"alg"',
        '{"alg":7}',
        '{"alg":null}',
        '{"alg":["RS256"]}',
        '{"alg":"RS256","kid":{}}',
        '{"alg":"RS256","typ":7}',
        '{"alg":"RS256","crit":7}',
        f'{{"alg":{"9" * 5_000}}}',
        "{" + '"a":' * 9,
    ],
)
def test_no_header_at_all_breaks_what_reads_tokens(header: str) -> None:
    encoded = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    with pytest.raises(NotAuthenticated):
        NO_ISSUER.person(f"{encoded}.e30.AA", START)
