"""What the lists of OpenSanctions are called: the packs' names where a pack has one, else its own."""

from collections.abc import Mapping
from dataclasses import dataclass

LISTS: Mapping[str, str] = {
    "us_ofac_sdn": "us-sdn",
    "US-BIS-EL": "us-entity-list",
    "US-BIS-MEU": "us-meu",
    "eu_fsf": "eu-freeze",
    "eu_journal_sanctions": "eu-freeze",
    "gb_hmt_sanctions": "uk-freeze",
    "gb_fcdo_sanctions": "uk-freeze",
}
"""Names that the packs use, by dataset or programme."""

TOPIC_PREFIX = "topic:"

_LISTING_TOPICS = frozenset(
    {
        "sanction",
        "sanction.linked",
        "sanction.control",
        "sanction.counter",
        "debarment",
        "export.control",
        "export.control.linked",
        "export.risk",
        "invest.ban",
        "invest.risk",
    }
)
"""Topics that say that an entity is on a list; others say what it is, or does."""
_BY_ITSELF = frozenset({"sanction", "debarment", "export.control", "invest.ban", "sanction.counter"})


def is_listing_topic(topic: str) -> bool:
    """Whether a topic says that an entity is on some list, or bound to somebody who is."""
    return topic in _LISTING_TOPICS


def is_of_itself(topic: str) -> bool:
    """Whether it says that the entity itself is on some list."""
    return topic in _BY_ITSELF


@dataclass(frozen=True, slots=True)
class ListNames:
    """The names of lists, some of them given by whoever imports."""

    given: Mapping[str, str]

    def of(self, name: str) -> str:
        """The list that a dataset or a programme stands for."""
        return self.given.get(name) or LISTS.get(name) or name

    def of_topic(self, topic: str) -> str:
        """The list that a topic stands for."""
        return self.given.get(f"{TOPIC_PREFIX}{topic}") or f"{TOPIC_PREFIX}{topic}"
