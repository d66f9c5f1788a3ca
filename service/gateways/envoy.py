"""Envoy, by its filter `ext_authz` over HTTP.

Only a 200 lets a request through (a 204 denies it); a 5xx is an error, on which the filter's own settings decide; any
other answer goes to the client, with those of its headers that the filter's settings name. The path of the request in
front of Envoy follows the route's: it counts for nothing.

INVARIANT: no denial is a 5xx, whatever status its rule has: the filter might let it through (`failure_mode_allow`).
SOURCE: https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_authz/v3/ext_authz.proto
"""

from service.gateways.checks import OWN_HEADERS, Verdict
from service.gateways.wire import HttpAnswer

_REMOVED = (b"x-envoy-auth-headers-to-remove", b",".join(OWN_HEADERS))
"""What was meant for Cordon goes no further."""
_FORBIDDEN = 403


def answer_to_envoy(verdict: Verdict) -> HttpAnswer:
    """The answer to the filter."""
    if verdict.may_go_on:
        return HttpAnswer(200, (*verdict.headers, _REMOVED), b"")
    status = _FORBIDDEN if verdict.is_denial and verdict.status >= 500 else verdict.status
    return HttpAnswer(status, verdict.headers, verdict.body)
