"""Contracts in base units: linear ones, inverse ones, and what a history makes of them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade
from obi_widgets.market_data.venues.sizes import SizeUnit

LEVELS = [(2000.0, 5.0), (2500.0, 0.0), (1.5, 3.0)]


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        (SizeUnit(), [5.0, 0.0, 3.0]),
        (SizeUnit(0.001), [0.005, 0.0, 0.003]),
        (SizeUnit(10.0, inverse=True), [0.025, 0.0, 20.0]),
    ],
)
def test_levels_and_trades_are_in_base_units(unit, wanted):
    assert unit.levels(LEVELS) == [
        (price, pytest.approx(size)) for (price, _), size in zip(LEVELS, wanted, strict=True)
    ]
    # The same to the bit: a level that a trade took is gone.
    assert [unit.base_units(*level) for level in LEVELS] == [s for _, s in unit.levels(LEVELS)]


def test_an_instrument_says_what_a_contract_is():
    linear = Instrument("lmex", "BTC-PERP", contract_size=1e-5)
    inverse = Instrument("binance-coinm", "BTCUSD_PERP", contract_size=100.0, inverse=True)
    assert (linear.inverse, linear.size_step) == (False, 1e-5)
    assert (inverse.inverse, inverse.size_step) == (True, 1.0)


def test_an_instrument_saved_before_there_were_inverse_ones_is_linear():
    saved = {"venue": "lmex", "symbol": "BTC-PERP", "contract_size": 1e-5}
    assert msgspec.convert(saved, Instrument) == Instrument("lmex", "BTC-PERP", contract_size=1e-5)


def test_a_history_of_an_inverse_instrument_keeps_coins_and_is_saved_as_it_is(tmp_path):
    unit = SizeUnit(100.0, inverse=True)
    instrument = Instrument("binance-coinm", "BTCUSD_PERP", "", "USD", 0.1, *unit)
    writer, book = HistoryWriter(instrument, levels=2, interval=0), Book()
    second = 10**9
    bids, asks = [(60_000.0, 7.0), (59_999.9, 4.0)], [(60_000.1, 3.0)]
    book.replace(unit.levels(bids), unit.levels(asks))
    writer.append(1_700_000_000 * second, 1_700_000_000 * second, book)
    book.apply(unit.levels([(60_000.0, 9.0)]), [])
    later = 1_700_000_001 * second
    size, at = unit.base_units(60_000.1, 2), later - second // 2
    writer.tape.trade(Trade(at, at, 60_000.1, size, 1, 5), at)
    writer.append(later, later, book)
    history = writer.history()
    assert history.sizes(+1)[-1] == pytest.approx([900 / 60_000, 400 / 59_999.9])
    added = history.flow.base_units(history.flow.order_flow[-1, 0])
    assert added == pytest.approx(200 / 60_000, rel=1e-6)  # whole in no lot: rounded
    assert history.trades.size == pytest.approx([200 / 60_000.1])
    history.save(tmp_path / "inverse.parquet")
    loaded = obi.load(tmp_path / "inverse.parquet")
    assert loaded.instrument == instrument
    assert np.array_equal(loaded.sizes(-1), history.sizes(-1), equal_nan=True)
