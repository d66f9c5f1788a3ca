"""The world that the load tests decide on: a directory of data with as many rules as one asks for.

Whatever the number of rules, every question has the same answer: the first rules decide, and all others ask about the
same facts without ever holding. Deterministic: the same directory on every machine, byte for byte.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, TypeAlias

from rules.iso3166 import COUNTRIES

SEED: Final = 20_261_122

EMBARGOED: Final = ("CU", "IR", "KP", "SY")
UNSUPPORTED: Final = ("BY", "CN", "HK", "RU")
CLOSED: Final = frozenset((*EMBARGOED, *UNSUPPORTED))
"""Countries from which nothing is served."""
HOMES: Final = ("AT", "AU", "BE", "BR", "CA", "DE", "ES", "FR", "GB", "IE", "IN", "IT", "JP", "NL", "PL", "SE", "US")

MODELS: Final = tuple(f"model-{number:02}" for number in range(20))
HOLDINGS: Final = 500
SEGMENTS: Final = 40
"""Account tags that rules ask about and accounts have."""
OWNERSHIP_EVERY: Final = 100
"""One rule in so many asks who owns the account."""

Standing: TypeAlias = Literal["good", "owned", "suspended", "conflict"]
"""Why an account is answered as it is, wherever it asks from."""
STANDINGS: Final[Sequence[tuple[Standing, int]]] = (("good", 80), ("owned", 8), ("suspended", 4), ("conflict", 8))
"""How many of a hundred accounts are so."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How much there is."""

    rules: int = 10
    accounts: int = 10_000


def account_id(number: int) -> str:
    return f"acct-{number:06}"


def standing(number: int) -> Standing:
    """Of the account of this number."""
    place = number % 100
    for name, share in STANDINGS:
        if place < share:
            return name
        place -= share
    raise AssertionError("standings add up to a hundred")


def accounts_of(size: WorldSize, wanted: Standing) -> list[str]:
    """Ids of the accounts of a standing."""
    return [account_id(number) for number in range(size.accounts) if standing(number) == wanted]


def write_world(directory: Path, size: WorldSize) -> Path:
    """Write the directory of data, and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    policy = json.dumps(policy_document(size.rules), indent=1)
    (directory / "policy.yaml").write_text(policy + "\n", encoding="utf-8")
    rng = Random(SEED)
    _write(directory / "entities.csv", ("id", "name", "kind", "headquarters"), _entities(size, rng))
    _write(directory / "interests.csv", ("owner", "subject", "share", "source"), _interests(size, rng))
    columns = ("id", "entity", "tags", "declared.billing", "declared.phone")
    _write(directory / "accounts.csv", columns, _accounts(size, rng))
    _write(directory / "resources.csv", ("id", "tags"), ((model, "model") for model in MODELS))
    return directory


def policy_document(rules: int) -> dict[str, Any]:
    """A rule set of so many rules, at least those that decide."""
    groups = {"embargoed": list(EMBARGOED), "unsupported": list(UNSUPPORTED)}
    deciding = [*_deciding_rules()]
    if rules < len(deciding):
        raise ValueError(f"at least {len(deciding)} rules are needed")
    idle = [_idle_rule(number) for number in range(rules - len(deciding))]
    return {
        "language": 1,
        "ruleset": "bench",
        "default": "deny",
        "if_unknown": "challenge",
        "groups": groups,
        "rules": [*deciding, *idle],
    }


def _deciding_rules() -> Iterator[dict[str, Any]]:
    yield {"id": "serve", "effect": "allow", "when": {"resource": {"tags": ["model"]}}}
    yield _rule("embargo", "deny", {"location": {"in": ["@embargoed"]}}, message="Not available where you are.")
    yield _rule("unsupported-location", "deny", {"location": {"in": ["@unsupported"]}}, message="Not available there.")
    owned = {"owned": {"by": {"seat_in": ["@unsupported"], "basis": ["headquarters"]}, "share": "> 50%"}}
    yield _rule("unsupported-owner", "deny", owned, message="Majority-owned from a region that is not supported.")
    yield _rule("suspended", "deny", {"account": {"tags": ["suspended"]}}, message="This account is suspended.")
    conflict = {"declared": {"conflict": True}}
    yield {**_rule("declared-conflict", "challenge", conflict, message="Please confirm."), "if_unknown": "skip"}


def _rule(id: str, effect: str, when: dict[str, Any], *, message: str) -> dict[str, Any]:
    return {"id": id, "effect": effect, "when": when, "message": message, "source": "Load test, invented"}


def _idle_rule(number: int) -> dict[str, Any]:
    """A rule of which some condition is true for some, and never all: a tag that nobody has stands in each."""
    codes = sorted(COUNTRIES)
    pair = [codes[number % len(codes)], codes[number * 7 % len(codes)]]
    nobody, segment = f"nobody-{number}", f"segment-{number % SEGMENTS}"
    parts: list[dict[str, Any]] = [{"account": {"tags": [nobody]}}, {"location": {"in": sorted({*pair})}}]
    if number % OWNERSHIP_EVERY == 0:
        parts = [{"owned": {"by": {"listed": [f"list-{number}"]}, "share": ">= 50%"}}]
    elif number % 3 == 1:
        parts = [{"account": {"tags": [segment]}}, {"resource": {"tags": [nobody]}}]
    elif number % 3 == 2:
        parts = [{"location": {"in": sorted({*pair})}}, {"account": {"tags": [segment]}}, {"action": [nobody]}]
    return {"id": f"idle-{number}", "effect": "deny", "if_unknown": "skip", "when": {"all": parts}}


def _entities(size: WorldSize, rng: Random) -> Iterator[tuple[str, ...]]:
    for number in range(HOLDINGS):
        yield f"holding-{number}", f"Holding {number}", "company", rng.choice(HOMES)
    for number in range(HOLDINGS):
        yield f"far-holding-{number}", f"Far Holding {number}", "company", rng.choice(UNSUPPORTED)
    for number in range(size.accounts):
        yield f"ent-{number:06}", f"Company {number}", "company", rng.choice(HOMES)


def _interests(size: WorldSize, rng: Random) -> Iterator[tuple[str, ...]]:
    for number in range(size.accounts):
        far = "far-" if standing(number) == "owned" else ""
        yield f"{far}holding-{rng.randrange(HOLDINGS)}", f"ent-{number:06}", f"{rng.randint(55, 100)}%", "register"


def _accounts(size: WorldSize, rng: Random) -> Iterator[tuple[str, ...]]:
    for number in range(size.accounts):
        status, home = standing(number), rng.choice(HOMES)
        tags = [f"segment-{rng.randrange(SEGMENTS)}", *(["suspended"] if status == "suspended" else [])]
        phone = "CH" if status == "conflict" else home
        yield account_id(number), f"ent-{number:06}", ";".join(tags), home, phone


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
