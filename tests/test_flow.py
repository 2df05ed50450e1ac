"""Imbalance, order flow, mid and weighted mid of ten events, by hand; and of captures."""

from itertools import pairwise

import numpy as np
import pytest
from history_tools import NAN, SECOND, early

import obi_widgets as obi

# bid, bid size (q), ask, ask size (r); then by hand: imbalance (q − r) / (q + r), order flow, mid,
# weighted mid (ask · q + bid · r) / (q + r). Order flow is what the bid adds less what the ask
# does: + q_n where the bid is no lower than before, − q_n−1 where it is no higher; − r_n where the
# ask is no higher than before, + r_n−1 where it is no lower.
EVENTS = [
    # (6 − 2) / 8; nothing is before it; (101·6 + 100·2) / 8
    (100, 6, 101, 2, 0.5, NAN, 100.5, 100.75),
    # (9 − 3) / 12; bid + 9 − 6 = 3, ask − 3 + 2 = −1; (101·9 + 100·3) / 12
    (100, 9, 101, 3, 0.5, 3 - 1, 100.5, 100.75),
    # (1 − 3) / 4; bid + 1 − 9 = −8, ask − 3 + 3 = 0; (101·1 + 100·3) / 4
    (100, 1, 101, 3, -0.5, -8, 100.5, 100.25),
    # (4 − 3) / 7; the bid falls: − 1, ask − 3 + 3 = 0; (101·4 + 99·3) / 7
    (99, 4, 101, 3, 1 / 7, -1, 100, 701 / 7),
    # (4 − 5) / 9; bid + 4 − 4 = 0, the ask falls: − 5; (100·4 + 99·5) / 9
    (99, 4, 100, 5, -1 / 9, -5, 99.5, 895 / 9),
    # (4 − 4) / 8; bid + 4 − 4 = 0, the ask rises: + 5; (102·4 + 99·4) / 8
    (99, 4, 102, 4, 0, 5, 100.5, 100.5),
    # (2 − 1) / 3; the bid rises: + 2, ask − 1 + 4 = 3; (102·2 + 101·1) / 3
    (101, 2, 102, 1, 1 / 3, 2 + 3, 101.5, 305 / 3),
    # The book is lost.
    (NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN),
    # (3 − 1) / 4; what came between is not known; (105·3 + 104·1) / 4
    (104, 3, 105, 1, 0.5, NAN, 104.5, 104.75),
    # (8 − 2) / 10; the bid rises: + 8, the ask rises: + 1; (107·8 + 106·2) / 10
    (106, 8, 107, 2, 0.6, 8 + 1, 106.5, 106.8),
]


def test_ten_events_by_hand():
    bid, bid_size, ask, ask_size, *wanted = np.array(EVENTS, float).T
    history = early(np.arange(1, 11) * SECOND, bid, bid_size, ask, ask_size, tick_size=1.0)
    for got, values in zip(
        (
            obi.imbalance(history, obi.Settings(decay=0, depth=1)),
            obi.order_flow_imbalance(history),
            history.mid,
            obi.weighted_mid(history),
        ),
        wanted,
        strict=True,
    ):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, values, rtol=1e-14)


def test_an_empty_side_has_no_flow_before_or_after():
    history = early(
        np.arange(1, 5) * SECOND, [9, NAN, 9, 9], [1, NAN, 1, 4], [10] * 4, [1, 1, 2, 2]
    )
    np.testing.assert_array_equal(obi.order_flow_imbalance(history), [NAN, NAN, NAN, 3])
    np.testing.assert_array_equal(np.isnan(obi.weighted_mid(history)), [0, 1, 0, 0])


@pytest.mark.parametrize("states", [0, 1])
def test_short_histories_have_no_flow(states):
    history = early([1], [1.0], [1.0], [2.0], [1.0])[:states]
    assert np.isnan(obi.order_flow_imbalance(history)).all()
    assert obi.order_flow_imbalance(history).shape == (states,)


def test_a_capture_event_by_event(broken):
    """Against the formula over a plain list."""
    columns = [broken.bid, broken.sizes(+1)[:, 0], broken.ask, broken.sizes(-1)[:, 0]]
    states = list(zip(*(column.tolist() for column in columns), strict=True))
    wanted = [NAN]
    for (b0, q0, a0, r0), (b, q, a, r) in pairwise(states):
        if np.isnan([b0, a0, b, a]).any():
            wanted.append(NAN)
            continue
        wanted.append(q * (b >= b0) - q0 * (b <= b0) - r * (a <= a0) + r0 * (a >= a0))
    got = obi.order_flow_imbalance(broken)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert np.count_nonzero(np.isnan(got)) > 300
    # Flow moves the price: summed over a second it goes with the change of mid.
    second = broken.time // SECOND
    starts = np.flatnonzero(np.diff(second, prepend=-1))
    flow = np.add.reduceat(np.nan_to_num(got), starts)[:-1]
    move = np.diff(broken.mid[starts])
    there = ~np.isnan(move)
    assert np.corrcoef(flow[there], move[there])[0, 1] > 0.2


def test_the_weighted_mid_lies_within_the_spread(history):
    weighted = obi.weighted_mid(history)
    assert np.all((weighted > history.bid) & (weighted < history.ask))
    top = obi.imbalance(history, obi.Settings(decay=0, depth=1))
    np.testing.assert_allclose(
        weighted - history.mid, top * history.spread / 2, rtol=1e-4, atol=1e-6
    )
