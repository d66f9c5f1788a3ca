"""The budget is judged by what was measured, and the page shows it without a network."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtests.budget import BUDGET, Limit, judge
from loadtests.latencies import Latencies
from loadtests.machine import cpu_time
from loadtests.report import render, verdict, write
from loadtests.results import LatencyFigure, Results, ScalingFigure, ServerFigure
from loadtests.rounds import Spread

ROOT = Path(__file__).parent.parent.parent


def spread(median: float) -> Spread:
    return Spread(median, median * 0.9, median * 1.1, 4)


GOOD = {limit.key: spread(limit.bound * (0.8 if limit.is_most else 1.2)) for limit in BUDGET}
CORDON = ServerFigure("cordon", spread(70_000), spread(12.5), spread(800), spread(0.7))
LATENCIES = Latencies.of(range(10_000, 500_000, 1000))
BY_TEXT = {f"{percentile:g}": value for percentile, value in LATENCIES.percentiles_us().items()}
LATENCY = LatencyFigure("cordon", 0.5, 35_000, BY_TEXT, BY_TEXT, 0, True, LATENCIES.encoded())
SCALING = ScalingFigure("cordon", "apart", spread(1.9), CORDON, CORDON, spread(0.52), (66, 62), 0)
PEERS = {
    "http": {
        "cerbos": {
            "version": "0.51",
            "requests_per_second": {"median": 3330.0, "low": 3000.0, "high": 3500.0, "count": 4},
            "cpu_us": {"median": 298.0, "low": 290.0, "high": 300.0, "count": 4},
            "ratio": {"median": 21.0, "low": 20.0, "high": 23.0, "count": 4},
        }
    }
}
WHOLE = Results(
    machine={"date": "2026-11-22", "cpu": "a <fast> one", "cores": "2"},
    options={"rounds": "4"},
    servers=(CORDON,),
    latencies=(LATENCY,),
    scaling=(SCALING,),
    ratios=GOOD,
    peers=PEERS,
)


def with_ratio(key: str, value: float) -> Results:
    return replace(WHOLE, ratios={**GOOD, key: spread(value)})


def test_time_that_the_hypervisor_took_is_told_of_the_time_with_work() -> None:
    before = cpu_time("cpu  100 0 50 1000 10 0 10 20 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    after = cpu_time("cpu  150 10 75 9000 10 1 14 30 0 0\n")
    assert after.stolen_since(before) == "10.0% of the time with work"
    assert after.stolen_since(after) == "no work"


def test_a_budget_that_is_kept_ends_well() -> None:
    status, lines = verdict(WHOLE)
    assert status == 0
    assert lines[-1] == "8 of 8 measures held"


@pytest.mark.parametrize("limit", BUDGET, ids=lambda limit: limit.key)
def test_a_broken_measure_fails_and_is_named(limit: Limit) -> None:
    status, lines = verdict(with_ratio(limit.key, limit.bound * (1.01 if limit.is_most else 0.99)))
    assert status == 1
    assert f"broken: {limit.measure}" in lines[-1]


@pytest.mark.parametrize("limit", BUDGET, ids=lambda limit: limit.key)
def test_the_bound_itself_is_still_kept(limit: Limit) -> None:
    assert verdict(with_ratio(limit.key, limit.bound))[0] == 0


def test_what_was_not_measured_is_never_held() -> None:
    results = replace(WHOLE, ratios={}, left_out={"nginx": "`nginx` is not installed"})
    judged = judge(results.ratios, results.left_out)
    assert {line.verdict for line in judged} == {"not measured"}
    assert judged[0].why == "`nginx` is not installed"
    assert verdict(results)[1][-1].startswith("0 of 8")


def test_what_was_not_measured_fails_only_where_everything_is_wanted() -> None:
    results = replace(WHOLE, ratios={key: value for key, value in GOOD.items() if key != "cerbos"})
    assert (verdict(results)[0], verdict(results, complete=True)[0]) == (0, 1)


def test_a_measure_that_some_rounds_break_is_said_to_be_close() -> None:
    line = judge(with_ratio("nginx", 0.76).ratios, {})[0]
    assert (line.verdict, line.is_close) == ("held", True)


def test_the_page_needs_no_network() -> None:
    page = render(WHOLE)
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", page) == []
    assert "<script" not in page
    assert "<link" not in page


def test_the_plots_are_well_formed() -> None:
    plots = re.findall(r"<svg.*?</svg>", render(WHOLE), re.DOTALL)
    assert [len(ElementTree.fromstring(plot)) > 0 for plot in plots] == [True] * 4


def test_the_page_shows_every_measure_with_its_verdict() -> None:
    page = render(with_ratio("nginx", 0.5))
    assert [limit.measure for limit in BUDGET if limit.measure not in page] == []
    assert '<td class="broken">broken' in page
    assert page.count("<svg") == 4
    assert "a &lt;fast&gt; one" in page


def test_the_page_of_a_run_that_measured_nothing_says_so() -> None:
    nothing = replace(
        WHOLE, servers=(), latencies=(), scaling=(), ratios={}, peers=None, left_out={"nginx": "wrk is missing"}
    )
    page = render(nothing)
    assert page.count("not measured: ") == len(BUDGET)
    assert "wrk is missing" in page


def test_figures_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    write(WHOLE, tmp_path)
    assert Results.read(tmp_path / "report.json") == WHOLE


def test_the_report_of_a_broken_budget_fails_as_a_command(tmp_path: Path) -> None:
    write(with_ratio("workers", 1.2), tmp_path)
    command = [sys.executable, "-m", "loadtests.report", str(tmp_path / "report.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "broken: two workers ÷ one worker" in done.stdout
