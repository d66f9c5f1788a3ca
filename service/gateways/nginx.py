"""nginx, by its module `auth_request`.

What the module can take: a 2xx lets the request through, a 401 or a 403 denies it, and anything else is an error. A
denial's own status, and what the client is told, stand in headers that the configuration gives to the client. A
decision is answered without a body: after one, nginx does not use its connection again.
SOURCE: https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
"""

from collections.abc import Iterator

from service.gateways.checks import Headers, Verdict
from service.gateways.wire import HttpAnswer

_DENIALS = (401, 403)
"""What nginx takes for a denial."""
_FAULT = 400
"""What nginx takes for an error, and for none on which a door that is left open opens: Cordon could be asked."""
_STATUS = b"x-error-status"
_BODY = b"x-error-body"
_IN_PLACE = {
    b"content-type": b"x-error-type",
    b"content-language": b"x-error-language",
    b"link": b"x-error-link",
}
"""Headers of a denial that would otherwise be those of the answer to nginx."""
CARRIED_BYTES = 12 * 1024
"""Of one header. All of them together must be shorter than `proxy_buffer_size` of the configuration that ships: more is
an error to nginx, and may let the request through."""


def answer_to_nginx(verdict: Verdict) -> HttpAnswer:
    """The answer to a subrequest. Who asks wrongly, or is no gateway, gets an error: it is no denial of the client."""
    if verdict.may_go_on:
        return HttpAnswer(200, verdict.headers, b"")
    if verdict.effect == "fault":
        status = _FAULT if verdict.status in _DENIALS else verdict.status
        return HttpAnswer(status, verdict.headers, verdict.body)
    return HttpAnswer(403, tuple(_carried(verdict)), b"")


def _carried(verdict: Verdict) -> Iterator[tuple[bytes, bytes]]:
    headers: Headers = verdict.headers
    yield from ((_IN_PLACE.get(name, name), value) for name, value in headers if len(value) <= CARRIED_BYTES)
    yield _STATUS, b"%d" % verdict.status
    yield _BODY, verdict.body if len(verdict.body) <= CARRIED_BYTES else b""
