"""Traefik, Caddy, APISIX, HAProxy: a 2xx lets the request through, and any other answer goes to the client as it is.

SOURCE: https://doc.traefik.io/traefik/middlewares/http/forwardauth/,
https://caddyserver.com/docs/caddyfile/directives/forward_auth, https://apisix.apache.org/docs/apisix/plugins/forward-auth/
"""

from service.gateways.checks import Verdict
from service.gateways.wire import HttpAnswer


def answer_to_forward_auth(verdict: Verdict) -> HttpAnswer:
    """The answer to a gateway that hands a denial on."""
    return HttpAnswer(verdict.status, verdict.headers, verdict.body)
