"""The figures of the site, drawn from simulated markets when it is built, in light and dark.

A page has one by a directive, whose content is the text for whoever does not see it:

    ```{drawn} book
    The sizes of a book, and their weights.
    ```
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from docutils import nodes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from sphinx.util.docutils import SphinxDirective

import obi_widgets as obi
from obi_widgets.calibration.confidence_sequence import AsymptoticSequence
from obi_widgets.presentation.tear_sheet import event_figure, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from sphinx.application import Sphinx

MADE = Path(__file__).parent / "_made"
"""Where they are written, with what else the build makes of our own. It is not committed."""

SETTINGS = obi.Settings(decay=0.3, depth=10, threshold=0.4, hold_seconds=20, fee_bps=0, price="mid")


@dataclass(frozen=True)
class Theme:
    """Colours that colour-blind readers can tell apart, as in the lab."""

    name: str
    ink: str
    faint: str
    bid: str
    ask: str


THEMES = (
    Theme("light", "#333333", "#999999", "#0072b2", "#d55e00"),
    Theme("dark", "#d0d0d0", "#808080", "#56b4e9", "#e69f00"),
)


@functools.cache
def market(edge: float = 4.0) -> obi.History:
    """Return half an hour of a simulated market."""
    return obi.simulate("sim:BTC-PERP", seconds=1800, edge=edge, seed=1, levels=20)


def _book_at(history: obi.History, row: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distances from mid, bps, and sizes of one state's levels."""
    one = history[row : row + 1]
    prices, sizes = one.prices(side)[0], one.sizes(side)[0]
    there = sizes > 0
    return np.abs(prices[there] / one.mid[0] - 1) * 1e4, sizes[there]


def shades(colour: str) -> LinearSegmentedColormap:
    """Return a scale from nearly nothing to the colour, on a ground of any theme."""
    return LinearSegmentedColormap.from_list("", [(*to_rgb(colour), 0.1), (*to_rgb(colour), 1)])


def book(axes: list[Axes], theme: Theme) -> None:
    """Draw sizes of one state, pale, and what decay leaves of them."""
    history = market()
    top = 0.0
    for side, colour, sign in ((1, theme.bid, -1), (-1, theme.ask, 1)):
        away, sizes = _book_at(history, 1000, side)
        away, sizes = away[:10], sizes[:10]
        width = 0.5 * np.median(np.diff(away))
        weights = sizes * np.exp(-SETTINGS.decay * away)
        axes[0].bar(sign * away, sizes, width, color=colour, alpha=0.3)
        axes[0].bar(sign * away, weights, width * 0.55, color=colour)
        top = max(top, sizes.max())
        word = "bids" if side > 0 else "asks"
        axes[0].text(
            sign * away.max() / 2,
            top * 1.12,
            f"{word}: W = {weights.sum():.2f}",
            color=colour,
            ha="center",
        )
    axes[0].set_ylim(0, top * 1.3)
    value = obi.imbalance(history, SETTINGS)[1000]
    axes[0].set_xlabel(f"distance from mid, bps          imbalance {value:+.2f}")
    axes[0].set_ylabel("size")


def coverage(axes: list[Axes], theme: Theme) -> None:
    """Draw a book of which five levels a side are known, and a band that reaches further."""
    history = market()
    ends = {}
    for side, colour, sign in ((1, theme.bid, -1), (-1, theme.ask, 1)):
        away, sizes = _book_at(history, 1000, side)
        away, sizes = away[:5], sizes[:5]
        ends[sign] = sign * away[-1]
        axes[0].bar(sign * away, sizes, 0.5 * np.median(np.diff(away)), color=colour, alpha=0.6)
    edge, top = 2 * max(ends.values()), axes[0].get_ylim()[1]
    band = 1.5 * max(ends.values())
    for low, high in ((-edge, ends[-1]), (ends[1], edge)):
        axes[0].axvspan(low, high, facecolor="none", edgecolor=theme.faint, hatch="///", lw=0)
        axes[0].text((low + high) / 2, top * 0.55, "not known", ha="center", color=theme.ink)
    axes[0].annotate(
        "",
        (-band, top * 0.95),
        (band, top * 0.95),
        arrowprops={"arrowstyle": "<->", "color": theme.ink},
    )
    axes[0].text(0, top * 0.98, "band of the signal: inferred", ha="center", va="bottom")
    axes[0].set_xlim(-edge, edge)
    axes[0].set_ylim(0, top * 1.15)
    axes[0].set_xlabel("distance from mid, bps")
    axes[0].set_ylabel("size")


def signal(axes: list[Axes], theme: Theme) -> None:
    """Draw three minutes of mid with entries, and the signal with its thresholds."""
    history = market()[:1800]
    seconds = (history.time - history.time[0]) / 1e9
    values = obi.imbalance(history, SETTINGS)
    price, below = axes
    price.plot(seconds, history.mid, color=theme.ink, lw=1)
    for trade in obi.entries(history, SETTINGS).dropna(subset="exit_time").itertuples():
        at = [(when.value - history.time[0]) / 1e9 for when in (trade.entry_time, trade.exit_time)]
        colour, mark = (theme.bid, "^") if trade.side > 0 else (theme.ask, "v")
        dashes = "-" if trade.gross_bps > 0 else "--"
        price.plot(at, [trade.entry_price, trade.exit_price], dashes, color=colour, lw=1.5)
        price.plot(at[0], trade.entry_price, mark, color=colour, ms=7)
    price.set_ylabel("mid")
    price.ticklabel_format(useOffset=False)
    below.plot(seconds, values, color=theme.ink, lw=0.6)
    for level, colour in ((SETTINGS.threshold, theme.bid), (-SETTINGS.threshold, theme.ask)):
        below.axhline(level, color=colour, lw=1)
        beyond = values >= level if level > 0 else values <= level
        below.fill_between(seconds, level, values, where=beyond, color=colour, alpha=0.5, lw=0)
    below.set_ylim(-1, 1)
    below.set_ylabel("imbalance")
    below.set_xlabel("seconds")


def verdict(axes: list[Axes], theme: Theme) -> None:
    """Draw the mean return by horizon, with both intervals, with an edge and without."""
    for axis, edge, title in zip(axes, (4.0, 0.0), ("with an edge", "without"), strict=True):
        table = obi.calibrate(market(edge), SETTINGS).table
        at = np.arange(len(table))
        half = 1.96 * (table.mean_bps / table.t_naive).abs()
        axis.axhline(0, color=theme.faint, lw=1)
        axis.vlines(at, table.ci_low, table.ci_high, color=theme.bid, lw=2)
        axis.plot(at, table.mean_bps, "o", color=theme.bid, ms=5, label="honest 95 %")
        axis.vlines(
            at + 0.2,
            table.mean_bps - half,
            table.mean_bps + half,
            color=theme.ask,
            lw=2,
        )
        axis.plot(at + 0.2, table.mean_bps, "s", color=theme.ask, ms=4, label="naive 95 %")
        axis.set_xticks(at, [f"{horizon:g} s" for horizon in table.index])
        axis.set_title(title, color=theme.ink, fontsize=10, loc="left")
        axis.set_ylabel("mean, bps")
    axes[0].legend(frameon=False, labelcolor=theme.ink, loc="upper left")


def sealed(axes: list[Axes], theme: Theme) -> None:
    """Draw the bounds of the mean trade that hold at every look, beside those for one look."""
    history = market()
    settings = obi.Settings(
        decay=0.3, depth=10, threshold=0.4, hold_seconds=1, fee_bps=0, price="mid"
    )
    net = obi.entries(history, settings).net_bps.to_numpy()
    every_look, count = AsymptoticSequence(), np.arange(1, len(net) + 1)
    bounds = []
    for value in net:
        every_look.add(value)
        bounds.append(every_look.interval)
    low, high = np.array(bounds).T
    mean = np.cumsum(net) / count
    spread = np.sqrt(np.maximum(np.cumsum(net**2) / count - mean**2, 0) / count)
    shown = count >= 100
    axis = axes[0]
    axis.axhline(0, color=theme.faint, lw=1)
    axis.plot(count[shown], mean[shown], color=theme.ink, lw=1.2, label="mean net gain")
    axis.fill_between(
        count[shown],
        low[shown],
        high[shown],
        color=theme.bid,
        alpha=0.25,
        lw=0,
        label="holds at every look",
    )
    for sign in (-1, 1):
        axis.plot(
            count[shown],
            (mean + sign * 1.96 * spread)[shown],
            "--",
            color=theme.ask,
            lw=1,
            label="for one look" if sign > 0 else None,
        )
    axis.set_xlabel("trades since the seal")
    axis.set_ylabel("bps")
    axis.legend(frameon=False, labelcolor=theme.ink)


def heatmap(axes: list[Axes], theme: Theme) -> None:
    """Draw what rested at each distance from the first mid, over five minutes."""
    history = market()[:3000]
    seconds = (history.time - history.time[0]) / 1e9
    axis = axes[0]
    middle = history.mid[0]
    bins = np.linspace(middle * (1 - 15e-4), middle * (1 + 15e-4), 121)
    for side, colour in ((1, theme.bid), (-1, theme.ask)):
        prices, sizes = history.prices(side), history.sizes(side)
        rows = np.repeat(np.arange(len(history)) // 10, prices.shape[1])
        there = np.isfinite(prices.ravel())
        grid, _, _ = np.histogram2d(
            rows[there],
            prices.ravel()[there],
            bins=(np.arange(len(history) // 10 + 1), bins),
            weights=sizes.ravel()[there],
        )
        axis.imshow(
            np.ma.masked_less_equal(np.sqrt(grid.T), 0),
            origin="lower",
            aspect="auto",
            extent=(0, seconds[-1], bins[0], bins[-1]),
            cmap=shades(colour),
            interpolation="nearest",
        )
    axis.plot(seconds, history.mid, color=theme.ink, lw=1)
    axis.ticklabel_format(useOffset=False)
    axis.set_ylim(history.mid.min() * 0.9997, history.mid.max() * 1.0003)
    axis.set_xlabel("seconds")
    axis.set_ylabel("price")


def surface(axes: list[Axes], theme: Theme) -> None:
    """Draw the mean gain by threshold and hold, with an edge and without."""
    thresholds, holds = np.linspace(0.1, 0.8, 8), [1, 2, 5, 10, 20, 30]
    for axis, edge, title in zip(axes, (4.0, 0.0), ("with an edge", "without"), strict=True):
        swept = obi.sweep(market(edge), threshold=thresholds, hold_seconds=holds, settings=SETTINGS)
        means = swept.to_frame().mean_gross_bps.to_numpy().reshape(len(thresholds), len(holds))
        largest = np.nanmax(np.abs(means))
        axis.imshow(
            means.T, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto", origin="lower"
        )
        axis.set_xticks(range(8), [f"{one:.1f}" for one in thresholds])
        axis.set_yticks(range(6), [f"{one:g} s" for one in holds])
        axis.set_title(f"{title}: to ±{largest:.1f} bps", color=theme.ink, fontsize=10, loc="left")
        axis.set_xlabel("threshold")
    axes[0].set_ylabel("hold")


FIGURES: dict[str, tuple[Callable[[list[Axes], Theme], None], int, int, float]] = {
    "book": (book, 1, 1, 2.8),
    "coverage": (coverage, 1, 1, 2.6),
    "signal": (signal, 2, 1, 3.8),
    "verdict": (verdict, 2, 1, 4.4),
    "sealed": (sealed, 1, 1, 2.8),
    "heatmap": (heatmap, 1, 1, 3.2),
    "surface": (surface, 1, 2, 2.8),
}
"""By name: what draws it, rows and columns of axes, and its height in inches at a width of 7."""


def draw(name: str, theme: Theme, path: Path) -> None:
    """Write one figure."""
    function, rows, columns, height = FIGURES[name]
    styled = {
        "svg.hashsalt": name,
        "font.size": 9,
        "text.color": theme.ink,
        "axes.edgecolor": theme.faint,
        "axes.labelcolor": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.5,
    }
    with mpl.rc_context(styled):
        figure = Figure((7, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=name in {"signal", "verdict"})
        function(list(axes.flat), theme)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def event_study() -> None:
    """Write the picture that a notebook shows of an event study."""
    history = obi.simulate("sim:BTC-PERP", seconds=900, edge=4, seed=2)
    study = obi.event_study(
        history, ["imbalance", "trade_frequency"], window=2, before=10, after=10
    )
    drawing = event_figure.still_of(study).image
    for theme, media in (("light", "not all"), ("dark", "all")):
        path = MADE / f"event-study-{theme}.svg"
        path.write_text(drawing.replace("(prefers-color-scheme:dark)", f" {media}"), "utf-8")


def comparison() -> None:
    """Write the table that a saved notebook shows of a comparison of signals."""
    signals = ["imbalance", "queue_imbalance", "order_flow_imbalance", "trade_imbalance"]
    (table,) = side_by_side.still_of(obi.compare(market(), signals)).tables
    head = "".join(f"<th>{escape(text)}</th>" for text in table.head)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in table.rows
    )
    table_of = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    page = f'<table class="docutils table still">{table_of}</table>'
    (MADE / "comparison.html").write_text(page, "utf-8")


def make_all(app: Sphinx) -> None:
    """Write what is not there yet; delete the folder to have all made again."""
    MADE.mkdir(exist_ok=True)
    if not (MADE / "event-study-dark.svg").exists():
        event_study()
    if not (MADE / "comparison.html").exists():
        comparison()
    for name in FIGURES:
        for theme in THEMES:
            path = MADE / f"{name}-{theme.name}.svg"
            if not path.exists():
                draw(name, theme, path)


class Drawn(SphinxDirective):
    """A figure by its name, in the reader's theme."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return both pictures; the theme hides one."""
        (name,) = self.arguments
        return [
            nodes.image(
                uri=f"/_made/{name}-{theme.name}.svg",
                alt=" ".join(self.content),
                classes=[f"only-{theme.name}", "drawn"],
            )
            for theme in THEMES
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Have them made before pages are read."""
    app.connect("builder-inited", make_all)
    app.add_directive("drawn", Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
