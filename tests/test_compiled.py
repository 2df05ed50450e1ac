"""Compiled code gives what its twin in NumPy and Python gives: to the bit."""

from __future__ import annotations

import os

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from kernel_tools import use

import obi_widgets as obi
from obi_widgets.kernels.threads import cores
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import imbalance_numpy
from obi_widgets.trading import entries_numba, entries_numpy
from obi_widgets.trading.exits import NONE, Exits
from obi_widgets.trading.hourly_cap import HOUR, NO_CAP
from obi_widgets.trading.sizing import HIGHEST, NO_GRADES

SETTINGS = [
    Parameters(decay=decay, depth=depth, band_bps=band, weighting=weighting)
    for decay in (0.0, 0.1, 2.0, 100.0)
    for depth in (1, 10, None)
    for band, weighting in ((None, "size"), (0.8, "size"), (None, "notional"), (1.0, "notional"))
]


def with_code(monkeypatch, code, function, *arguments):
    use(monkeypatch, code)
    return function(*arguments)


@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
def test_the_signal_is_the_same_on_a_capture(history, parameters, monkeypatch):
    # Cut so that neither end is on a tile's edge.
    part = history[7:-5]
    ours = with_code(monkeypatch, "numba", obi.imbalance, part, parameters)
    twin = with_code(monkeypatch, "numpy", obi.imbalance, part, parameters)
    np.testing.assert_array_equal(ours, twin)
    assert np.isfinite(ours).any()


@given(
    st.lists(st.floats(-126, 0, width=32), min_size=1, max_size=50),
)
def test_the_power_of_two_is_right_to_single_precision(exponents):
    x = np.array(exponents, np.float32)
    np.testing.assert_allclose(imbalance_numpy.exp2(x), np.exp2(x.astype(float)), rtol=3e-7)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_the_signal(history, threads, monkeypatch):
    import sys

    module = sys.modules["obi_widgets.signals.imbalance"]
    whole = obi.imbalance(history, Parameters())
    monkeypatch.setattr(module, "PARALLEL", 1)
    monkeypatch.setattr("obi_widgets.kernels.threads.cores", lambda: threads)
    np.testing.assert_array_equal(obi.imbalance(history, Parameters()), whole)


def test_a_process_kept_on_one_core_computes_in_one_thread():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("only Linux can keep a thread on a core")
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, ours)
    assert cores() == min(4, len(ours))


# -- entries -------------------------------------------------------------------------------

states = st.tuples(
    st.integers(0, 3),  # nanoseconds since the state before
    st.sampled_from(["both", "both", "both", "no bid", "no ask", "gap"]),
    st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0, np.nan]),
)


def market_of(tape):
    """Time, bid, ask and signal of a tape."""
    steps, kinds, signals = zip(*tape, strict=True)
    time = np.cumsum(np.array(steps, np.int64))
    bid = np.array([np.nan if kind in ("no bid", "gap") else 99.0 for kind in kinds])
    ask = np.array([np.nan if kind in ("no ask", "gap") else 100.0 for kind in kinds])
    signal = np.where(np.isnan(bid) | np.isnan(ask), np.nan, signals)
    return time, bid, ask, signal


@pytest.mark.slow
@given(
    st.lists(states, min_size=1, max_size=60),
    st.sampled_from([0.0, 0.4, 0.9]),
    st.integers(1, 12),
    st.integers(0, 59),
    st.sampled_from([0, 1, -1]),
    st.booleans(),
    st.sampled_from([0, 0, 1, 3]),
    st.sampled_from([np.inf, 0.0, 0.01]),
    st.integers(0, 3),
    st.sampled_from([None, None, (np.inf, np.inf), (0.005, 0.02), (0.012, np.inf)]),
    st.integers(0, 2**32 - 1),
)
def test_entries_are_the_same(
    tape, threshold, hold, first, open_side, at_mid, latency, cap, begins, bounds, seed
):
    time, bid, ask, signal = market_of(tape)
    first = min(first, len(time))
    random, found, exits, grades = np.random.default_rng(seed), [], NONE, NO_GRADES
    prices_of = 1 + HIGHEST * (seed % 2)  # all alike, or by grade
    if seed % 3:
        grades = random.integers(0, HIGHEST + 1, len(time)).astype(np.int8)
    if bounds is not None:
        codes = random.choice([0, 0, 0, 0, 1, 2, 3], (2, len(time)))
        stops = bounds[0] * np.linspace(0.2, 1, 1 + HIGHEST * (seed % 5 > 1))
        exits = Exits(*codes.astype(np.int8), stops, bounds[1])
    for module in (entries_numba, entries_numpy):
        most = len(time) + 1
        side = np.full(most, open_side, np.int8)
        lost, missed, reasons = np.zeros(most, bool), np.zeros(most, bool), np.zeros(most, np.int8)
        graded = np.zeros(most, np.int8)
        begun = begins if open_side else 0
        phase = np.array([begun, time[0] + 2, open_side, 7, 5, seed % 11], np.int64)
        limit = np.array([99.5])
        last = np.where(np.arange(len(time)) % 3 == 1, np.nan, ask + np.arange(len(time)) % 5)
        times, prices = np.zeros((3, most), np.int64), np.full((2, most), np.nan)
        times[0], prices[0] = time[0] - 1, 99.5
        worse = np.linspace(0, 0.3, prices_of)[:, None]
        # The first of them are an hour old within the tape.
        recent = np.sort(np.random.default_rng(seed).integers(0, 60, seed % 4)) - HOUR
        count = module.scan_executed(
            time, bid, ask, ask + worse, bid - worse, last + worse, bid - worse, signal, grades,
            first, threshold, hold, latency, cap, at_mid, exits, recent, phase, limit, side, times,
            prices, lost, missed, reasons, graded,
        )  # fmt: skip
        found.append(
            (
                side[:count], lost[:count], missed[:count], times[:, :count], prices[:, :count],
                phase, limit, reasons[:count], graded[:count], recent,
            )
        )  # fmt: skip
    for ours, twin in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, twin)


@pytest.mark.slow
@given(
    st.lists(states, min_size=1, max_size=60),
    st.sampled_from([0.0, 0.4, 0.8]),
    st.integers(1, 12),
    st.integers(0, 59),
    st.sampled_from([0, 1, -1]),
    st.booleans(),
)
def test_what_is_filled_at_once_is_executed_without_latency_limit_and_size(
    tape, threshold, hold, first, open_side, at_mid
):
    time, bid, ask, signal = market_of(tape)
    first, most = min(first, len(time)), len(time) + 1
    found = []
    for scan in (
        entries_numba.scan, entries_numpy.scan, entries_numba.scan_executed,
        entries_numpy.scan_executed,
    ):  # fmt: skip
        side, lost = np.full(most, open_side, np.int8), np.zeros(most, bool)
        times, prices = np.zeros((3, most), np.int64), np.full((2, most), np.nan)
        times[0], prices[0] = time[0] - 1, 99.5
        if scan.__name__ == "scan":
            count = scan(
                time, bid, ask, signal, first, threshold, hold, at_mid, side, times, prices, lost
            )
        else:
            phase = np.array([2 * abs(open_side), time[0] - 1 + hold, open_side, 0, 0, 0], np.int64)
            buy, sell = ask[None], bid[None]
            count = scan(
                time, bid, ask, buy, sell, buy, sell, signal, NO_GRADES, first, threshold, hold, 0,
                np.inf, at_mid, NONE, NO_CAP, phase, np.zeros(1), side, times, prices, lost,
                np.zeros(most, bool), *np.zeros((2, most), np.int8),
            )  # fmt: skip
        found.append((side[:count], times[:2, :count], prices[:, :count], lost[:count]))
    for ways in zip(*found, strict=True):
        for way in ways[1:]:
            np.testing.assert_array_equal(way, ways[0])


@given(st.lists(st.sampled_from([np.nan, -1.0, -0.2, 0.0, 0.4, 0.7])), st.sampled_from([0.0, 0.4]))
def test_the_tally_is_the_same(signal, threshold):
    values = np.array(signal, float)
    assert tuple(entries_numba.tally(values, threshold)) == entries_numpy.tally(values, threshold)
