"""Signals of sums by rank: by hand, against plain loops, appended to, and without looking ahead."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.history.levels import BLOCK
from obi_widgets.presentation.reading.ladder import Ladder
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import book_slope as book_slope_module
from obi_widgets.signals import rank_sums, registry

# Bid sizes at 99.5, 99, 98; ask sizes at 100.5, 101, 102; mid is 100. By hand: the imbalance of
# ranks 1 to 3 that weigh 1, ½, ¼; the difference of all sizes; their ratio; the difference of ranks
# 2 and 3 in quote currency; the pressure of all ranks, which are 50, 100, 200 bps from mid.
TAPE = [
    ((4, 2, 4), (2, 2, 4), (6 - 4) / 10, 2, 10 / 8, 590 - 610, 100 / 18),
    ((2, 2, 4), (4, 2, 4), (4 - 6) / 10, -2, 8 / 10, 590 - 610, -100 / 18),
    ((4, 4, 4), (4, 4, 4), 0.0, 0, 1, 788 - 812, 0.0),
    ((8, 0, 0), (2, 4, 0), (8 - 4) / 12, 2, 8 / 6, NAN, -100 / 14),
    ((NAN, NAN, NAN), (NAN, NAN, NAN), NAN, NAN, NAN, NAN, NAN),
    ((4, 2, 4), (NAN, NAN, NAN), NAN, NAN, NAN, NAN, NAN),
    ((1, 0, 0), (3, 0, 0), -0.5, -2, 1 / 3, NAN, -100 / 4),
    ((1, 2, 0), (1, 2, 8), (2 - 4) / 6, -8, 3 / 11, 198 - 1018, -1600 / 14),
    ((1, 2, 8), (1, 2, 0), (4 - 2) / 6, 8, 11 / 3, 982 - 202, 1600 / 14),
    ((2, 8, 8), (1, 2, 4), (8 - 3) / 11, 11, 18 / 7, 1576 - 610, (2500 - 1050) / 25),
]
SIGNALS = [
    (obi.rank_imbalance, {"rank_decay": math.log(2)}),
    (obi.depth_difference, {}),
    (obi.depth_ratio, {}),
    (obi.notional_difference, {"first": 2}),
    (obi.book_pressure, {}),
]
EACH = pytest.mark.parametrize(
    ("signal", "given"), SIGNALS, ids=lambda one: getattr(one, "name", "")
)


def tape(states=TAPE):
    bids, asks = (np.array([state[side] for state in states], float) for side in (0, 1))
    bids[bids == 0], asks[asks == 0] = NAN, NAN
    prices = [np.where(np.isnan(size), NAN, price) for size, price in (
        (bids, [99.5, 99, 98]), (asks, [100.5, 101, 102]))]  # fmt: skip
    time = np.arange(1, len(states) + 1) * SECOND
    return early(time, prices[0], bids, prices[1], asks, tick_size=0.5)


@BOTH
@pytest.mark.parametrize("number", range(len(SIGNALS)))
def test_states_by_hand(number, code, monkeypatch):
    use(monkeypatch, code)
    signal, given = SIGNALS[number]
    wanted = np.array([state[2 + number] for state in TAPE], float)
    if signal is obi.depth_ratio:
        wanted = np.log(wanted)
    found = signal(tape(), depth=3, **given)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@EACH
def test_swapped_sides_change_the_sign(signal, given):
    one, other = (
        signal(tape(states), depth=3, **given)
        for states in (TAPE, [(asks, bids, *rest) for bids, asks, *rest in TAPE])
    )
    if signal is obi.notional_difference:  # the same sizes are worth more as asks
        assert one[[8, 9]].tolist() == [780, 966]
        assert (other[[8, 9]] < 0).all()
    else:
        np.testing.assert_allclose(one, -other, rtol=1e-12)
    assert (one > 0).any()


@EACH
def test_on_a_capture_both_kernels_agree_and_appended_equals_whole(
    broken, signal, given, monkeypatch
):
    part = broken[7:-5]
    use(monkeypatch, "numpy")
    twin = signal(part, **given)
    use(monkeypatch, "numba")
    whole = signal(part, **given)
    np.testing.assert_array_equal(whole, twin)
    np.testing.assert_array_equal(np.isnan(whole), np.isnan(part.mid))
    for cut in (1, 1000, len(part) - 3):
        np.testing.assert_array_equal(signal(part[:cut], **given), whole[:cut])
        np.testing.assert_array_equal(signal.compute(part, values(signal, given), cut), whole[cut:])
    assert looks_ahead(part, lambda one: signal(one, **given), whole) == ""


def values(signal, given):
    return {**{name: one.default for name, one in signal.parameters.items()}, **given}


def test_threads_do_not_change_it(history, monkeypatch):
    whole = obi.book_pressure(history)
    monkeypatch.setattr("obi_widgets.signals.rank_sums.PARALLEL", 1)
    np.testing.assert_array_equal(obi.book_pressure(history), whole)


def test_against_a_plain_loop(history):
    part = history[100:160]
    found = obi.rank_imbalance(part, first=3, depth=7, rank_decay=0.4)
    notional = obi.notional_difference(part, first=3, depth=7)
    for row in range(len(part)):
        sizes = [part.sizes(side)[row].astype(float) for side in (+1, -1)]
        prices = [part.prices(side)[row] for side in (+1, -1)]
        bid, ask = (
            sum(math.exp(-0.4 * (rank - 3)) * size[rank - 1] for rank in range(3, 8))
            for size in sizes
        )
        assert found[row] == pytest.approx((bid - ask) / (bid + ask), abs=1e-12)
        bid, ask = (
            sum(price[rank - 1] * size[rank - 1] for rank in range(3, 8))
            for price, size in zip(prices, sizes, strict=True)
        )
        assert notional[row] == pytest.approx(bid - ask, rel=1e-9, abs=1e-6 * bid)


def test_no_decay_from_the_best_on_is_the_imbalance(history):
    ours = obi.rank_imbalance(history, depth=8, rank_decay=0)
    theirs = obi.imbalance(history, obi.Settings(decay=0, depth=8))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    ratio = obi.depth_ratio(history, depth=8)
    np.testing.assert_allclose(ratio, 2 * np.arctanh(ours), rtol=1e-9, atol=1e-12)


def test_what_is_not_kept_and_what_is_not_asked_for_has_no_value():
    history = tape()
    assert np.isnan(obi.depth_ratio(history, depth=50)[0])  # three are kept, and there may be more
    assert np.isnan(obi.depth_ratio(history, first=3, depth=2)).all()


@EACH
def test_it_says_what_it_is(signal, given):
    assert registry.find(signal.name) is signal
    assert signal.needs == {"levels"}
    assert signal.levels_used(values(signal, {"depth": 7})).depth == 7
    assert "first" in signal.parameters
    assert set(given) <= set(signal.parameters)


def test_the_ladder_shows_the_weights_of_ranks(monkeypatch):
    chosen = Parameters(signal=obi.rank_imbalance, first=2, depth=3, rank_decay=math.log(2))
    weights = {}
    for code in ("numba", "numpy"):
        use(monkeypatch, code)
        weights[code] = Ladder.of(tape()[:1], chosen).weight
    np.testing.assert_allclose(weights["numba"], [[0, 1, 0.5]] * 2)
    np.testing.assert_allclose(weights["numpy"], weights["numba"])
    of_insight = chosen.signal.insight.weights(tape()[:1], dict(chosen.values))
    np.testing.assert_allclose(of_insight[:, :, 0], weights["numba"])


@pytest.mark.parametrize(
    ("module", "signal"), [(rank_sums, obi.rank_imbalance), (book_slope_module, obi.book_slope)]
)
@pytest.mark.parametrize("states", [50, BLOCK, BLOCK + 1])
def test_a_result_has_the_layout_that_code_was_compiled_for(module, signal, states, monkeypatch):
    """Another one would be compiled by the thread that makes frames, while it waits."""
    layouts, block = set(), module.KERNELS.numpy.block

    def noting(*arguments):
        out = arguments[-1]
        layouts.add((out.flags.c_contiguous, out.flags.f_contiguous))
        block(*arguments)

    monkeypatch.setattr(module.KERNELS, "code", SimpleNamespace(block=noting))
    history = obi.simulate(seconds=states / 10, levels=5, seed=1)
    values = obi.compute(history, obi.Settings(signal=signal))
    assert len(values) == len(history) == states
    assert layouts == {(False, False)}
