"""An issuer of tokens for tests: a real one over HTTP, on loopback, whose keys and answers can be changed."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "cordon"
_ANY_ALGORITHM = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)


@dataclass(slots=True)
class Issuer:
    """What it publishes, and how often it was asked."""

    url: str
    keys: list[Key] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    """Answers in place of its own, by path: a number is a status, bytes are a body."""
    asked: list[str] = field(default_factory=list)

    def document(self, path: str) -> object:
        self.asked.append(path)
        if path in self.documents:
            return self.documents[path]
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [key.as_dict(private=False) for key in self.keys]} if path == "/keys" else 404

    def times_keys_were_fetched(self) -> int:
        return self.asked.count("/keys")

    def claims(self, now: datetime, **changed: object) -> dict[str, Any]:
        """Those of a good token; None leaves one out."""
        at = int(now.timestamp())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": at, "exp": at + 300, **changed}
        return {name: value for name, value in claims.items() if value is not None}


def token(claims: dict[str, Any], key: Key, header: Mapping[str, Any]) -> str:
    """A token signed in any way at all."""
    return jwt.encode(dict(header), claims, key, registry=_ANY_ALGORITHM, default_type=None)


def rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def ed_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve one on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = issuer.document(self.path)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(document if isinstance(document, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
