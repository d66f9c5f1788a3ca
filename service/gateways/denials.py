"""What a client is told that is not let through: a problem document (RFC 9457), or a page for people.

Never what a rule says of itself: only the message that it has for the client. What names a law is not to be kept by
anyone in between (RFC 7725 lets a 451 be cached), so no denial is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

from jinja2 import Environment

from service.errors import PROBLEM_MEDIA_TYPE
from service.gateways.denial_texts import FALLBACK, TEXTS, Kind
from service.gateways.preferences import preferred_language, preferred_type

PAGE_MEDIA_TYPE: Final = "text/html"
JSON_MEDIA_TYPE: Final = "application/json"
LEGAL: Final = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS

_OFFERED = (PROBLEM_MEDIA_TYPE, JSON_MEDIA_TYPE, PAGE_MEDIA_TYPE)
_LANGUAGES = tuple(TEXTS)
_NO_CONTROLS = dict.fromkeys((*range(32), 127), " ")
_PAGE = Environment(autoescape=True).from_string(
    '<!doctype html><html lang="{{ language }}"{% if texts.is_right_to_left %} dir="rtl"{% endif %}><head>'
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="robots" content="noindex"><title>{{ title }}</title><style>'
    "body{font:1.1em/1.5 sans-serif;max-width:36em;margin:12vh auto;padding:0 1em;color:#222;background:#fff}"
    "dt{color:#555;font-size:.85em}dd{margin:0 0 .6em;overflow-wrap:anywhere}</style></head><body><main>"
    "<h1>{{ title }}</h1><p>{{ detail }}</p>"
    '{% if message %}<p lang="" dir="auto">{{ message }}</p>{% endif %}'  # in the language of the rule, whichever it is
    '{% if verify %}<p><a href="{{ verify }}">{{ texts.verify }}</a></p>{% endif %}<dl>'
    "{% if policy %}<dt>{{ texts.policy }}</dt><dd>{{ policy }}</dd>{% endif %}"
    "{% if decision_id %}<dt>{{ texts.decision }}</dt><dd><code>{{ decision_id }}</code></dd>{% endif %}"
    "{% if contact %}<dt>{{ texts.contact }}</dt><dd>{{ contact }}</dd>{% endif %}</dl>"
    "<p>{{ texts.objection }}</p></main></body></html>"
)


@dataclass(frozen=True, slots=True)
class DenialTerms:
    """What a denial says beside the decision."""

    contact: str | None = None
    """Whom to ask: an address, a telephone number, or a URL."""
    blocked_by: str | None = None
    """URL of whoever implements a block that a law asks for."""
    verify: str | None = None
    """URL at which a client that is challenged goes on."""


@dataclass(frozen=True, slots=True)
class Denied:
    """Why somebody is not let through, as far as that is for everyone to know."""

    status: int
    kind: Kind
    decision_id: str | None = None
    """None: there is no decision."""
    policy: str | None = None
    """Id of the rule set."""
    message: str | None = None
    """What the rule has for the client."""


class Denial(NamedTuple):
    """The answer."""

    status: int
    media_type: str
    language: str
    body: bytes
    """UTF-8, in one line."""
    link: str | None
    """Value of the header `Link`."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """All that belong to it, but for its length."""
        charset = "; charset=utf-8" if self.media_type == PAGE_MEDIA_TYPE else ""
        found = [
            (b"content-type", f"{self.media_type}{charset}".encode()),
            (b"content-language", self.language.encode()),
            (b"cache-control", b"no-store"),
        ]
        if self.link is not None:
            found.append((b"link", self.link.encode()))
        return tuple(found)


def kind_of(effect: str, status: int) -> Kind:
    """What a denial is called."""
    if effect == "challenge":
        return "challenged"
    return "blocked" if status == LEGAL else "denied"


def denial_of(denied: Denied, terms: DenialTerms, *, accept: str = "", languages: str = "") -> Denial:
    """The answer in the form and the language that the client asks for: its `Accept` and its `Accept-Language`."""
    language = preferred_language(languages, _LANGUAGES, FALLBACK)
    is_page = preferred_type(accept, _OFFERED) == PAGE_MEDIA_TYPE
    body = _page(denied, terms, language) if is_page else _document(denied, terms, language)
    link = None
    if denied.kind == "blocked" and terms.blocked_by is not None:
        link = f'<{terms.blocked_by}>; rel="blocked-by"'
    return Denial(denied.status, PAGE_MEDIA_TYPE if is_page else PROBLEM_MEDIA_TYPE, language, body, link)


def denial_to(denied: Denied, terms: DenialTerms, headers: Sequence[tuple[bytes, bytes]]) -> Denial:
    """The answer to a client that sent these headers, their names in lower case."""
    return denial_of(denied, terms, accept=_list(headers, b"accept"), languages=_list(headers, b"accept-language"))


def _list(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """All headers of that name as one list; empty if there are none."""
    return ", ".join(value.decode("latin-1") for key, value in headers if key == name)


def _page(denied: Denied, terms: DenialTerms, language: str) -> bytes:
    texts = TEXTS[language]
    title, detail = texts.of(denied.kind)
    page = _PAGE.render(
        language=language,
        texts=texts,
        title=title,
        detail=detail,
        message=denied.message,
        verify=_verify(denied, terms),
        policy=denied.policy,
        decision_id=denied.decision_id,
        contact=terms.contact,
    )
    return " ".join(page.translate(_NO_CONTROLS).split()).encode(errors="replace")


def _document(denied: Denied, terms: DenialTerms, language: str) -> bytes:
    title, detail = TEXTS[language].of(denied.kind)
    members = {
        "type": "about:blank",
        "title": title,
        "status": denied.status,
        "detail": f"{detail} {denied.message}" if denied.message else detail,
        "kind": denied.kind,
        "decision_id": denied.decision_id,
        "policy": denied.policy,
        "contact": terms.contact,
        "verify": _verify(denied, terms),
    }
    present = {name: value for name, value in members.items() if value is not None}
    document = json.dumps(present, ensure_ascii=False, separators=(",", ":"))
    return document.translate(_NO_CONTROLS).encode(errors="replace")


def _verify(denied: Denied, terms: DenialTerms) -> str | None:
    return terms.verify if denied.kind == "challenged" else None
