"""The tables of `docs/explanation/scale.md`, made by the model from the figures; `--write` puts them into the page.

A test holds the page and this program together: whoever measures anew changes `scale_figures.json`, and runs this.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loadtests.scale_figures import Figure, kept_figures
from loadtests.scale_model import (
    Costs,
    Fleet,
    Load,
    breakings,
    changes_limit,
    changes_that_age,
    changes_that_fill_redis,
    fleet_for,
    flood,
    rush_after_publication,
)
from loadtests.scale_traffic import zipf

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "scale.md"
_TABLE = re.compile(r"(?P<head><!-- scale_page: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

SMALL = Load(1_000_000, 10_000)
MIDDLE = Load(10_000_000, 100_000)
LARGE = Load(100_000_000, 1_000_000, memo_mib=1024, kept_seconds=86_400)
LOADS = (SMALL, MIDDLE, replace(LARGE, memo_mib=256, kept_seconds=3600), LARGE, replace(LARGE, has_affinity=True))
ROOMS_MIB = (64, 256, 1024, 4096)
WORKERS = 1_000
ACCOUNTS = (1_000_000, 10_000_000, 100_000_000)

Table = Callable[[Costs], Iterable[Sequence[str]]]


def constants(costs: Costs) -> Iterable[Sequence[str]]:
    """Every figure, with its spread and how it was measured."""
    yield "figure", "value", "spread", "unit", "how"
    for name, figure in sorted(costs.figures.items()):
        spread = "" if figure.low == figure.high else f"{_number(figure.low)} to {_number(figure.high)}"
        yield f"`{name}`", _number(figure.value), spread, figure.unit, figure.how


def memos(costs: Costs) -> Iterable[Sequence[str]]:
    """What a memo answers, by its size and by how many accounts there are."""
    yield "memo, MiB", "accounts in it", *(f"hits of {_short(number)}" for number in ACCOUNTS), "requests to fill it"
    for mib in ROOMS_MIB:
        room = fleet_for(Load(ACCOUNTS[0], 1, memo_mib=mib), costs).room
        hits = (f"{zipf(number, 1.0).memo_hits(room):.0%}" for number in ACCOUNTS)
        yield str(mib), _short(room), *hits, _short(zipf(ACCOUNTS[-1], 1.0).until_seen(room))


def exponents(costs: Costs) -> Iterable[Sequence[str]]:
    """The same memo under traffic that is more or less alike."""
    yield "Zipf's exponent", "hits, 256 MiB", "hits, 1,024 MiB", "hits, 100 workers of 1,024 MiB with affinity"
    rooms = [fleet_for(replace(LARGE, memo_mib=mib), costs).room for mib in (256, 1024)]
    for exponent in (0.8, 0.9, 1.0, 1.1):
        popularity = zipf(LARGE.accounts, exponent)
        yield f"{exponent}", *(f"{popularity.memo_hits(room):.0%}" for room in (*rooms, rooms[1] * 100))


def fleets(costs: Costs) -> Iterable[Sequence[str]]:
    """What carries five loads."""
    made = [fleet_for(load, costs) for load in LOADS]
    rows: dict[str, Callable[[Fleet], str]] = {
        "accounts": lambda fleet: _short(fleet.load.accounts),
        "requests/s": lambda fleet: _short(fleet.load.per_second),
        "memo of a worker, MiB": lambda fleet: str(fleet.load.memo_mib),
        "facts kept in Redis, h": lambda fleet: f"{fleet.load.kept_seconds / 3600:.0f}",
        "affinity": lambda fleet: "yes" if fleet.load.has_affinity else "no",
        "hits of the memo": lambda fleet: f"{fleet.hits:.0%}",
        "CPU of a request, µs": lambda fleet: f"{fleet.request_seconds * 1e6:.0f}",
        "of that, on misses": lambda fleet: f"{fleet.on_misses:.0%}",
        "workers, each half busy": lambda fleet: f"{fleet.workers:,}",
        "of all requests, the busiest worker": lambda fleet: f"{fleet.busiest:.1%}" if fleet.load.has_affinity else "",
        "asked of Redis/s": lambda fleet: _short(fleet.redis_per_second),
        "Redis, cores busy": lambda fleet: f"{fleet.redis_cores:.1f}",
        "Redis, GiB": lambda fleet: _number(fleet.redis_bytes / 2**30),
        "Redis, shards": lambda fleet: str(fleet.shards),
        "facts read from PostgreSQL/s": lambda fleet: _short(fleet.reads_per_second),
        "looks at PostgreSQL/s": lambda fleet: _short(fleet.polls_per_second),
        "PostgreSQL, cores busy": lambda fleet: f"{fleet.database_cores:.1f}",
        "PostgreSQL, connections": lambda fleet: _short(fleet.connections),
        "decision log, packed, GB a day": lambda fleet: _number(fleet.log_bytes_per_day / 1e9),
        "network at the workers, Gbit/s": lambda fleet: f"{fleet.network_bits / 1e9:.2f}",
    }
    yield "", *"ABCDE"
    yield from ((what, *map(cell, made)) for what, cell in rows.items())


def levers(costs: Costs) -> Iterable[Sequence[str]]:
    """What the largest load would take if accounts were smaller in memory, or misses cheaper. Nobody has built that."""
    yield "if", "workers, D", "workers, E", "hits, E"
    half, tenth = {"screening_cpu_us": 0.5}, {"screening_cpu_us": 0.1}
    small = {"memorised_counted_bytes": 0.1}
    cases: Mapping[str, Mapping[str, float]] = {
        "as measured": {},
        "screening took half as long": half,
        "screening took a tenth": tenth,
        "an account took a tenth of the memory": small,
        "both a tenth": {**tenth, **small},
    }
    for what, factors in cases.items():
        plain, steady = (fleet_for(load, _changed(costs, factors)) for load in LOADS[-2:])
        yield what, f"{plain.workers:,}", f"{steady.workers:,}", f"{steady.hits:.0%}"


def _changed(costs: Costs, factors: Mapping[str, float]) -> Costs:
    """The same, but for some figures; what screening is spared, a miss is spared too."""
    figures = dict(costs.figures)
    for name, factor in factors.items():
        figures[name] = replace(figures[name], value=figures[name].value * factor)
    spared = costs.figures["screening_cpu_us"].value - figures["screening_cpu_us"].value
    redis = figures["redis_cpu_us"]
    figures["redis_cpu_us"] = replace(redis, value=max(0.0, redis.value - spared))
    return Costs(figures)


def events(costs: Costs) -> Iterable[Sequence[str]]:
    """What becomes of the same fleets when memos are empty."""
    yield "", *"ABCDE"
    made = [fleet_for(load, costs) for load in LOADS]
    rushes = [rush_after_publication(fleet, costs) for fleet in made]
    floods = [flood(load, costs) for load in LOADS]
    yield "publication: the longest wait, s", *(_number(each.longest_wait) for each in rushes)
    yield "publication: nobody waits any more after, s", *(_number(each.until_caught_up) for each in rushes)
    yield (
        "publication: asked of Redis meanwhile, by all",
        *(_short(each.missed * fleet.workers) for each, fleet in zip(rushes, made, strict=True)),
    )
    yield "an empty memo is full after, s", *(_number(_filled_after(fleet)) for fleet in made)
    yield "everything touched: accounts in the first second", *(_short(each.first_second) for each in floods)
    yield "… cores of PostgreSQL to read them in it", *(_number(each.cores) for each in floods)
    yield "… nine of ten are known again after, s, by eight cores", *(_number(each.recovery_seconds) for each in floods)


def _filled_after(fleet: Fleet) -> float:
    load = fleet.load
    popularity = zipf(load.accounts // fleet.workers, load.exponent) if load.has_affinity else load.popularity
    return popularity.until_seen(fleet.room) / fleet.per_worker


def breaking(costs: Costs) -> Iterable[Sequence[str]]:
    """What gives in first, as the load of 100 million accounts grows with everything as it is unless set."""
    yield "", "what gives in", "at requests/s", "at workers", "the limit"
    load = replace(LARGE, memo_mib=256, kept_seconds=3600.0)
    for number, each in enumerate(breakings(load, costs), 1):
        yield str(number), each.what, _short(each.per_second), _number(each.workers), each.limit


def changes(costs: Costs) -> Iterable[Sequence[str]]:
    """What the rate of changes does, whatever is asked."""
    yield "changed ids a second", "what happens"
    for hours in (1, 24):
        at = changes_that_age(hours * 3600)
        yield f"more than {_number(at)}", f"facts in Redis are refused before {hours} h have passed, and read again"
    hints = changes_that_fill_redis(WORKERS, costs)
    yield f"more than {_number(hints)}", f"hints of them to {WORKERS:,} workers take half a core of Redis"
    writer = "single changes wait for the one writer; an import makes many at once"
    yield f"more than {_number(changes_limit(costs))}", writer


TABLES: Mapping[str, Table] = {
    "constants": constants,
    "memos": memos,
    "exponents": exponents,
    "fleets": fleets,
    "levers": levers,
    "events": events,
    "breaking": breaking,
    "changes": changes,
}


def table(name: str, costs: Costs) -> str:
    """A table in Markdown."""
    head, *rows = TABLES[name](costs)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def written(page: str, figures: Mapping[str, Figure]) -> str:
    """The page with its tables made anew."""
    costs = Costs(figures)
    return _TABLE.sub(lambda found: f"{found['head']}{table(found['name'], costs)}{found['end']}", page)


def _number(value: float) -> str:
    if value == float("inf"):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _short(value: float) -> str:
    """Two digits: no more is known."""
    if value == float("inf"):
        return "never"
    if value < 1:
        return f"{value:.1g}"
    for unit, word in ((1e9, " billion"), (1e6, " million")):
        if value >= unit:
            return f"{float(f'{value / unit:.2g}'):,g}{word}"
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    if parser.parse_args().write:
        PAGE.write_text(written(PAGE.read_text("utf-8"), kept_figures()), encoding="utf-8")
        return
    for name in TABLES:
        print(f"{name}: {TABLES[name].__doc__}\n\n{table(name, Costs(kept_figures()))}")


if __name__ == "__main__":
    main()
