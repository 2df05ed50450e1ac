"""What entries and exits are decided by."""

import numpy as np

import obi_widgets as obi
from obi_widgets.trading.decisions import decisions


def test_by_default_they_are_the_signal_itself():
    history = obi.simulate(seconds=60, seed=1)
    p = obi.Parameters(threshold=0.4)
    signal = obi.imbalance(history, p)
    found = decisions(history, signal, p)
    assert found.entries is signal
    assert found.values is signal


def test_of_a_quantile_they_are_places():
    history = obi.simulate(seconds=60, seed=1)
    p = obi.Parameters(threshold=0.9, threshold_is="quantile", quantile_window=10)
    found = decisions(history, obi.imbalance(history, p), p)
    known = ~np.isnan(found.values)
    assert 0 < np.count_nonzero(known) < len(history)
    assert 0 < np.count_nonzero(np.abs(found.entries) > 0.9) < len(history) / 2
