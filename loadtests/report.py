"""One page with everything that a run found, which needs no network, and an exit status that says whether it is enough.

`python -m loadtests.report FILE.json` writes the page beside the file again, and judges it by the budget.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtests.budget import BUDGET, Judged, judge
from loadtests.plots import COLOURS, Bar, bars, curves
from loadtests.results import Results
from loadtests.rounds import Spread

SHOWN: Final = ("50", "90", "99", "99.9", "100")
"""Percentiles in the table."""
VERDICT_COLOURS: Final = {"held": "#3a7d44", "broken": "#c8553d"}


def render(results: Results) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    judged = judge(results.ratios, results.left_out)
    peers = _peers(results)
    return environment.get_template("report.html").render(
        results=results,
        budget=judged,
        shown=SHOWN,
        peers=peers,
        budget_plot=Markup(bars(list(_budget_bars(judged)))),
        ceiling_plot=Markup(bars([_rps_bar(one.name, one.rps) for one in results.servers])),
        latency_plot=Markup(curves(_latency_series(results))),
        peers_plot=Markup(bars([_rps_bar(name, peer_spread(peer)) for name, peer in peers.items()])),
    )


def write(results: Results, directory: Path) -> Path:
    """Write the page and the figures, and return the page."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_bytes(results.encoded() + b"\n")
    page = directory / "report.html"
    page.write_text(render(results), encoding="utf-8")
    return page


def verdict(results: Results, *, complete: bool = False) -> tuple[int, list[str]]:
    """The exit status, and what to print. 1: the budget is broken, or not all measured where all of it is wanted."""
    judged = judge(results.ratios, results.left_out)
    wanted = {"broken", "not measured"} if complete else {"broken"}
    failed = [line for line in judged if line.verdict in wanted]
    lines = [str(line) for line in judged]
    held = sum(line.verdict == "held" for line in judged)
    lines.append(f"{held} of {len(BUDGET)} measures held" + "".join(f"; {one}" for one in map(_named, failed)))
    return (1 if failed else 0), lines


def peer_spread(peer: Mapping[str, Any]) -> Spread:
    """Requests a second of a peer."""
    return Spread(**peer["requests_per_second"])


def _named(line: Judged) -> str:
    return f"{line.verdict}: {line.limit.measure}"


def _peers(results: Results) -> dict[str, Any]:
    """Those over HTTP, the quickest first."""
    found: Mapping[str, Any] = (results.peers or {}).get("http", {})
    return dict(sorted(found.items(), key=lambda row: -peer_spread(row[1]).median))


def _budget_bars(judged: Sequence[Judged]) -> Iterator[Bar]:
    """Each ratio by its bound, so that all fit one scale."""
    for line in judged:
        if line.found is not None:
            found, bound = line.found, line.limit.bound
            relative = Spread(found.median / bound, found.low / bound, found.high / bound, found.count)
            text = f"{found.median:.2f} ({line.limit.bound_text})"
            yield Bar(SHORT[line.limit.key], relative, text, VERDICT_COLOURS[line.verdict], mark=1)


SHORT: Final = {
    "nginx": "÷ nginx",
    "asgi": "÷ constant ASGI",
    "recording": "recorded ÷ not",
    "cerbos": "÷ Cerbos",
    "rules": "10,000 ÷ 10 rules",
    "latency": "p99 ÷ p50",
    "workers": "two workers ÷ one",
    "first_seen": "first-seen ÷ cached",
}


def _rps_bar(name: str, spread: Spread) -> Bar:
    is_own = name.startswith("cordon")
    return Bar(name, spread, f"{spread.median:,.0f}/s", COLOURS[0] if is_own else COLOURS[5])


def _latency_series(results: Results) -> dict[str, Mapping[str, float]]:
    series: dict[str, Mapping[str, float]] = {}
    for figure in results.latencies:
        title = f"{figure.name}, {figure.per_second:,.0f}/s, {figure.part_of_ceiling:.0%} of its ceiling"
        series[title] = figure.percentiles_us
    return series


def main() -> int:
    """Write the page of a file of figures, and judge it."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.report", description=__doc__)
    parser.add_argument("figures", type=Path, metavar="FILE.json")
    parser.add_argument("--complete", action="store_true", help="fail too for what was not measured")
    options = parser.parse_args()
    results = Results.read(options.figures)
    options.figures.with_suffix(".html").write_text(render(results), encoding="utf-8")
    status, lines = verdict(results, complete=options.complete)
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
