"""Fetches the keys that an issuer of tokens signs with, and keeps them while the issuer cannot be reached."""

import ipaddress
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from service.errors import NotAvailable

DISCOVERY_PATH = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 2.0
REFETCH_SECONDS = 10.0
"""Not sooner the issuer is asked again, whoever shows keys that are not known."""
FRESH_SECONDS = 600.0
"""So long keys count without being fetched again: a key that the issuer took back is gone by then."""
ANSWER_LIMIT_BYTES = 1024 * 1024


class Unfetched(Exception):
    """The issuer does not answer, or not with what it should; in words."""


class IssuerKeys:
    """The public keys of one issuer. Safe for threads."""

    def __init__(self, issuer: str, monotonic: Callable[[], float]) -> None:
        """`issuer` is the URL exactly as it stands in tokens. Nothing is fetched yet."""
        self._issuer = issuer
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] | None = None
        self._fetched = self._tried = float("-inf")
        self.failure = ""
        """Why the keys could not be fetched the last time; empty if they could."""

    def find(self, kid: str | None, key_type: str) -> Key | None:
        """The key of that id and type; of that type, where a token names no id and there is but one.

        Raises:
            NotAvailable: no keys were ever fetched, and they cannot be now.
        """
        if self._keys is None or self._is_due():
            self._fetch_unless_just_tried()
        found = self._known(kid, key_type)
        if found is None:
            self._fetch_unless_just_tried()
            found = self._known(kid, key_type)
        return found

    def _is_due(self) -> bool:
        """Whether the keys are old, and nobody else is fetching them: nobody waits for what they can do without."""
        return self._monotonic() - self._fetched > FRESH_SECONDS and not self._lock.locked()

    def _known(self, kid: str | None, key_type: str) -> Key | None:
        if self._keys is None:
            raise NotAvailable("the issuer's keys cannot be fetched: no token can be checked")
        alike = [key for key in self._keys if key.key_type == key_type and kid in (None, key.kid)]
        return alike[0] if len(alike) == 1 or (alike and kid is not None) else None

    def _fetch_unless_just_tried(self) -> None:
        with self._lock:
            if self._monotonic() - self._tried < REFETCH_SECONDS:
                return
            self._tried = self._monotonic()
            try:
                self._keys = _fetch_keys(self._issuer)
                self._fetched, self.failure = self._tried, ""
            except Unfetched as unfetched:
                self.failure = str(unfetched)


def _fetch_keys(issuer: str) -> tuple[Key, ...]:
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        configuration = _json_at(client, issuer.rstrip("/") + DISCOVERY_PATH)
        if configuration.get("issuer") != issuer:
            raise Unfetched(f"its metadata is that of `{configuration.get('issuer')}`")
        document = _json_at(client, str(configuration.get("jwks_uri")))
    members = document.get("keys")
    keys = tuple(_usable(members if isinstance(members, list) else []))
    if not keys:
        raise Unfetched("it publishes no key that can be used")
    return keys


def _usable(members: Iterable[Any]) -> Iterable[Key]:
    """The keys that check signatures. A shared secret is none: whoever reads it could sign."""
    for member in members:
        if not isinstance(member, dict) or member.get("kty") == "oct" or member.get("use", "sig") != "sig":
            continue
        try:
            yield JWKRegistry.import_key(member)
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # RFC 7517, section 5: keys that are not understood are passed over


def _json_at(client: httpx.Client, url: str) -> dict[str, Any]:
    if not is_safe(url):
        raise Unfetched(f"`{url}` is not https")
    try:
        with client.stream("GET", url) as response:
            if response.status_code != 200:
                raise Unfetched(f"`{url}` answers {response.status_code}")
            document = json.loads(_body(response))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unfetched(f"`{url}`: {type(error).__name__}") from error
    except (ValueError, RecursionError):
        _not_json(url)
    return document if isinstance(document, dict) else _not_json(url)


def _not_json(url: str) -> NoReturn:
    raise Unfetched(f"`{url}` does not answer with a JSON object")


def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > ANSWER_LIMIT_BYTES:
            raise Unfetched(f"`{response.url}` answers more than {ANSWER_LIMIT_BYTES} bytes")
    return bytes(body)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is fetched there: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_this_machine(host)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
