"""The slider of an order's size reaches what the book holds, in steps of the instrument."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from history_tools import early
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.market_data.events import Instrument
from obi_widgets.presentation.order_size import size_range


def book(bids, asks):
    n = len(bids)
    prices = [100.0 - np.arange(n)], [101.0 + np.arange(n)]
    return early([10**9], prices[0], [bids], prices[1], [asks], tick_size=1.0)


@pytest.mark.parametrize(
    ("bids", "asks", "wanted"),
    [
        ([3.0, 4.0], [30.0, 4.0], (0.01, 10)),  # seven are there
        ([30.0, 90.0], [30.0, 90.0], (0.1, 200)),
        ([0.02, 0.01], [0.03, 0.01], (0.0001, 0.05)),
    ],
)
def test_a_range_is_what_the_thinner_side_holds(bids, asks, wanted):
    assert size_range(book(bids, asks)) == pytest.approx(wanted)


def test_a_step_is_a_whole_number_of_contracts():
    instrument = Instrument("okx", "BTC-USDT-SWAP", contract_size=0.03)
    step, greatest = size_range(replace(book([30.0, 1.0], [30.0, 1.0]), instrument=instrument))
    assert (step, greatest) == (pytest.approx(0.09), 50)
    coarse = Instrument("okx", "BTC-USDT-SWAP", contract_size=80.0)
    assert size_range(replace(book([30.0], [30.0]), instrument=coarse)) == (80.0, 80.0)


def test_the_value_of_an_inverse_contract_is_no_step():
    # 100 USD are no 100 coins: sizes in coins are multiples of nothing.
    instrument = Instrument("binance-coinm", "BTCUSD_PERP", contract_size=100.0, inverse=True)
    history = replace(book([3.0, 4.0], [30.0, 4.0]), instrument=instrument)
    assert size_range(history) == pytest.approx((0.01, 10))


def test_without_a_whole_book_there_is_none():
    nothing = np.full((1, 1), np.nan)
    lost = early([10**9], nothing, nothing, nothing, nothing, tick_size=1.0)
    assert size_range(lost) is None
    assert size_range(book([3.0], [3.0])[:0]) is None


def test_the_slider_of_a_lab_is_fitted(tmp_path):
    recording = obi.record("sim:ETH-PERP", tmp_path / "sim", seconds=0.2, warmup=60.0, seed=2)
    lab = obi.Lab(recording, speed=None)
    try:
        wait_for(lambda: lab.session.market.state == "closed", "the end of the recording")
        lab.settings.size = None
        lab.show(lab.session.publisher.frame(lab.history, lab.settings.parameters))
        control = lab.controls["size"]
        step, greatest = size_range(lab.history)
        assert (control.control.min, control.control.step) == (0, pytest.approx(step))
        assert control.control.max == pytest.approx(greatest)
        control.control.value = step  # one lot
        assert lab.settings.size == pytest.approx(step)
        lab.settings.size = 3 * greatest  # a setting beyond moves the end
        assert control.control.max == pytest.approx(3 * greatest)
        control.control.value = 0
        assert lab.settings.size is None
    finally:
        lab.close()
