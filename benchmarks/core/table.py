"""A row a comparison, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from .timing import Spread, figure

UNITS = {"ms": 1e3, "µs": 1e6, "s": 1.0}


@dataclass(frozen=True)
class Row:
    """One comparison.

    ``ours`` and ``peer`` are what is shown, ``ratio`` what the goal is about: how many times as
    fast, or whatever ``unit`` says. ``least`` and ``most`` are the goal.
    """

    what: str
    ours: str
    peer: str
    ratio: Spread
    terms: str
    unit: str = "×"
    least: float | None = None
    most: float | None = None

    @property
    def goal(self) -> str:
        if self.least is None and self.most is None:
            return "–"
        sign, value = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {value:g} {self.unit}".replace(" ×", "×")

    @property
    def met(self) -> bool | None:
        if self.least is not None:
            return self.ratio.median >= self.least
        return None if self.most is None else self.ratio.median <= self.most

    def line(self) -> str:
        unit = self.unit if self.unit == "×" else f" {self.unit}"
        low, high = figure(self.ratio.low), figure(self.ratio.high)
        ratio = f"{figure(self.ratio.median)}{unit} ({low}–{high})"
        verdict = {None: "", True: " met", False: " **missed**"}[self.met]
        cells = (self.what, self.ours, self.peer, ratio, self.goal + verdict, self.terms)
        return f"| {' | '.join(cells)} |"


@dataclass
class Section:
    """A heading, rows, and what there is to say below them."""

    title: str
    intro: str = ""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        head = (
            "| what | ours | peer | ratio (quartiles) | goal | unequal terms |",
            "|---|---|---|---|---|---|",
        )
        parts = [f"## {self.title}", ""]
        if self.intro:
            parts += [self.intro, ""]
        if self.rows:
            parts += [*head, *(row.line() for row in self.rows), ""]
        parts += [f"- {note}" for note in self.notes]
        return "\n".join(parts).rstrip() + "\n"


def took(spread: Spread, unit: str) -> str:
    """Return a time in a unit, with its quartiles."""
    return f"{spread.times(UNITS[unit])} {unit}"


def release(package: str) -> str:
    """Return the version that is installed, for the table."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (not installed)"
