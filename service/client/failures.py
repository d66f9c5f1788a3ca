"""What goes wrong on the way, in Cordon's own terms."""

import httpcore
import httpx

from service.client.conversation import Failed, Outcome

TIMEOUTS = (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError)
CONNECTING = (httpx.ConnectError, httpcore.ConnectError)
LOST = (
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
)
TRANSPORT = (*TIMEOUTS, *LOST, OSError)
"""Everything that a transport raises for what happens on the way. The rest are faults of the program."""

TOO_LONG = Failed("malformed", "an answer that is longer than the limit")


def failed(error: Exception, *, has_begun: bool) -> Outcome:
    """What came of a request that ended so. `has_begun`: something of an answer was here."""
    if isinstance(error, TIMEOUTS):
        return Failed("timeout", "no answer in time")
    detail = str(error) or type(error).__name__
    if _is_garbage(error):
        return Failed("malformed", f"an answer that is not HTTP: {detail}")
    was_closed = isinstance(error, LOST) and not isinstance(error, CONNECTING) and not has_begun
    return Failed("connection", f"the connection failed: {detail}", was_closed)


def _is_garbage(error: Exception) -> bool:
    """Whether bytes came that are no HTTP; a connection that ends is told by the same type, and by its words."""
    is_protocol = isinstance(error, httpx.RemoteProtocolError | httpcore.RemoteProtocolError)
    return is_protocol and "disconnected" not in str(error) and "closed connection" not in str(error)
