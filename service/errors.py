"""Faults of a request, and the one table that says which HTTP status each of them gets."""

from dataclasses import dataclass


class ServiceError(Exception):
    """Anything that keeps a request from being answered, in words for its sender."""


class BadRequest(ServiceError):
    """The request is not what the interface asks for."""

    def __init__(self, message: str, faults: tuple["RequestFault", ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class NotAllowed(ServiceError):
    """The request asks for what this caller may not ask."""


class TooLarge(ServiceError):
    """The body is longer than the limit."""

    def __init__(self, message: str, *, is_unread: bool) -> None:
        super().__init__(message)
        self.is_unread = is_unread
        """There is more to come of it."""


class NotReady(ServiceError):
    """No rules are loaded yet."""


@dataclass(frozen=True, slots=True)
class RequestFault:
    """One fault of a request's body."""

    at: str
    """JSON Pointer to the faulty value."""
    message: str


STATUS: dict[type[ServiceError], int] = {
    BadRequest: 400,
    NotAllowed: 403,
    TooLarge: 413,
    NotReady: 503,
}

TITLES = {
    400: "Bad request",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    413: "Body too large",
    500: "Internal error",
    503: "Not ready",
}

FAILURE = "the service failed to answer: its log says why"
"""All that a client is told of a fault of the service itself."""

STOPPING = "the service is stopping: ask again"
"""What a client is told whose request was still under way."""

PROBLEM_MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, faults: tuple[RequestFault, ...] = ()) -> dict[str, object]:
    """A problem document (RFC 9457)."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    if faults:
        document["errors"] = [{"at": fault.at, "message": fault.message} for fault in faults]
    return document


def problem_of(error: ServiceError) -> tuple[int, dict[str, object]]:
    """Status and problem document of a fault."""
    status = STATUS[type(error)]
    return status, problem(status, str(error), error.faults if isinstance(error, BadRequest) else ())
