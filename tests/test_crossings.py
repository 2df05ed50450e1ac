"""On which side of the threshold a signal is, and since when, against the whole history."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.presentation.board.crossings import Crossings
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.thresholds import compared

VALUE = Parameters("imbalance", threshold=0.2)
QUANTILE = Parameters("imbalance", threshold_is="quantile", threshold=0.8, quantile_window=30.0)


@pytest.fixture(scope="module")
def made():
    return obi.simulate(seconds=120, levels=10, seed=5)


def expected(history, parameters):
    signal = obi.compute(history, parameters)
    places = compared(history, signal, parameters)
    sides = np.where(np.abs(places) > parameters.threshold, np.sign(places), 0.0)
    return np.where(np.isnan(places), np.nan, sides)


@pytest.mark.parametrize("parameters", [VALUE, QUANTILE])
def test_appended_to_it_is_that_of_the_whole(made, parameters):
    crossings = Crossings(parameters)
    for end in (1, 2, 3, 300, 301, len(made)):
        crossings.update(made[:end], parameters)
    sides = expected(made, parameters)
    assert crossings.sides == pytest.approx(sides, nan_ok=True)
    newest = sides[-1]
    first = len(sides)
    while first and sides[first - 1] == newest:
        first -= 1
    if newest:
        assert crossings.since == (made.time[-1] - made.time[first]) / 1e9
    else:
        assert np.isnan(crossings.since)


def test_since_counts_from_the_first_state_beyond(made):
    sides = expected(made, VALUE)
    beyond = np.flatnonzero((sides[1:] != 0) & (sides[1:] == sides[:-1])) + 2
    crossings = Crossings(VALUE)
    for end in beyond[:40].tolist():
        crossings.update(made[:end], VALUE)
        first = max(np.flatnonzero(sides[:end] != sides[end - 1]), default=-1) + 1
        assert crossings.since == (made.time[end - 1] - made.time[first]) / 1e9
    assert len(beyond) > 40


def test_another_threshold_judges_all_states_again(made):
    crossings = Crossings(VALUE)
    crossings.update(made, VALUE)
    other = Parameters("imbalance", threshold=0.5)
    crossings.update(made, other)
    assert crossings.sides == pytest.approx(expected(made, other), nan_ok=True)
    assert crossings.threshold == 0.5
    crossings.update(made, QUANTILE)
    assert crossings.sides == pytest.approx(expected(made, QUANTILE), nan_ok=True)
    size = np.abs(crossings.signal[-1])
    assert (size > crossings.threshold) == bool(crossings.sides[-1])


def test_states_that_were_dropped_are_forgotten(made):
    crossings = Crossings(VALUE)
    crossings.update(made[:500], VALUE)
    crossings.update(made[200:], VALUE)
    assert crossings.sides == pytest.approx(expected(made[200:], VALUE), nan_ok=True)


def test_before_the_first_state_there_is_nothing(made):
    crossings = Crossings(QUANTILE)
    crossings.update(made[:0], QUANTILE)
    assert (len(crossings.sides), np.isnan(crossings.place)) == (0, True)
    assert np.isnan(crossings.threshold)
    assert np.isnan(crossings.since)
