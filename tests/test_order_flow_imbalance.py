"""Order-flow imbalance over a window: by hand, against plain sums, and appended to."""

import numpy as np
import pytest
from history_tools import NAN, SECOND, early, make

import obi_widgets as obi
from obi_widgets.signals import registry
from obi_widgets.signals.order_flow_imbalance import order_flow_imbalance

# Second, bid size at 100 and at 99; the ask stands. Then by hand what the state adds at the first
# and the second rank, and the sums over windows of 2 s of one rank and of both: NaN until 2 s have
# passed since the book began.
STATES = [
    (1, 5, 10, 0, 0, NAN, NAN),
    (2, 8, 10, 3, 0, NAN, NAN),
    (3, 2, 11, -6, 1, -3, -2),  # 3 − 6; and + 1
    (4, 4, 11, 2, 0, -4, -3),  # −6 + 2
    (7, 7, 9, 3, -2, 3, 1),  # what is older than 5 s is out
    (8, NAN, NAN, 0, 0, NAN, NAN),
    (9, 6, 6, 0, 0, NAN, NAN),
    (10, 7, 6, 1, 0, NAN, NAN),
    (11, 5, 3, -2, -3, -1, -4),  # since the gap, 2 s ago
]


def by_hand():
    second, best, next_best, *_ = np.array(STATES, float).T
    lost = np.isnan(best)
    bids = np.where(lost[:, None], NAN, [100.0, 99.0])
    asks = np.where(lost[:, None], NAN, [101.0, NAN])
    return early(
        second.astype(int) * SECOND, bids, np.stack([best, next_best], axis=1),
        asks, np.where(np.isnan(asks), NAN, 1.0), tick_size=1.0, every_event=True,
    )  # fmt: skip


def test_states_by_hand():
    history = by_hand()
    _, _, _, first, second, one, both = np.array(STATES, float).T
    np.testing.assert_array_equal(history.flow.order_flow[:, 0], first)
    np.testing.assert_array_equal(history.flow.order_flow[:, 1], second)
    np.testing.assert_array_equal(order_flow_imbalance(history, window=2), one)
    np.testing.assert_array_equal(order_flow_imbalance(history, window=2, depth=2), both)


def test_it_says_what_it_is():
    assert registry.find("order_flow_imbalance") is order_flow_imbalance is obi.order_flow_imbalance
    assert repr(order_flow_imbalance) == (
        "<Signal order_flow_imbalance: window, depth; base units>"
    )
    assert order_flow_imbalance.needs == {"flow"}
    assert order_flow_imbalance.range is None
    assert order_flow_imbalance.lookback({"window": 7.0, "depth": 1}) == 7.0


def test_states_alone_have_none():
    history = make([(([100], [1.0]), ([101], [1.0]))] * 2)
    with pytest.raises(obi.ObiError, match="knows its states, and not what happened between them"):
        order_flow_imbalance(history)


@pytest.mark.parametrize(("window", "depth"), [(0.5, 1), (10, 1), (10, 10)])
def test_on_a_capture_it_is_the_sum_and_appended_to_it_is_the_whole(history, window, depth):
    whole = order_flow_imbalance(history, window=window, depth=depth)
    lots = history.flow.order_flow[:, :depth].sum(axis=1).tolist()
    for row in (len(history) // 2, len(history) - 1):
        begins = history.time[row] - round(window * 1e9)
        within = [lot for lot, time in zip(lots, history.time, strict=True) if time > begins]
        wanted = sum(within[: len(within) - (len(history) - 1 - row)])
        assert whole[row] == wanted / 1000
    full = history.time - history.time[0] >= window * 1e9
    np.testing.assert_array_equal(np.isnan(whole), ~full)
    for cut in (1, 700, 4097, len(history) - 3):
        known = order_flow_imbalance(history[:cut], window=window, depth=depth)
        np.testing.assert_array_equal(known, whole[:cut])


def test_flow_moves_the_price(history):
    """Over ten seconds it goes with the change of mid: the paper's finding."""
    values = order_flow_imbalance(history, window=10)
    before = np.searchsorted(history.time, history.time - 10 * SECOND, "right") - 1
    there = ~np.isnan(values)
    moved = history.mid[there] - history.mid[before[there]]
    assert np.corrcoef(values[there], moved)[0, 1] > 0.4


def test_settings_take_it_by_name(history):
    settings = obi.Settings(signal="order_flow_imbalance", window=5, depth=2)
    np.testing.assert_array_equal(
        order_flow_imbalance(history, settings), order_flow_imbalance(history, window=5, depth=2)
    )
