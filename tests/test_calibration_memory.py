"""How many bytes of each state a calibration of one horizon holds at most, beside the history."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from known_market import history

import obi_widgets as obi
from obi_widgets.calibration.as_traded import traded
from obi_widgets.calibration.episodes import entry_columns
from obi_widgets.calibration.forward_returns import forward_returns
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.judged_columns import judged
from obi_widgets.history.given import as_loaders
from obi_widgets.settings.parameters import Parameters

TAKER = Parameters(fee_bps=0.5, threshold=0.4)


@pytest.fixture(scope="module")
def day():
    return history(20_000, edge=0.5, seed=3)


def bytes_a_state(compute, states):
    """Return what is held at most while something is computed, in bytes a state."""
    compute()  # compiled code, and columns that the history keeps
    tracemalloc.start()
    try:
        compute()
        return tracemalloc.get_traced_memory()[1] / states
    finally:
        tracemalloc.stop()


def test_trades_of_a_long_record_take_few_bytes_a_state(day):
    values = TAKER.signal(day, TAKER)
    x = entry_columns(day, values, [TAKER.threshold], kind="beyond")[:, 0]
    assert 0.1 < np.mean(x != 0) < 0.5
    found = bytes_a_state(lambda: traded(day, TAKER, x, [10.0]), len(day))
    assert found < 125


def test_coefficients_of_a_long_record_take_few_bytes_a_state(day):
    values = TAKER.signal(day, TAKER)
    returns = forward_returns(day, [10.0])
    found = bytes_a_state(lambda: information_coefficients(day, values, returns, 1.0), len(day))
    assert found < 96


def test_joined_days_hold_no_column_that_is_not_judged(day):
    later = obi.History.from_arrays(
        day.time + 10**14, day.bid, day.sizes(+1)[:, 0], day.ask, day.sizes(-1)[:, 0]
    )
    first = obi.History.from_arrays(
        day.time, day.bid, day.sizes(+1)[:, 0], day.ask, day.sizes(-1)[:, 0]
    )
    found = judged(as_loaders([first, later]), TAKER, None, None).history
    assert found.received is found.time
    assert not found.reach.strides[1]
    assert not found.trade_ends.strides[0]
    posted = Parameters(fee_bps=0.5, threshold=0.4, execution="post_only")
    assert judged(as_loaders([first, later]), posted, None, None).history.trade_ends.strides[0]
