"""What a request to an application is about, in Cordon's terms: which account, which resource, which action."""

import posixpath
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from service.client.questions import USE

Scope: TypeAlias = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """What one request is about."""

    account: str | None
    """None: nobody knows which. The rule set says what it gets."""
    resource: str
    action: str = USE


@dataclass(frozen=True, slots=True)
class Use:
    """What a path is about, whoever asks."""

    resource: str
    action: str = USE


Names: TypeAlias = Callable[[Scope], Named | Awaitable[Named | None] | None]
"""None: this request is not checked. The scope holds no `X-Cordon-*` that the client sent."""


def by_path(uses: Mapping[str, Use | None], account: Callable[[Scope], str | None]) -> Names:
    """Names by the longest path that leads to a request's own; None is not checked.

    A path that can be read in two ways (`/open/../models`) is checked if either of them is.

    Raises:
        ValueError: nothing is said of all other paths, `/`; or a path does not begin with `/`.
    """
    if "/" not in uses:
        raise ValueError("the paths must say what holds for all others: `/`")
    wrong = [f"`{path}`" for path in uses if not path.startswith("/")]
    if wrong:
        raise ValueError(f"not a path: {', '.join(wrong)}")
    known = {path.rstrip("/"): use for path, use in uses.items()}

    def named(scope: Scope) -> Named | None:
        path = str(scope["path"])
        use = _use_of(path, known) or _use_of(posixpath.normpath(f"/{path.lstrip('/')}"), known)
        return None if use is None else Named(account(scope), use.resource, use.action)

    return named


def _use_of(path: str, known: Mapping[str, Use | None]) -> Use | None:
    path = path.rstrip("/")
    while path not in known:
        path = path.rpartition("/")[0]
    return known[path]
