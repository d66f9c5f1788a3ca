"""The file of routes: what it says, and what is wrong with it."""

from pathlib import Path

import pytest

from service.errors import Unusable
from service.gateway_routes import load_routes
from service.gateways.routes import Source
from tests.pages import ROOT

LEAST = "gateways: 1\nroutes:\n  models:\n    resource: quill\n"


def written(directory: Path, text: str) -> Path:
    path = directory / "gateways.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(directory: Path, text: str) -> str:
    with pytest.raises(Unusable) as caught:
        load_routes(written(directory, text))
    return str(caught.value).replace(f"{directory}/", "")


def test_a_route_needs_no_more_than_a_resource(tmp_path: Path) -> None:
    route = load_routes(written(tmp_path, LEAST))["models"]
    assert (route.resource, route.action) == (Source("quill"), Source("use"))
    assert (route.account, route.client.header) == (b"x-cordon-account", "X-Cordon-Client-Address")
    assert (route.if_unavailable, route.keep_seconds, route.denials.contact) == ("deny", 0, None)


def test_what_a_route_says_of_denials_wins_over_what_the_file_says(tmp_path: Path) -> None:
    text = LEAST + "    denials: {contact: here}\ndenials: {contact: there, blocked_by: 'https://example.org/b'}\n"
    terms = load_routes(written(tmp_path, text))["models"].denials
    assert (terms.contact, terms.blocked_by) == ("here", "https://example.org/b")


def test_the_routes_that_ship_are_in_order() -> None:
    assert {"models", "models-kept"} <= load_routes(ROOT / "deploy" / "gateways" / "gateways.yaml").keys()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "    keep_seconds: 301\n",
            "gateways.yaml:5:19: must be a whole number from 0 to 300 at /routes/models/keep_seconds",
        ),
        ("    keep_seconds: true\n", "must be a whole number from 0 to 300 at /routes/models/keep_seconds"),
        ("    keeps: 1\n", "gateways.yaml:5:5: there is no such member at /routes/models/keeps"),
        ("    if_unavailable: open\n", "must be `deny` or `allow` at /routes/models/if_unavailable"),
        ("    from: [10.0.0.1/8]\n", "not a network, or with host bits set: `10.0.0.1/8` at /routes/models/from"),
        ("    account: {header: 'a b'}\n", "`a b` is no name of a header at /routes/models/account/header"),
        ("    client: {trusted: 10.0.0.0/8}\n", "must be a list at /routes/models/client/trusted"),
        ("    denials: {verify: 'javascript:alert(1)'}\n", "is no http or https URL at /routes/models/denials/verify"),
        ("  Upper: {resource: quill}\n", "gateways.yaml:5:3: is no name of a route: up to 64 of a-z, 0-9, `-` and `_`"),
        ("  second: {resource: ''}\n", "must not be empty at /routes/second/resource"),
        ("  second: {}\n", "is missing at /routes/second/resource"),
        ("  second: {resource: 5}\n", "must be text, or `{header: NAME}` at /routes/second/resource"),
        ('  second: {resource: "a\\tb"}\n', "holds characters that are not allowed here at /routes/second/resource"),
        ("routes: {}\n", "gateways.yaml:5:1: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, more: str, said: str) -> None:
    assert said in faults(tmp_path, LEAST + more)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the document is empty"),
        ("[]", "must be a mapping"),
        ("gateways: 2\nroutes: {a: {resource: b}}\n", "must be 1 at /gateways"),
        ("gateways: 1\n", "is missing at /routes"),
        ("gateways: 1\nroutes: {}\n", "must name a route at least at /routes"),
    ],
)
def test_what_is_no_file_of_routes_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in faults(tmp_path, text)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    assert len(faults(tmp_path, LEAST + "    keep_seconds: -1\n    action: ''\n    other: 1\n").splitlines()) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no such file"):
        load_routes(tmp_path / "none.yaml")
