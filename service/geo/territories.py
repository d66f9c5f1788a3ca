"""The six territories that laws name and country databases cannot express, told by the labels that city databases use.

Sources file Crimea under RU or under UA as they see fit; either way it is `UA-43`. A territory is keyed on the country
label and the subdivision label, by code or by name, never on a city: there is a Donetsk in Rostov oblast and a Yalta in
Tula oblast.

Matching Donetsk, Luhansk, Zaporizhzhia and Kherson by oblast is wider than the law: E.O. 14065 covers the so-called
DNR and LNR regions (OFAC FAQ 1009), Regulation (EU) 2022/1903 the areas that the government does not control.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rules.geography import TERRITORIES, Jurisdiction
from service.geo.addresses import network_of
from service.geo.intervals import Block

LABELLING_COUNTRIES: Final = frozenset({"UA", "RU"})
"""Countries under whose label a source may file one of the territories."""

_SPELLINGS: Final = {
    "UA-43": "crimea krym krim krimea crimee krimska krymska krimskaya krymskaya krymskaja krimskaja крым крим",
    "UA-40": "sevastopol sebastopol sewastopol sevastopil sevastopolska севастополь",
    "UA-14": "donetsk donetska donetskaya donetskaja donezk donetzk dnr dpr донецк донецкая донецька днр",
    "UA-09": "luhansk luhanska lugansk luganska luganskaya luganskaja lnr lpr луганск луганская луганськ луганська лнр",
    "UA-23": (
        "zaporizhzhia zaporizhia zaporizhzhya zaporizhya zaporizhzhe zaporizka zaporizhka zaporozhye zaporozhe"
        " zaporozhzhya zaporozhie zaporozhskaya zaporozhskaja zaporizhzhja запорожье запорожская запоріжжя запорізька"
    ),
    "UA-65": "kherson khersonska khersonskaya khersonskaja herson cherson херсон херсонская херсонська",
}
"""By territory, the names of its region without the words that say what kind of region it is."""

_CODES: Final = {
    "UA-43": "43 CR",
    "UA-40": "40 SEV",
    "UA-14": "14 DON DNR DPR",
    "UA-09": "09 9 LUG LUH LNR LPR",
    "UA-23": "23 ZAP ZP",
    "UA-65": "65 KHE HER",
}
"""By territory, what stands behind the dash of its code; beside those of ISO 3166-2:UA, those that annexing labels use.
INVARIANT: none of them is a code of ISO 3166-2:RU, so that `RU-KR` (Karelia) is not taken for Krym."""

_KINDS_OF_REGION: Final = re.compile(
    r"\b(oblasts?|region|province|republic|respublika|respublyka|autonomous|avtonomna|avtonomnaya|peoples?|of"
    r"|the|city|misto|gorod|and|область|республика|республіка|автономна|автономная|місто|город|народная)\b"
)

_APOSTROPHES: Final = re.compile(r"['\u2018\u2019\u02b9\u02bc\u0060\u00b4\u0300-\u036f]")
_BREAKS: Final = re.compile(r"[\W_]+")


def territory_of(country: str, code: str, names: Sequence[str]) -> Jurisdiction | None:
    """The territory that the labels of a region mean, under the label of either country.

    Russia has numbers of its own for its regions, and 43 is Kirov there: under its label a number does not stand
    against a name that is none of the territory's.
    """
    named = territory_of_names(country, names)
    is_number = code.removeprefix("RU-").isdecimal()
    if named or (country == "RU" and is_number and any(names)):
        return named
    return territory_of_code(country, code)


def territory_of_code(country: str, code: str) -> Jurisdiction | None:
    """The territory that a subdivision code names under the label of either country."""
    bare = code.removeprefix("UA-").removeprefix("RU-")
    return _BY_CODE.get(bare) if country in LABELLING_COUNTRIES else None


def territory_of_names(country: str, names: Iterable[str]) -> Jurisdiction | None:
    """The territory that any of a region's names, in whatever language, names under the label of either country."""
    if country not in LABELLING_COUNTRIES:
        return None
    return next((found for name in names if (found := _BY_NAME.get(_bare_name(name)))), None)


def read_overlay(path: Path) -> tuple[Block[Jurisdiction], ...]:
    """The networks of a table of placements (`network,territory,…`).

    Raises:
        ValueError: a row names no network or no territory, with the number of its line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_block(row, line) for line, row in enumerate(csv.DictReader(file), start=2))


def _block(row: dict[str, str], line: int) -> Block[Jurisdiction]:
    network, territory = network_of(row.get("network") or ""), row.get("territory") or ""
    if network is None or territory not in TERRITORIES:
        raise ValueError(f"line {line}: no placement of a network in a territory")
    return network[0], network[1], Jurisdiction(territory)


def _bare_name(name: str) -> str:
    """Without case, accents, apostrophes, and the words for kinds of region: `Luhans'ka Oblast'` is `luhanska`."""
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKD", name[:100])).casefold()
    return " ".join(_KINDS_OF_REGION.sub(" ", _BREAKS.sub(" ", plain)).split())


_BY_CODE: Final = {code: Jurisdiction(place) for place, codes in _CODES.items() for code in codes.split()}
_BY_NAME: Final = {
    _bare_name(name): Jurisdiction(place) for place, names in _SPELLINGS.items() for name in names.split()
}
