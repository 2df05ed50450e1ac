"""Symbols in any common spelling, and names of venues: what they find, and what is suggested."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.errors import SourceError, SymbolError
from obi_widgets.feeds.sources import find, open_feed
from obi_widgets.market_data.venues import find_market, find_venue, known_venue
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.symbols import (
    CONTRACTS,
    PERPETUAL,
    Named,
    own_spelling,
    parse,
    similar,
)

LINEAR, INVERSE = ("linear",), ("inverse",)


def spot(base, quote, contract):
    return f"{base}-{quote}" if contract == "spot" and quote else None


def every(base, quote, contract):
    """Spell as a venue that has all contracts in one list."""
    match contract:
        case "spot":
            return f"{base}-{quote}" if quote else None
        case "linear":
            return None if quote == "USD" else f"{base}-{quote or 'USDT'}-SWAP"
        case "inverse":
            return f"{base}-USD-SWAP" if quote in ("", "USD") else None


def usdc_by_name(base, quote, contract):
    """Spell as a venue whose perpetuals in another currency have a name of their own."""
    if contract != "linear" or quote not in ("", "USDT", "USDC"):
        return None
    return f"{base}PERP" if quote == "USDC" else f"{base}USDT"


def bare(base, quote, contract):
    return base if contract == "linear" else None


@pytest.mark.parametrize(
    ("spelling", "named"),
    [
        ("BTC/USDT", Named("BTC", "USDT")),
        ("btc-usdt", Named("BTC", "USDT")),
        ("Btc_Usdt", Named("BTC", "USDT")),
        (" btc usdt ", Named("BTC", "USDT")),
        ("btcusdt", Named("BTC", "USDT")),
        ("BTCUSD", Named("BTC", "USD")),
        ("BTCFDUSD", Named("BTC", "FDUSD")),
        ("ETHBTC", Named("ETH", "BTC")),
        ("XBT/USD", Named("BTC", "USD")),
        ("xbtusd", Named("BTC", "USD")),
        ("XDG-XBT", Named("DOGE", "BTC")),
        ("1000PEPEUSDT", Named("1000PEPE", "USDT")),
        ("币安人生USDT", Named("币安人生", "USDT")),
        ("WBTC", Named("WBTC")),
        ("STETH", Named("STETH")),
        ("PYUSD", Named("PYUSD")),
        ("FDUSDUSDT", Named("FDUSD", "USDT")),
        ("btc", Named("BTC")),
        ("BTC-PERP", Named("BTC", "", PERPETUAL)),
        ("BTCPERP", Named("BTC", "", PERPETUAL)),
        ("BTC-PERPETUAL", Named("BTC", "", PERPETUAL)),
        ("BTC_USDC-PERPETUAL", Named("BTC", "USDC", PERPETUAL)),
        ("BTC-PERP-USDT", Named("BTC", "USDT", PERPETUAL)),
        ("BTC-USDT-SWAP", Named("BTC", "USDT", PERPETUAL)),
        ("BTCUSD_PERP", Named("BTC", "USD", PERPETUAL)),
        ("BTCUSDT.P", Named("BTC", "USDT", PERPETUAL)),
        ("BTCUSDTPERP", Named("BTC", "USDT", PERPETUAL)),
        ("PERP/USDT", Named("PERP", "USDT")),
        ("PERPUSDT", Named("PERP", "USDT")),
        ("PERP-PERP", Named("PERP", "", PERPETUAL)),
        ("BTC/USDT:USDT", Named("BTC", "USDT", LINEAR)),
        ("BTC/USD:BTC", Named("BTC", "USD", INVERSE)),
        ("XBT/USD:XBT", Named("BTC", "USD", INVERSE)),
        ("BTC/USD:USDC", Named("BTC", "USD", LINEAR)),
        ("BTC/USDT:USDT-261225", None),
        ("BTCUSDT_261225", None),
        ("BTC-26DEC26", None),
        ("BTC-26DEC26-100000-C", None),
        ("@107", None),
        ("xyz:TSLA", None),
        ("", None),
        ("-", None),
        ("/:", None),
    ],
)
def test_a_spelling_names_a_market(spelling, named):
    assert parse(spelling) == named


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC-USDT", "BTC-USDT"),
        ("btcusdt", "BTC-USDT"),
        ("BTC/USDT", "BTC-USDT"),  # as in ccxt, a pair alone is the spot market
        ("BTC/USDT:USDT", "BTC-USDT-SWAP"),
        ("BTC-PERP", "BTC-USDT-SWAP"),
        ("BTCUSD_PERP", "BTC-USD-SWAP"),
        ("BTC/USD:BTC", "BTC-USD-SWAP"),
        ("btc-usdt-swap", "BTC-USDT-SWAP"),
        ("BTC-USDT-261225", "BTC-USDT-261225"),  # only the venue knows
        ("btc-usdt-261225", "BTC-USDT-261225"),
        ("@107", "@107"),
    ],
)
def test_a_spelling_finds_the_venues_own(spelling, symbol):
    assert own_spelling(spelling, every, "Every") == symbol


def test_an_exact_symbol_stays_whatever_else_it_might_name():
    assert own_spelling("BTCPERP", usdc_by_name, "X") == "BTCPERP"
    assert own_spelling("BTC-PERP", usdc_by_name, "X") == "BTCUSDT"
    assert own_spelling("BTC/USDC:USDC", usdc_by_name, "X") == "BTCPERP"
    # A quote currency that nobody here knows, in the form that the venue has.
    assert own_spelling("BTCNEWUSDX", usdc_by_name, "X") == "BTCNEWUSDX"
    assert own_spelling("kPEPE", bare, "X") == "kPEPE"


def test_a_venue_that_does_not_say_how_it_spells_gets_capitals():
    assert own_spelling("btc-perp", Venue.spell, "X") == "BTC-PERP"
    assert own_spelling("BTC/USDT", Venue.spell, "X") == "BTC/USDT"


@pytest.mark.parametrize(
    ("spelling", "spell", "text"),
    [
        ("BTC", spot,
         "Spot has no symbol 'BTC'. Did you mean 'BTC-USDT', 'BTC-USD' or 'BTC-USDC'?"),
        ("BTCPERP", spot,
         "Spot has no symbol 'BTCPERP'. Did you mean 'BTC-USDT', 'BTC-USD' or 'BTC-USDC'?"),
        ("BTC/EUR", usdc_by_name,
         "Spot has no symbol 'BTC/EUR'. Did you mean 'BTCUSDT' or 'BTCPERP'?"),
        ("", spot, "'' is not a symbol of Spot. Give base and quote currency, such as 'BTC/USDT'."),
        ("A B C", spot,
         "'A B C' is not a symbol of Spot. Give base and quote currency, such as 'BTC/USDT'."),
        ("BTC\n", Venue.spell,
         "'BTC\\n' is not a symbol of Spot. Give base and quote currency, such as 'BTC/USDT'."),
    ],
)  # fmt: skip
def test_what_cannot_be_a_symbol_is_refused_with_a_suggestion(spelling, spell, text):
    with pytest.raises(SymbolError) as error:
        own_spelling(spelling, spell, "Spot")
    assert str(error.value) == text


def test_near_misses_are_of_what_is_listed():
    listed = ["BTC-USD", "ETH-USD", "BTC-EUR", "SOL-USD"]
    assert similar("BTC-USDT", spot, listed)[:2] == ["BTC-USD", "BTC-EUR"]
    assert similar("ETHH-USD", spot, listed) == ["ETH-USD", "BTC-USD"]
    assert similar("btc-usd", spot, listed)[0] == "BTC-USD"
    assert similar("NOTHING", spot, listed) == []
    assert similar("X" * 10_000, spot, listed) == []


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_market_is_spelt_only_by_venues_that_have_its_kind(contract):
    symbols = list(Named("BTC", "USDT", (contract,)).spelled(every))
    expected = {"spot": ["BTC-USDT"], "linear": ["BTC-USDT-SWAP"], "inverse": []}
    assert symbols == expected[contract]


@pytest.mark.parametrize(
    ("source", "symbol"),
    [
        ("binance-spot:btc/usdt", "BTCUSDT"),
        ("binance-usdm:BTC-PERP", "BTCUSDT"),
        ("binance-usdm:BTC/USDC:USDC", "BTCUSDC"),
        ("binance-coinm:BTC-PERP", "BTCUSD_PERP"),
        ("binance-coinm:BTC/USD:BTC", "BTCUSD_PERP"),
        ("bybit:BTC-PERP", "BTCUSDT"),
        ("bybit:BTCPERP", "BTCPERP"),  # the contract in USDC has this name
        ("bybit:btc/usdc:usdc", "BTCPERP"),
        ("bybit:BTCUSDT-26DEC25", "BTCUSDT-26DEC25"),
        ("bybit-spot:btc_usdc", "BTCUSDC"),
        ("bybit-inverse:BTC-PERP", "BTCUSD"),
        ("bybit-inverse:BTCUSDZ25", "BTCUSDZ25"),
        ("okx:btcusdt", "BTC-USDT"),
        ("okx:BTC-PERP", "BTC-USDT-SWAP"),
        ("okx:BTCUSD_PERP", "BTC-USD-SWAP"),
        ("okx:btc/usdc:usdc", "BTC-USDC-SWAP"),
        ("okx:BTC-USDT-261225", "BTC-USDT-261225"),
        ("coinbase:btcusd", "BTC-USD"),
        ("coinbase:BTC/EUR", "BTC-EUR"),
        ("kraken:xbtusd", "BTC/USD"),
        ("coinbase:PYUSD", "PYUSD-USD"),
        ("coinbase:wsteth/eth", "WSTETH-ETH"),
        ("coinbase:T-USD", "T-USD"),
        ("kraken:TUSD/USD", "TUSD/USD"),
        ("kraken:opusd", "OP/USD"),
        ("binance-spot:tusdusdt", "TUSDUSDT"),
        ("okx:tusdt", "T-USDT"),
        ("lmex:wsteth", "WSTETH-PERP"),
        ("hyperliquid:TUSD", "TUSD"),  # its list decides
        ("hyperliquid:BTC-PERP", "BTC"),
        ("hyperliquid:BTC-USDC", "BTC"),
        ("hyperliquid:btcusdc", "BTC"),
        ("hyperliquid:BTC/USDC", "BTC"),
        ("lmex:BTC/USDT", "BTC-PERP"),
        ("btse:btcusdt", "BTC-PERP"),
    ],
)
def test_each_venue_spells_it_in_its_own_way(source, symbol):
    name, _, spelling = source.partition(":")
    assert find_market(name, spelling) == (name, symbol)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("coinbase:WSTETH",
         "'WSTETH' may be a coin, or WST in ETH. Did you mean 'WSTETH-USD' or 'WST-ETH'?"),
        ("kraken:tusd", "'tusd' may be a coin, or T in USD. Did you mean 'TUSD/USD' or 'T/USD'?"),
        ("coinbase:AEUR", "'AEUR' may be a coin, or A in EUR. Did you mean 'AEUR-USD' or 'A-EUR'?"),
    ],
)  # fmt: skip
def test_what_may_be_a_coin_or_a_pair_is_refused_with_both(source, text):
    with pytest.raises(SymbolError) as error:
        find_market(*source.split(":", 1))
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("binance-spot:BTC-PERP",
         "Did you mean 'binance-usdm:BTCUSDT', 'binance-coinm:BTCUSD_PERP' or "
         "'binance-spot:BTCUSDT'?"),
        ("binance-usdm:BTCUSD_PERP",
         "Did you mean 'binance-coinm:BTCUSD_PERP', 'binance-usdm:BTCUSDT' or "
         "'binance-usdm:BTCUSDC'?"),
        ("bybit:BTC/USD:BTC",
         "Did you mean 'bybit-inverse:BTCUSD', 'bybit:BTCUSDT' or 'bybit:BTCPERP'?"),
        ("bybit-spot:BTC-PERP",
         "Did you mean 'bybit:BTCUSDT', 'bybit-inverse:BTCUSD' or 'bybit-spot:BTCUSDT'?"),
    ],
)  # fmt: skip
def test_a_market_of_another_kind_is_suggested_where_it_is(source, advice):
    with pytest.raises(SymbolError) as error:
        find_market(*source.split(":", 1))
    assert error.value.advice == advice


@pytest.mark.parametrize(
    "name", ["binance-usdm", "Binance-USDM", "binance_usdm", "BINANCE USDM", "binanceusdm"]
)
def test_a_venue_is_found_in_any_case(name):
    assert find_venue(name).name == "binance-usdm"
    assert find_market(name, "btc/usdt") == ("binance-usdm", "BTCUSDT")
    assert find(f"{name}:btc/usdt:usdt").opened == ("binance-usdm", "BTCUSDT")
    assert obi.fees(name) == obi.fees("binance-usdm")


def test_a_near_miss_of_a_venue_is_suggested():
    assert known_venue("binanc-usdm") is None
    with pytest.raises(SourceError) as error:
        find_venue("binanc-usdm")
    assert str(error.value) == "There is no venue 'binanc-usdm'. Did you mean 'binance-usdm'?"
    with pytest.raises(SourceError) as error:
        find("Lmx:BTC-PERP")
    assert error.value.advice == "Did you mean 'lmex:BTC-PERP'?"
    with pytest.raises(SourceError) as error:
        find("Binance:BTCUSDT")  # an exchange with several venues
    assert error.value.advice == (
        "Did you mean 'binance-spot:BTCUSDT', 'binance-usdm:BTCUSDT' or 'binance-coinm:BTCUSDT'?"
    )


def test_the_name_that_is_shown_is_the_venues_own():
    for source in ("SIM:btcusdt", "sim:BTC/USDT", "Sim:btc", "sim:BTC/USDT:USDT"):
        feed = open_feed(source)
        assert f"{feed.market.instrument.venue}:{feed.market.instrument.symbol}" == "sim:BTC-PERP"
        assert feed.place().sources == ("sim:BTC-PERP",)


def test_a_recording_may_be_chosen_in_any_spelling(tmp_path):
    path = obi.record("SIM:eth/usdt", tmp_path / "eth.txt", seconds=0.1, warmup=2.0)
    for market in ("sim:ETH-PERP", "Sim:ethusdt"):
        history = obi.load(path, market=market)
        assert (history.instrument.venue, history.instrument.symbol) == ("sim", "ETH-PERP")


def test_simulate_takes_any_spelling():
    assert obi.simulate("Sim:eth-usdt", seconds=1).instrument.symbol == "ETH-PERP"
