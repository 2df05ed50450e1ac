"""Sizes and the weighted mid of the best levels: by hand, and on captures."""

import numpy as np
from history_tools import NAN, SECOND, early

import obi_widgets as obi
from obi_widgets.signals.touch import best_sizes

# bid, bid size (q), ask, ask size (r), weighted mid (ask · q + bid · r) / (q + r)
STATES = [
    (100, 6, 101, 2, 100.75),  # (101·6 + 100·2) / 8
    (99, 4, 101, 3, 701 / 7),  # (101·4 + 99·3) / 7
    (NAN, NAN, NAN, NAN, NAN),
    (NAN, NAN, 101, 1, NAN),
    (104, 3, 105, 1, 104.75),  # (105·3 + 104·1) / 4
]


def test_states_by_hand():
    bid, bid_size, ask, ask_size, weighted = np.array(STATES, float).T
    history = early(np.arange(1, 6) * SECOND, bid, bid_size, ask, ask_size, tick_size=1.0)
    np.testing.assert_allclose(obi.weighted_mid(history), weighted, rtol=1e-14)
    np.testing.assert_array_equal(best_sizes(history, +1), bid_size)
    np.testing.assert_array_equal(best_sizes(history, -1), ask_size)


def test_the_weighted_mid_lies_within_the_spread(history):
    weighted = obi.weighted_mid(history)
    assert np.all((weighted > history.bid) & (weighted < history.ask))
    top = obi.imbalance(history, obi.Settings(decay=0, depth=1))
    np.testing.assert_allclose(
        weighted - history.mid, top * history.spread / 2, rtol=1e-4, atol=1e-6
    )
