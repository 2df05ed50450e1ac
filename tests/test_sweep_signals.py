"""A sweep of any signal: each cell is what `obi.entries` makes with its settings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from kernel_tools import use

import obi_widgets as obi
from obi_widgets.calibration.grid import thresholds_for
from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Choice, Levels, Number
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.signal import signal
from obi_widgets.signals.transforms import zscore
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import scan


@signal(range=(-1, 1), needs="touch")
def sweep_touch(history, *, power: Number(0.1, 4, "powers") = 1.0):
    """Return bids less asks at the best prices."""
    _, (bid, ask) = history.rank(0)
    with np.errstate(invalid="ignore"):
        value = (bid - ask) / (bid + ask)
    return np.sign(value) * np.abs(value) ** power


@signal(unit="lots", needs="levels")
def sweep_depth(history, *, depth: Levels(1, 50) = 5, side: Choice("both", "bids") = "both"):
    """Return the size of bids less that of asks."""
    bids, asks = (np.nansum(history.sizes(one)[:, :depth], axis=1) for one in (+1, -1))
    return bids - asks if side == "both" else bids


def check(surface, history):
    """Compare each cell with the entries that its settings make by themselves."""
    seen = 0
    for at in product(*map(range, surface.parts.shape[:-2])):
        chosen = surface.settings(at)
        trades = obi.entries(history, chosen)
        done = trades[trades.ended == "held"]
        assert surface.entries[at] == len(done)
        assert surface.sums[at][4] == (trades.ended == "gap").sum()
        if len(done):
            assert surface.won[at] == np.mean(done.gross_bps > 0)
            assert surface.mean_gross_bps[at] == pytest.approx(done.gross_bps.mean(), rel=1e-9)
        seen += len(done)
    return seen


CASES = [
    (obi.Settings(sweep_touch), {"power": [0.5, 1.0, 2.0]}, [0.2, 0.5]),
    (obi.Settings(sweep_depth), {"depth": [1, 5], "side": ["both", "bids"]}, [1.0, 30.0]),
    (obi.Settings(zscore(obi.imbalance), window=5), {"window": [2, 5], "depth": [3, None]}, [1, 2]),
    (obi.Settings(zscore(sweep_touch, 3.0)), {"price": ["mid", "touch"]}, [1.0, 2.0]),
    (obi.Settings(threshold_is="quantile", quantile_window=10), {"depth": [3, 10]}, [0.6, 0.9]),
    (obi.Settings(), {"band_bps": [None, 2.0], "weighting": ["size", "notional"]}, [0.3, 0.6]),
]


@pytest.mark.parametrize(("settings", "axes", "thresholds"), CASES, ids=lambda one: str(one)[:40])
@pytest.mark.parametrize("code", ["numba", "numpy"])
def test_each_cell_is_what_its_settings_make(broken, settings, axes, thresholds, code, monkeypatch):
    use(monkeypatch, code)
    history = broken[:2500]
    surface = obi.sweep(
        history, settings=settings, threshold=thresholds, hold_seconds=[0.5, 4.0], **axes
    )
    assert check(surface, history) > 50
    assert list(surface.axes)[-2:] == ["threshold", "hold_seconds"]
    for name, values in axes.items():
        assert list(surface.axes[name]) == values
    again = obi.sweep(
        [history[:1000], history[1000:]], settings=settings, threshold=thresholds,
        hold_seconds=[0.5, 4.0], executor=ThreadPoolExecutor(2), **axes,
    )  # fmt: skip
    parts = [
        obi.sweep(one, settings=settings, threshold=thresholds, hold_seconds=[0.5, 4.0], **axes)
        for one in (history[:1000], history[1000:])
    ]
    np.testing.assert_array_equal(again.parts, parts[0].parts + parts[1].parts)


def test_a_surface_names_its_axes_by_their_declarations(history):
    surface = obi.sweep(
        history[:300], settings=obi.Settings(zscore(sweep_depth), window=1),
        side=["bids", "both"], window=[1, 2], threshold=[1.0, 2.0],
    )  # fmt: skip
    assert repr(surface) == "<Surface 2 side × 2 window × 2 threshold × 1 hold_seconds>"
    assert surface.titles == {
        "side": "Side",
        "window": "Window, seconds",
        "threshold": "Threshold, sd",
        "hold_seconds": "Hold, seconds",
    }
    assert surface.side == ("bids", "both")
    np.testing.assert_array_equal(surface.window, [1.0, 2.0])
    table = surface.to_frame()
    assert table.index.names == ["side", "window", "threshold", "hold_seconds"]
    assert table.attrs["axes"] == surface.titles
    assert table.attrs["settings"]["signal"] == "zscore(sweep_depth)"
    with pytest.raises(AttributeError, match=r"A surface over side, window, .* has no decay"):
        _ = surface.decay
    off = obi.sweep(history[:300], depth=[None, 2], band_bps=[None, 1.0]).to_frame()
    assert set(off.index.get_level_values("depth")) == {0, 2}
    assert off.reset_index().band_bps.isna().sum() == 2


def test_beside_a_setting_lies_no_other_word(history):
    surface = obi.sweep(
        history, settings=obi.Settings(sweep_depth), side=["both", "bids"], depth=[1, 5],
        threshold=[1.0, 30.0],
    )  # fmt: skip
    count, total = surface.sums[:, 0, ..., 0], surface.sums[:, 0, ..., 2]
    assert list(surface.axes)[:2] == ["depth", "side"]
    wanted = total.sum() / count.sum() - 2 * surface.parameters.fee_bps
    assert surface.neighbours_net_bps[0, 0, 0, 0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "axes", "said"),
    [
        (
            obi.Settings(sweep_touch),
            {"decay": [0.1]},
            "'decay' is not an axis of a sweep of sweep_touch. Its parameters are power; those of "
            "trading are threshold, hold_seconds, entry_rule, most_per_hour, exit_fade, exit_flip, "
            "exit_deceleration, stop_bps, target_bps, size_by, price, execution, wait_seconds, "
            "latency_ms, slippage_bps, size.",
        ),
        (
            obi.Settings(),
            {"window": [5]},
            "'window' is not an axis of a sweep of imbalance. Its parameters are decay, depth, "
            "band_bps, weighting; those of trading are threshold, hold_seconds, entry_rule, "
            "most_per_hour, exit_fade, exit_flip, exit_deceleration, stop_bps, target_bps, "
            "size_by, price, execution, wait_seconds, latency_ms, slippage_bps, size.",
        ),
        (
            obi.Settings(),
            {"fee_bps": [5]},
            "'fee_bps' is not an axis of a sweep of imbalance. A fee moves all means alike: give "
            "it in settings. Its parameters are decay, depth, band_bps, weighting; those of "
            "trading are threshold, hold_seconds, entry_rule, most_per_hour, exit_fade, exit_flip, "
            "exit_deceleration, stop_bps, target_bps, size_by, price, execution, wait_seconds, "
            "latency_ms, slippage_bps, size.",
        ),
        (
            obi.Settings(sweep_touch),
            {"power": [9]},
            "power = 9 is not possible. Give a number from 0.1 to 4 powers.",
        ),
        (
            obi.Settings(sweep_touch),
            {"threshold": [1.5]},
            "threshold = 1.5 is not possible. Give a number from 0 to 1.",
        ),
        (obi.Settings(sweep_touch), {"power": []}, "power has no values"),
    ],
)
def test_what_is_no_axis_or_not_possible_is_said(history, settings, axes, said):
    for call in (obi.sweep, obi.sweep_seconds, obi.walk_forward):
        with pytest.raises(SettingsError) as error:
            call(history[:10], settings=settings, **axes)
        assert str(error.value).startswith(said)


def test_thresholds_fit_the_signal():
    assert thresholds_for(Parameters()) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert thresholds_for(Parameters("zscore(imbalance)")) == [
        0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5,
    ]  # fmt: skip
    assert thresholds_for(Parameters(threshold_is="quantile"))[-1] == 0.99


def test_a_fold_is_judged_with_what_came_before_it(history):
    """A signal that looks back has a value from the first state of a part on."""
    settings = obi.Settings(zscore(obi.imbalance), window=5)
    table = obi.walk_forward(history, settings=settings, folds=3, threshold=[1.0], hold_seconds=[1])
    for _, row in table.iterrows():
        signal = settings.signal(history, settings)
        time = history.time.view("datetime64[ns]")
        part = (time >= row.start.to_datetime64()) & (time <= row.end.to_datetime64())
        rows = np.flatnonzero(part)
        p = settings.parameters.replace(threshold=1.0, hold_seconds=1)
        some = history[: rows[-1] + 1]
        found = decisions(some, signal[: len(some)], p)
        made = scan(some, found, p, int(rows[0]), None)
        assert row.entries == np.count_nonzero(made.exit_time > 0) > 5


def test_a_proposal_is_of_the_signal_in_the_settings(history):
    proposal = obi.propose(history, settings=obi.Settings(sweep_touch, fee_bps=-20))
    assert proposal.tried == 63
    assert proposal.candidate.signal is sweep_touch
