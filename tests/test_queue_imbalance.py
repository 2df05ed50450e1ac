"""Queue imbalance: by hand, and appended to."""

import numpy as np
import pytest
from history_tools import NAN, SECOND, early

import obi_widgets as obi
from obi_widgets.signals import registry
from obi_widgets.signals.queue_imbalance import queue_imbalance

# bid size, ask size, (bid − ask) / (bid + ask)
STATES = [(6, 2, 0.5), (9, 3, 0.5), (1, 3, -0.5), (4, 4, 0), (NAN, NAN, NAN), (1, NAN, NAN)]


def test_states_by_hand():
    bid, ask, wanted = np.array(STATES, float).T
    prices = [np.where(np.isnan(size), NAN, price) for size, price in ((bid, 100), (ask, 101))]
    history = early(np.arange(1, 7) * SECOND, prices[0], bid, prices[1], ask, tick_size=1.0)
    np.testing.assert_array_equal(queue_imbalance(history), wanted)


def test_it_says_what_it_is():
    assert registry.find("queue_imbalance") is queue_imbalance
    assert repr(queue_imbalance) == "<Signal queue_imbalance; -1 to 1>"
    assert queue_imbalance.needs == {"touch"}
    assert queue_imbalance.threshold == pytest.approx(0.4)


def test_on_a_capture_it_is_the_imbalance_of_one_level_appended_to_or_whole(history):
    whole = queue_imbalance(history)
    top = obi.imbalance(history, obi.Settings(decay=0, depth=1))
    np.testing.assert_allclose(whole, top, rtol=1e-6, atol=1e-6)
    for cut in (1, 1000, len(history) - 3):
        np.testing.assert_array_equal(queue_imbalance(history[:cut]), whole[:cut])
