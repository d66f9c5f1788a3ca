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


class NotAuthenticated(ServiceError):
    """The request bears no credential that counts."""


class NotFound(ServiceError):
    """There is no such thing, or the caller may not know of it."""


class Conflict(ServiceError):
    """The request does not fit the state that its object is in."""

    def __init__(self, message: str, **members: object) -> None:
        super().__init__(message)
        self.members = members
        """Members of the problem document that say what it conflicts with."""


class PreconditionFailed(ServiceError):
    """The object is no longer what the request says it is (`If-Match`)."""


class PreconditionRequired(ServiceError):
    """The request must say which state of its object it means (`If-Match`)."""


class Unprocessable(ServiceError):
    """The request is understood, and what it holds is faulty."""

    def __init__(self, message: str, faults: tuple["RequestFault", ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class TooManyRequests(ServiceError):
    """The caller must wait."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotRecorded(ServiceError):
    """The decision must be recorded before it is answered, and could not be."""


class NotCaughtUp(ServiceError):
    """The data is older than the caller asks for."""


class Unusable(Exception):
    """Something that a setting names is not what it must be; in words for whoever set it."""


class Unavailable(Exception):
    """The database cannot be reached, or did not answer in time."""


class NotAvailable(ServiceError):
    """Something that the request needs cannot be reached."""


@dataclass(frozen=True, slots=True)
class RequestFault:
    """One fault of a request's body."""

    at: str
    """JSON Pointer to the faulty value."""
    message: str
    file: str = ""
    """Of a fault in a document: its name, and where in its text."""
    line: int = 0
    column: int = 0


def said_plainly(message: str) -> str:
    """A message of the validator of models, in the words and the form of our own."""
    said = message.removeprefix("Value error, ").replace("Input should be", "must be").replace("'", "`")
    return said[:1].lower() + said[1:]


STATUS: dict[type[ServiceError], int] = {
    BadRequest: 400,
    NotAllowed: 403,
    TooLarge: 413,
    NotAuthenticated: 401,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    Unprocessable: 422,
    PreconditionRequired: 428,
    TooManyRequests: 429,
    NotReady: 503,
    NotRecorded: 503,
    NotCaughtUp: 503,
    NotAvailable: 503,
}

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    413: "Body too large",
    422: "Unprocessable content",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
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
        document["errors"] = [_member(fault) for fault in faults]
    return document


def _member(fault: RequestFault) -> dict[str, object]:
    member: dict[str, object] = {"at": fault.at, "message": fault.message}
    if fault.line:
        member |= {"file": fault.file, "line": fault.line, "column": fault.column}
    return member


def problem_of(error: ServiceError) -> tuple[int, dict[str, object]]:
    """Status and problem document of a fault."""
    status = STATUS[type(error)]
    document = problem(status, str(error), error.faults if isinstance(error, BadRequest | Unprocessable) else ())
    if isinstance(error, Conflict):
        document |= error.members
    return status, document


RETRY_SECONDS = 1
"""After which a client may ask again whom something out of reach kept from an answer."""


def headers_of(error: ServiceError) -> dict[str, str]:
    """What an answer to this fault says beside its body."""
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": str(RETRY_SECONDS)} if STATUS[type(error)] == 503 else {}
