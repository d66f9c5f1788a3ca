"""Measured figures: each with its spread, its unit and how it came about; kept in one file, from which the model reads.

`scale_figures.json` is that file. A measurement writes to it what it measured and leaves the rest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

KEPT = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured."""

    value: float
    """The median where there are several."""
    low: float
    high: float
    """The 99th percentile where there are many."""
    unit: str
    how: str

    @classmethod
    def of(cls, values: Sequence[float], factor: float, unit: str, how: str) -> "Figure":
        """Of several measurements of the same, in a unit that is so many times smaller."""
        return cls(median(values) * factor, min(values) * factor, percentile(values, 0.99) * factor, unit, how)

    @classmethod
    def once(cls, value: float, unit: str, how: str) -> "Figure":
        """Of one measurement."""
        return cls(value, value, value, unit, how)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{_shown(self.value)} {self.unit}"
        return f"{_shown(self.value)} ({_shown(self.low)} to {_shown(self.high)}) {self.unit}"


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so great a part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def kept_figures(path: Path = KEPT) -> dict[str, Figure]:
    """Every figure by name."""
    return {name: Figure(**fields) for name, fields in json.loads(path.read_text("utf-8")).items()}


def keep_figures(found: Mapping[str, Figure], path: Path = KEPT) -> None:
    """Take these over."""
    known = kept_figures(path) if path.exists() else {}
    rows = {name: asdict(_rounded(figure)) for name, figure in sorted({**known, **found}.items())}
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def show(found: Mapping[str, Figure]) -> None:
    """Print figures, one a line."""
    for name, figure in found.items():
        print(f"{name:<34}{figure!s:<48}{figure.how}", flush=True)


def _rounded(figure: Figure) -> Figure:
    """To three digits: no more is measured."""
    value, low, high = (float(f"{each:.3g}") for each in (figure.value, figure.low, figure.high))
    return Figure(value, low, high, figure.unit, figure.how)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
