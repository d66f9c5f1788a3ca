"""A seeded world of any size: accounts, entities and interests in the shapes that ownership takes.

Nothing is held: each table is a stream of rows as the database keeps them, in the order of its ids. The first part of
the entities are companies, the rest own them. Most companies have none to three owners, some stand in chains of five to
ten, some are stars of many holders; a few funds hold a share of very many. Every row is made from the seed and its own
number alone, so that a part can be made again without the rest.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, count, islice
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

SEED = 20_261_122
COUNTRIES = (
    ("US", 26), ("GB", 8), ("DE", 9), ("FR", 6), ("NL", 4), ("IN", 7), ("JP", 5), ("CA", 4), ("AU", 3), ("BR", 4),
    ("SG", 3), ("KR", 3), ("ES", 3), ("IT", 3), ("SE", 2), ("CH", 2), ("IE", 2), ("PL", 2), ("MX", 2), ("AE", 2),
    ("TR", 1), ("ZA", 1), ("VN", 1), ("CN", 3), ("HK", 2), ("RU", 1), ("IR", 0.2), ("BY", 0.2), ("CY", 1), ("UA", 1),
)  # fmt: skip
"""Codes and weights: a mix as a provider in North America and Europe may see it, invented, not measured."""
HAVENS = ("KY", "VG", "LU", "JE", "PA", "CY")
OWNERS_OF_MOST = (0, 1, 2, 3)
OWNERS_WEIGHTS = (30, 40, 20, 10)
COMPANIES = 0.55
"""Of the entities; the rest are holdings (a third) and people."""
CHAINS = 0.04
"""Of the companies: those that are the head of a chain. Its links are the companies after it."""
STAR_HOLDERS = (40, 80)
FUNDS = 200
WITHOUT_ENTITY = 0.1
"""Of the accounts: private ones, of whom no entity is recorded."""
RESOURCES = (("model-small", ["model"]), ("model-large", ["model"]), ("model-frontier", ["model", "frontier"]))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is recorded."""

    accounts: int = 1_000_000
    entities: int = 1_000_000
    interests: int = 2_000_000

    @property
    def companies(self) -> int:
        return max(1, int(self.entities * COMPANIES))


def account_id(number: int) -> str:
    return f"acct-{number:09d}"


def entity_id(number: int) -> str:
    return f"ent-{number:09d}"


def _chance(what: str, number: int) -> random.Random:
    return random.Random(f"{SEED}/{what}/{number}")


_CODES = [code for code, _ in COUNTRIES]
_CUMULATED = list(accumulate(weight for _, weight in COUNTRIES))


def _country(chance: random.Random) -> str:
    return chance.choices(_CODES, cum_weights=_CUMULATED)[0]


def accounts(sizes: Sizes) -> Iterator[Row]:
    """Every account; nine of ten belong to a company, and a company has one or two."""
    chance = _chance("accounts", sizes.accounts)
    for number in range(sizes.accounts):
        entity = None if chance.random() < WITHOUT_ENTITY else entity_id(chance.randrange(sizes.companies))
        home = _country(chance)
        declared = {"billing": home} if chance.random() < 0.9 else {}
        if chance.random() < 0.3:
            declared["phone"] = home if chance.random() < 0.95 else _country(chance)
        tags = '["enterprise"]' if entity else chance.choice(("[]", '["trial"]'))
        yield {"id": account_id(number), "entity": entity, "tags": tags, "declared": _json(declared)}


def entities(sizes: Sizes) -> Iterator[Row]:
    """Every entity with its seats; one in fifty has none that is known."""
    chance = _chance("entities", sizes.entities)
    for number in range(sizes.entities):
        is_person = number >= sizes.companies and number % 3 != 0
        home = _country(chance)
        seats = {"residence": [home]} if is_person else _seats(chance, home)
        yield {
            "id": entity_id(number),
            "name": f"{'Person' if is_person else 'Company'} {number}",
            "kind": "person" if is_person else "company",
            "seats": "{}" if chance.random() < 0.02 else _json(seats),
            "source": "register",
        }


def _seats(chance: random.Random, home: str) -> dict[str, list[str]]:
    law = chance.choice(HAVENS) if chance.random() < 0.08 else home
    return {"headquarters": [home], "incorporation": [law]}


def interests(sizes: Sizes) -> Iterator[Row]:
    """Exactly so many interests: most and chains first, holdings next, and stars of whatever is left."""
    pairs = islice(_pairs(sizes), sizes.interests)
    for number, (owner, subject, share) in enumerate(pairs):
        yield {
            "id": f"int-{number:09d}",
            "owner": entity_id(owner),
            "subject": entity_id(subject),
            "kind": "shareholding",
            "share": share,
            "control": False,
            "source": "register",
            "details": "{}",
        }


def _pairs(sizes: Sizes) -> Iterator[tuple[int, int, str]]:
    chance = _chance("interests", sizes.entities)
    subject = 0
    while subject < sizes.companies:
        length = chance.randint(5, 10) if chance.random() < CHAINS else 1
        last = min(subject + length, sizes.companies) - 1
        for link in range(subject, last):
            yield link + 1, link, chance.choice(("51%", "75%", "100%"))
        yield from _held(sizes, chance, last)
        subject = last + 1
    for holding in range(_next_holding(sizes.companies), sizes.entities - 1, 3):
        for _ in range(chance.choice((1, 2))):
            yield chance.randrange(holding + 1, sizes.entities), holding, "50%"
    yield from _stars(sizes, chance)


def _held(sizes: Sizes, chance: random.Random, subject: int) -> Iterator[tuple[int, int, str]]:
    """Up to three owners; in one stake of ten a fund, which so comes to hold thousands."""
    for _ in range(chance.choices(OWNERS_OF_MOST, OWNERS_WEIGHTS)[0]):
        is_fund = chance.random() < 0.1
        below = min(sizes.companies + FUNDS, sizes.entities) if is_fund else sizes.entities
        owner = chance.randrange(sizes.companies, below) if sizes.companies < below else subject
        yield owner, subject, "2.5%" if is_fund else chance.choice(("10%", "20%", "30%", "(25%, 50%]"))


def _stars(sizes: Sizes, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    """Companies with very many small holders, for ever. Holders are no companies: else most would hang together."""
    for _ in count():
        subject = chance.randrange(sizes.companies)
        for _ in range(chance.randint(*STAR_HOLDERS)):
            yield chance.randrange(sizes.companies, sizes.entities), subject, "0.5%"


def _next_holding(first: int) -> int:
    return first + -first % 3


def resources() -> Iterator[Row]:
    """What is asked for."""
    return ({"id": id, "tags": _json(sorted(tags)), "provider": None} for id, tags in RESOURCES)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
