"""Lines of a few hundred pixels, and how time grows with history and with depth."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

import obi_widgets as obi
from obi_widgets.kernels import loader
from obi_widgets.presentation.charts.downsampling import extent, steps
from obi_widgets.presentation.charts.window import PIXELS, Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters

from . import references
from .data import LEVELS, RATE, Arrays, longer
from .entries_bench import SETTINGS, slider
from .signal import DECAY
from .table import Row, Section, release, took
from .timing import Spread, Timed, figure, interleave

HOUR = 3600 * RATE
DAYS = {"72 h": "3 d", "168 h": "7 d"}
INK, ACCENT, FAINT = "#3b4252", "#0b6fb8", "#b3541e"


def run(*, quick: bool, history: obi.History) -> Section:
    """Decimate a line of every state."""
    section = Section("Charts")
    if find_spec("tsdownsample") is None:
        section.notes.append("tsdownsample did not install here, and is left out.")
        return section
    from tsdownsample import MinMaxDownsampler

    values = np.ascontiguousarray(history.mid)
    values = np.where(np.isnan(values), np.nanmean(values), values)
    seconds = float(history.time[-1] - history.time[0]) / 1e9
    window = Window.ending(int(history.time[-1]), seconds)
    theirs = MinMaxDownsampler()

    def peer() -> np.ndarray:
        return theirs.downsample(history.time, values, n_out=2 * PIXELS)

    _, low, high = extent(history.time, values, window)
    picked = values[peer()]
    if (low.min(), high.max()) != (picked.min(), picked.max()):
        raise AssertionError("The decimated lines do not have the same extremes.")
    timed = interleave(
        {
            "extent": lambda: extent(history.time, values, window),
            "steps": lambda: steps(history.time, values, window),
            "peer": peer,
        },
        rounds=7 if quick else 15,
    )
    for name, terms in (
        ("extent", "ours aligns columns to the clock, so that a moving window redraws nothing"),
        ("steps", "as above; ours also keeps how each column ends and breaks at gaps"),
    ):
        section.rows.append(
            Row(
                f"{len(values):,} states to {PIXELS} columns, `{name}`",
                took(timed.of(name), "ms"),
                f"{took(timed.of('peer'), 'ms')} {release('tsdownsample')} MinMax",
                timed.ratio("peer", name), terms,
            )
        )  # fmt: skip
    return section


def lengths(*, quick: bool, day: obi.History) -> tuple[Section, Timed, dict[str, int]]:
    """Time a recompute and a slider's move for one hour to seven days."""
    loader.wait()
    section = Section(
        "Time against history and depth",
        "![Time against history length and against depth](scaling.svg)",
    )
    week = longer(day, 7)
    hours = [1, 4, 12, 24, 72, 168]
    unit = len(day) / 24 if quick else HOUR
    states = {f"{hour} h": min(len(week), round(hour * unit)) for hour in hours}
    designs = {}
    for name, count in states.items():
        part = week[:count]
        designs[f"recompute {name}"] = lambda part=part: obi.imbalance(part, SETTINGS)
        analysis = Analysis(SETTINGS)
        analysis.update(part, SETTINGS)
        designs[f"move {name}"] = slider(analysis, part, count / RATE)
    timed = interleave(designs, rounds=5 if quick else 9)
    fresh = "; the result of 7 days is too large to be given memory that was used before"
    for kind in ("recompute", "move"):
        ratio = timed.ratio(f"{kind} 168 h", f"{kind} 24 h")
        growth = states["168 h"] / states["24 h"]
        section.rows.append(
            Row(
                f"{'a recompute' if kind == 'recompute' else 'a move'}, 7 d against 24 h",
                took(timed.of(f"{kind} 168 h"), "ms"), f"{took(timed.of(f'{kind} 24 h'), 'ms')}",
                ratio.times(1 / growth),
                f"{growth:.2f} times the states{fresh if kind == 'recompute' else ''}",
                unit="× linear", most=1.1,
            )
        )  # fmt: skip
    return section, timed, states


def depths(*, quick: bool, arrays: Arrays, history: obi.History) -> tuple[Timed, list[int]]:
    """Time a recompute of few levels to all."""
    levels = [1, 2, 5, 10, 15, LEVELS]
    designs = {}
    for depth in levels:
        chosen = Parameters(decay=DECAY, depth=depth)
        designs[f"ours {depth}"] = lambda chosen=chosen: obi.imbalance(history, chosen)
        designs[f"numpy {depth}"] = lambda depth=depth: references.numpy_f64(arrays, DECAY, depth)
    return interleave(designs, rounds=5 if quick else 7), levels


def draw(path: Path, length: tuple[Timed, dict[str, int]], depth: tuple[Timed, list[int]]) -> None:
    """Draw both as one picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "obi", "svg.fonttype": "none", "font.size": 9})
    figure_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    timed, states = length
    counts = list(states.values())
    _band(left, counts, [timed.of(f"move {n}") for n in states], FAINT, "a slider's move", "bottom")
    _band(
        left, counts, [timed.of(f"recompute {n}") for n in states], ACCENT, "recompute alone", "top"
    )
    left.set(xscale="log", yscale="log", title="Time against history, 20 levels", ylabel="ms")
    left.set_xticks(counts, [DAYS.get(name, name) for name in states])
    left.minorticks_off()
    timed, levels = depth
    _band(right, levels, [timed.of(f"numpy {n}") for n in levels], INK, "NumPy float64")
    _band(right, levels, [timed.of(f"ours {n}") for n in levels], ACCENT, "ours")
    right.set(yscale="log", title="Time against depth, 24 h", xlabel="levels a side")
    right.set_xticks(levels)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(lambda value, _: figure(value))
        axes.grid(axis="y", alpha=0.2)
        axes.margins(x=0.16)
    figure_.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure_)


def _band(
    axes: object, x: list[int], spreads: list[Spread], colour: str, label: str, va: str = "center"
) -> None:
    middle = [one.median * 1e3 for one in spreads]
    axes.fill_between(
        x, [one.low * 1e3 for one in spreads], [one.high * 1e3 for one in spreads],
        color=colour, alpha=0.2, linewidth=0,
    )  # fmt: skip
    axes.plot(x, middle, "o-", color=colour, markersize=4)
    axes.annotate(
        f"{label}\n{figure(middle[-1])} ms", (x[-1], middle[-1]), (6, 0),
        textcoords="offset points", color=colour, va=va, annotation_clip=False,
    )  # fmt: skip
