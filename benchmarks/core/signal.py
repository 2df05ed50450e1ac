"""Recomputing the imbalance of a day when a slider moves."""

from __future__ import annotations

import numpy as np
import polars as pl

import obi_widgets as obi
from obi_widgets.kernels import loader
from obi_widgets.settings.parameters import Parameters

from . import references
from .data import DAY, LEVELS, Arrays, synthetic
from .machine import THREADS, Reader, one_core
from .table import Row, Section, release, took
from .timing import Spread, interleave

DECAY, DEPTH = 0.3, LEVELS
TENTH = 10
EXACT = 1e-6


def read_bytes(history: obi.History, depth: int) -> int:
    """Return what a recompute has to read: ticks and sizes of the levels, and the best prices."""
    levels = sum(
        2 * min(depth, history.levels) * (rows.stop - rows.start) * (block.ticks.itemsize + 4)
        for rows, block, _ in history.runs()
    )
    return levels + 16 * len(history)


def largest_error(values: object, exact: np.ndarray) -> float:
    """Return the greatest difference; both must be NaN in the same places."""
    values = np.asarray(values, float)
    if not np.array_equal(np.isnan(values), np.isnan(exact)):
        raise AssertionError("The designs do not agree on where there is no book.")
    return float(np.nanmax(np.abs(values - exact)))


def run(
    *, quick: bool, arrays: Arrays | None = None, history: obi.History | None = None
) -> Section:
    """Check that all give the same, then time them."""
    states = DAY // TENTH if quick else DAY
    arrays = arrays or synthetic(states)
    history = history or arrays.history()
    loader.wait()
    settings = Parameters(decay=DECAY, depth=DEPTH)
    share = arrays.head(len(arrays.time) // TENTH)
    books = references.as_books(share)
    frame = references.wide(arrays)
    lazy = pl.from_pandas(frame)
    reader = Reader(read_bytes(history, DEPTH), THREADS)

    exact = references.numpy_f64(arrays, DECAY, DEPTH)
    ours = obi.imbalance(history, settings)
    error = largest_error(ours, exact)
    for other, against in (
        (references.plain(books, DECAY, DEPTH), exact[: len(books)]),
        (references.pandas_wide(frame, DECAY, DEPTH), exact),
        (references.polars_lazy(lazy, DECAY, DEPTH), exact),
        (ours, exact),
    ):
        if largest_error(other, against) > EXACT:
            raise AssertionError("The designs do not give the same imbalance.")

    def on_one_core() -> None:
        obi.imbalance(history, settings)

    designs = {
        "plain": lambda: references.plain(books, DECAY, DEPTH),
        "numpy": lambda: references.numpy_f64(arrays, DECAY, DEPTH),
        "pandas": lambda: references.pandas_wide(frame, DECAY, DEPTH),
        "polars": lambda: references.polars_lazy(lazy, DECAY, DEPTH),
        "ours": lambda: obi.imbalance(history, settings),
        "read": reader,
    }
    seldom = ("plain", "pandas") if not quick else ()
    with one_core():
        single = interleave(
            {
                **{name: designs[name] for name in ("plain", "numpy")},
                "ours": on_one_core,
                "read": reader,
            },
            rounds=7 if quick else 15,
            seldom=seldom[:1],
        )
    both = interleave(
        {name: designs[name] for name in ("pandas", "polars", "ours", "read")},
        rounds=7 if quick else 15,
        seldom=seldom[1:],
    )
    one, two = took(single.of("ours"), "ms"), took(both.of("ours"), "ms")
    section = Section(
        "Recomputing the signal",
        f"{len(history):,} states of {DEPTH} levels a side, decay {DECAY} per bp, every level "
        "weighted anew. All designs give the same imbalance; ours differs by at most "
        f"{error:.1e} from float64.",
    )
    section.rows += [
        Row(
            "a day, one core", one, f"{took(single.of('plain').times(TENTH), 'ms')} plain Python",
            single.ratio("plain", "ours").times(TENTH),
            "the loop is timed over a tenth of the states and multiplied: it is linear", least=300,
        ),
        Row(
            "a day, one core", one,
            f"{took(single.of('numpy'), 'ms')} {release('numpy')}, float64 (T, L)",
            single.ratio("numpy", "ours"),
            "ours has packed the books into ticks and float32 before; NumPy's arrays are as given",
            least=20,
        ),
        Row(
            "a day, two cores", two, f"{took(both.of('pandas'), 'ms')} {release('pandas')}, wide",
            both.ratio("pandas", "ours"), "pandas uses one core",
        ),
        Row(
            "a day, two cores", two, f"{took(both.of('polars'), 'ms')} {release('polars')}, lazy",
            both.ratio("polars", "ours"), "both use both cores; polars in float64",
        ),
        Row(
            "share of the read bandwidth, two cores",
            f"{reader.size / 1e9 / both.of('ours').median:.1f} GB/s",
            f"{reader.size / 1e9 / both.of('read').median:.1f} GB/s adding up integers",
            both.ratio("read", "ours").times(100),
            f"both read {reader.size / 1e6:.0f} MB; ours also writes {8 * len(history) / 1e6:.0f}",
            unit="%", least=60,
        ),
        Row(
            "share of the read bandwidth, one core",
            f"{reader.size / 1e9 / single.of('ours').median:.1f} GB/s",
            f"{reader.size / 1e9 / single.of('read').median:.1f} GB/s",
            single.ratio("read", "ours").times(100), "as above", unit="%",
        ),
        Row(
            "greatest error against float64", f"{error:.1e}", "NumPy float64",
            Spread(error * 1e6, error * 1e6, error * 1e6), "", unit="· 1e-6", most=1,
        ),
    ]  # fmt: skip
    return section
