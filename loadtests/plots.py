"""Plots as SVG that stands in a page by itself: bars with their spread, and latency by percentile."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from loadtests.rounds import Spread

WIDTH: Final = 860
LABELS: Final = 300
"""Pixels on the left for names, and some on the right for figures."""
FIGURES: Final = 130
ROW: Final = 26
HEIGHT: Final = 320
MARGIN: Final = 60
COLOURS: Final = ("#1b6ca8", "#c8553d", "#3a7d44", "#8a5a9e", "#b08900", "#44546a")
PERCENTILES: Final = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with its spread, and the mark that it is to reach."""

    name: str
    spread: Spread
    text: str
    colour: str = COLOURS[0]
    mark: float | None = None


def bars(rows: Sequence[Bar]) -> str:
    """A bar for each figure, from nought to the highest of all; a thin line from the lowest round to the highest."""
    room = WIDTH - LABELS - FIGURES
    top = max((max(row.spread.high, row.mark or 0) for row in rows), default=1) or 1
    body = (part for number, row in enumerate(rows) for part in _bar(row, number * ROW, room / top))
    return _svg(body, WIDTH, len(rows) * ROW + 4)


def curves(series: Mapping[str, Mapping[str, float]], unit: str = "µs") -> str:
    """Latency by percentile, both axes logarithmic: each step to the right leaves a tenth of the requests."""
    values = [value for points in series.values() for value in points.values() if value > 0]
    low, high = _decades(values)
    plot = _Plane(low, high)
    parts = [*_grid(plot, unit)]
    for number, (name, points) in enumerate(series.items()):
        parts += _curve(plot, name, points, number)
    return _svg(parts, WIDTH, HEIGHT + 22 * len(series))


@dataclass(frozen=True, slots=True)
class _Plane:
    low: float
    high: float
    """Powers of ten."""

    def x(self, percentile: float) -> float:
        """Position of a percentile: by the number of nines."""
        rest = 1 - percentile / 100
        return MARGIN + (WIDTH - 2 * MARGIN) * (-math.log10(rest) - 0.3) / (4 - 0.3)

    def y(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return HEIGHT - MARGIN / 2 - (HEIGHT - MARGIN) * part


def _bar(row: Bar, top: float, scale: float) -> Iterator[str]:
    middle, spread = top + ROW / 2, row.spread
    yield f'<text x="{LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(row.name)}</text>'
    yield _rect(LABELS, top + 4, spread.median * scale, ROW - 8, row.colour)
    yield _line(LABELS + spread.low * scale, middle, LABELS + spread.high * scale, middle, "#222")
    for end in (spread.low, spread.high):
        yield _line(LABELS + end * scale, middle - 4, LABELS + end * scale, middle + 4, "#222")
    if row.mark is not None:
        x = LABELS + row.mark * scale
        yield _line(x, top + 1, x, top + ROW - 1, "#d00", 2)
    right = LABELS + max(spread.high, row.mark or 0) * scale + 8
    yield f'<text x="{right:.1f}" y="{middle + 4}">{escape(row.text)}</text>'


def _decades(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0, 1
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _grid(plot: _Plane, unit: str) -> Iterator[str]:
    for power in range(int(plot.low), int(plot.high) + 1):
        y = plot.y(10.0**power)
        yield _line(MARGIN, y, WIDTH - MARGIN, y, "#ddd")
        yield f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{10**power:g} {unit}</text>'
    for percentile in PERCENTILES:
        x = plot.x(percentile)
        yield _line(x, MARGIN / 2, x, HEIGHT - MARGIN / 2, "#eee")
        yield f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="middle">p{percentile:g}</text>'


def _curve(plot: _Plane, name: str, points: Mapping[str, float], number: int) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    found = [(plot.x(p), plot.y(points[f"{p:g}"])) for p in PERCENTILES if points.get(f"{p:g}", 0) > 0]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in found)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    y = HEIGHT + 22 * number + 8
    yield _line(MARGIN, y, MARGIN + 24, y, colour, 3)
    yield f'<text x="{MARGIN + 32}" y="{y + 4}">{escape(name)}</text>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}" opacity="0.75"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'


def _svg(parts: Iterable[str], width: float, height: float) -> str:
    return f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">{"".join(parts)}</svg>'
