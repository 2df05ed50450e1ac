"""Units in the names of what is traded."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.presentation.texts.instrument_units import base_of, unit_of
from obi_widgets.signals.transforms import velocity, zscore


@pytest.mark.parametrize(
    ("venue", "symbol", "quote", "base"),
    [
        ("binance-usdm", "BTCUSDT", "USDT", "BTC"), ("lmex", "BTC-PERP", "USDT", "BTC"),
        ("binance-coinm", "ETHUSD_PERP", "USD", "ETH"), ("binance-usdm", "BTCUSDT", "", ""),
        ("x", "USDT", "USDT", ""), ("x", "ODD", "USD", ""),
    ],
)  # fmt: skip
def test_the_base_unit_is_named_where_the_symbol_tells_it(venue, symbol, quote, base):
    assert base_of(obi.Instrument(venue, symbol, quote=quote)) == base


BTC = obi.Instrument("lmex", "BTC-PERP", quote="USDT")


def signal(unit):
    @obi.signal(unit=unit, needs="touch")
    def own(history):
        return history.mid

    return own


@pytest.mark.parametrize(
    ("declared", "shown"),
    [("base units", "BTC"), ("base units/s", "BTC/s"), ("quote/base", "USDT/BTC"), ("bps", "bps"),
     ("", "")],
)  # fmt: skip
def test_a_unit_is_that_of_the_market(declared, shown):
    of = signal(declared)
    assert unit_of(of, BTC) == shown
    assert unit_of(of, None) == declared
    assert unit_of(of, obi.Instrument("x", "ODD", quote="USD")) == declared


def test_a_long_name_is_shortened():
    long = obi.Instrument("x", f"{'A' * 38}-PERP", quote="USDT")
    assert unit_of(signal("base units"), long) == "AAAA…AAA"


def test_the_unit_of_a_transform_is_that_of_the_market_too():
    assert unit_of(velocity(signal("base units"), window=5), BTC).startswith("BTC")
    assert unit_of(zscore(signal("base units"), window=5), BTC) == "sd"
