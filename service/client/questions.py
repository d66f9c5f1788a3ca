"""What an application asks, as values, and how AuthZEN writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Document: TypeAlias = dict[str, Any]
Semantic: TypeAlias = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]

ACCOUNT = "account"
"""The one type of subject that can be registered."""
RESOURCE = "resource"
USE = "use"
UNKNOWN_TYPE = "unknown"
"""The type of a subject of whom nothing is known: never registered, so that the rule set says what it gets."""


@dataclass(frozen=True, slots=True)
class Question:
    """May this account, from this address, use this resource now?"""

    account: str | None
    """None: nobody knows which."""
    resource: str
    action: str = USE
    address: str | None = None
    """Of the client, as text; None: unknown."""
    context: Mapping[str, object] = field(default_factory=dict)
    """More circumstances by their AuthZEN names: `time`, `at_least`, `activity`."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Properties of the subject: `entity`, `declared`."""
    resource_type: str = RESOURCE

    def document(self) -> Document:
        """As AuthZEN writes it."""
        return {
            "subject": subject(self.account, self.facts),
            "resource": {"type": self.resource_type, "id": self.resource},
            "action": {"name": self.action},
            "context": circumstances(self.address, self.context),
        }


def subject(account: str | None, facts: Mapping[str, object]) -> Document:
    """Who asks."""
    kind, id = (ACCOUNT, account) if account is not None else (UNKNOWN_TYPE, "")
    return {"type": kind, "id": id, "properties": dict(facts)} if facts else {"type": kind, "id": id}


def circumstances(address: str | None, more: Mapping[str, object]) -> Document:
    """The context of a question."""
    return dict(more) if address is None else {**more, "ip": address}


@dataclass(frozen=True, slots=True)
class ResourceSearch:
    """Which resources may this account use from here?"""

    account: str
    action: str = USE
    address: str | None = None
    resource_type: str = RESOURCE
    page_limit: int | None = None
    """How many results a page has at most; None: as the service likes."""

    def document(self) -> Document:
        """As AuthZEN writes it."""
        return {
            "subject": subject(self.account, {}),
            "resource": {"type": self.resource_type},
            "action": {"name": self.action},
            "context": circumstances(self.address, {}),
        }


@dataclass(frozen=True, slots=True)
class SubjectSearch:
    """Which accounts may use this resource, asking from here?"""

    resource: str
    action: str = USE
    address: str | None = None
    resource_type: str = RESOURCE
    page_limit: int | None = None

    def document(self) -> Document:
        """As AuthZEN writes it."""
        return {
            "subject": {"type": ACCOUNT},
            "resource": {"type": self.resource_type, "id": self.resource},
            "action": {"name": self.action},
            "context": circumstances(self.address, {}),
        }


@dataclass(frozen=True, slots=True)
class ActionSearch:
    """What may this account do with this resource, from here?"""

    account: str
    resource: str
    address: str | None = None
    resource_type: str = RESOURCE
    page_limit: int | None = None

    def document(self) -> Document:
        """As AuthZEN writes it."""
        return {
            "subject": subject(self.account, {}),
            "resource": {"type": self.resource_type, "id": self.resource},
            "context": circumstances(self.address, {}),
        }


Search: TypeAlias = ResourceSearch | SubjectSearch | ActionSearch
