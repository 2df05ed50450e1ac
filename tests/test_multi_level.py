"""Order flow of ranks against depth, and integrated: by hand, fitted on the past, appended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from kernel_tools import BOTH, use
from test_order_flow_imbalance import by_hand

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead

of_rank = obi.multi_level_order_flow_imbalance
integrated = obi.integrated_order_flow_imbalance
SHORT = {"window": 1.0, "fit": 20.0, "refit": 5.0, "depth": 5}


@BOTH
def test_ranks_by_hand(code, monkeypatch):
    use(monkeypatch, code)
    # Windows of 2 s. The mean size of a level is a quarter of what both ranks of both sides have:
    # 19 and 14 at 2 and 3 s, then 14 and 16, 17 alone, and 14 and 9 after the gap.
    depth = np.array([NAN, NAN, 33 / 8, 30 / 8, 17 / 4, NAN, NAN, NAN, 23 / 8])
    first = np.array([NAN, NAN, -3, -4, 3, NAN, NAN, NAN, -1])
    second = np.array([NAN, NAN, 1, 1, -2, NAN, NAN, NAN, -3])
    history = by_hand()
    found = of_rank(history, window=2, rank=1, depth=2)
    np.testing.assert_allclose(found, first / depth, rtol=1e-15)
    found = of_rank(history, window=2, rank=2, depth=2)
    np.testing.assert_allclose(found, second / depth, rtol=1e-15)


def tape(flow=(2, -1, 3, -4, 3, -1, 3, -4, 1), begin=10.0):
    """Return ten events: what comes to the best bid comes twice to the next one."""
    best = begin + np.append(0, np.cumsum(flow))
    time, ones = SECOND * np.arange(len(best)), np.ones(len(best))
    bids = np.stack([100 * ones, 99 * ones], axis=1)
    asks = np.stack([101 * ones, NAN * ones], axis=1)
    return early(
        time, bids, np.stack([best, 2 * best], axis=1), asks, np.stack([ones, ones], axis=1),
        tick_size=1.0, every_event=True,
    )  # fmt: skip


@BOTH
def test_ranks_that_move_together_by_hand(code, monkeypatch):
    use(monkeypatch, code)
    # The ranks move as 1 : 2, so the weights are 1/3 and 2/3: (f + 2 · 2 f) / 3, over the depth of
    # the one state in the window, (3 · best + 1) / 4.
    found = integrated(tape(), window=1, depth=2, fit=4, refit=1)
    best, flow = np.array([12, 15, 11, 12]), np.array([-1, 3, -4, 1])
    assert np.isnan(found[:6]).all()
    np.testing.assert_allclose(found[6:], 5 * flow / 3 / ((3 * best + 1) / 4), rtol=1e-12)


def test_the_sign_is_that_of_buying_whatever_the_eigenvector_has():
    for seed in range(5):
        flow = np.random.default_rng(seed).integers(-3, 4, 40)
        found = integrated(tape(flow[1:], 100.0), window=1, depth=2, fit=8, refit=3)
        there = ~np.isnan(found)
        assert there.sum() > 20
        np.testing.assert_array_equal(np.sign(found[there]), np.sign(flow[there]))


def plain(history, row, *, window, depth, fit, refit):
    """Return one value, by the formula, from the vectors of windows and NumPy's covariance."""
    now, w, every = (int(x) for x in (history.time[row], window * SECOND, refit * SECOND))
    size = np.nansum([history.sizes(side)[:, :depth] for side in (+1, -1)], axis=(0, 2))

    def ofi(begin, end, upto):
        inside = (history.time > begin) & (history.time <= end) & (np.arange(len(history)) <= upto)
        if not inside.any():
            return np.full(depth, NAN)
        lots = history.flow.order_flow[inside, :depth].sum(axis=0)
        return lots * history.flow.lot_size / (size[inside].mean(dtype=float) / (2 * depth))

    made = (now - 1) // every * every
    newest = made // w * w
    ends = newest - w * np.arange(int(fit / window))
    vectors = np.array([ofi(end - w, end, row) for end in ends])
    values, directions = np.linalg.eig(np.cov(vectors.T))
    component = directions[:, np.argmax(values)].real
    component = component * np.sign(component.sum()) / abs(component).sum()
    return component @ ofi(now - w, now, row)


def test_it_is_what_the_formula_gives(history):
    given = {"window": 2.0, "depth": 6, "fit": 60.0, "refit": 7.0}
    values = integrated(history, **given)
    full = np.flatnonzero(history.time - history.time[0] >= 69 * SECOND)
    assert np.isnan(values[: full[0]]).all()
    for row in full[:: len(full) // 7]:
        assert values[row] == pytest.approx(plain(history, row, **given), rel=1e-6)


@BOTH
def test_appended_they_are_the_whole_and_no_later_data_are_used(history, code, monkeypatch):
    use(monkeypatch, code)
    for signal, given in ((of_rank, {"window": 2.0, "rank": 3, "depth": 7}), (integrated, SHORT)):
        values = signal(history, **given)
        assert np.isfinite(values).mean() > 0.9
        for count in (1, 700, 4097, len(history) - 3):
            np.testing.assert_array_equal(signal(history[:count], **given), values[:count])
        checked = signal.check(given)
        np.testing.assert_array_equal(signal.compute(history, checked, 4000), values[4000:])
        assert not looks_ahead(history, lambda part: signal(part, **given), values)  # noqa: B023


def test_both_kernels_give_the_same_to_the_bit(history, monkeypatch):
    found = []
    for code in ("numba", "numpy"):
        use(monkeypatch, code)
        found.append([integrated(history, **SHORT), of_rank(history, window=3, rank=2)])
    np.testing.assert_array_equal(*found)


def test_smaller_lots_change_nothing():
    history = obi.simulate(seconds=60, seed=4, levels=10)
    flow = history.flow
    fine = replace(
        flow, order_flow=flow.order_flow.astype(np.int64) * 10, lot_size=flow.lot_size / 10
    )
    other = replace(history, flow=fine)
    for signal, given in ((of_rank, {"window": 3.0}), (integrated, SHORT)):
        np.testing.assert_array_equal(signal(other, **given), signal(history, **given))


def test_they_are_no_number_after_a_gap_until_full_and_beyond_what_is_kept():
    first = obi.simulate(seconds=80, seed=2, levels=6)
    joined = obi.History.concat([first[:350], first[400:]])
    for signal, given, back in (
        (of_rank, {"window": 3.0, "depth": 5}, 3), (integrated, SHORT, 26),
    ):  # fmt: skip
        values = signal(joined, **given)
        full = joined.time - joined.run_began >= back * SECOND
        np.testing.assert_array_equal(np.isnan(values), ~full | joined.lost)
        assert np.isnan(signal(joined, **{**given, "depth": 10, "fit": 40.0} if back > 3 else
                               {**given, "depth": 10})).all()  # fmt: skip


def test_a_market_that_stands_still_has_no_weights():
    found = integrated(tape([0] * 30), window=1, depth=2, fit=4, refit=1)
    assert np.isnan(found).all()


def test_a_fit_of_few_windows_is_refused():
    refused = "A fit of 60 s holds 6 windows of 10 s, and 10 ranks need 20.*Give fit=200 or more"
    with pytest.raises(obi.ObiError, match=refused):
        integrated(obi.simulate(seconds=5), fit=60)
    states = obi.History.from_arrays([17 * 10**17], [1.0], [1.0], [2.0], [1.0])
    for signal in (of_rank, integrated):
        with pytest.raises(obi.ObiError, match="not what happened between them"):
            signal(states)
