"""What of one state of the data can be enumerated: its accounts and resources, in the order of their ids, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.shelf import Known


@dataclass(frozen=True, slots=True)
class Candidate:
    """One registered account or resource."""

    id: str
    known: Known
    """What is known of it."""


class Catalogue(Protocol):
    """Enumerates what is registered. The order of ids is that of the source, and stays the same."""

    async def accounts(self, after: str, most: int) -> Sequence[Candidate]:
        """The next so many accounts behind an id; fewer only at the end. Behind the empty text is the first one.

        Raises:
            ServiceError: they cannot be read now.
        """

    async def resources(self, after: str, most: int) -> Sequence[Candidate]:
        """The same of resources.

        Raises:
            ServiceError: they cannot be read now.
        """
