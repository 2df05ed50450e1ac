"""The tables of the micro-price: those of the signal, sound by the paper, and a martingale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exchange_tools import captured
from history_tools import NAN, SECOND, early

import obi_widgets as obi
from obi_widgets.signals.fitting import Fits


def made(mid, bid, ask, spread=1):
    mid, time = np.asarray(mid, float), np.arange(len(mid)) * SECOND // 10
    return early(time, mid, bid, mid + spread, ask, tick_size=1.0)


@pytest.fixture(scope="module")
def memoryless():
    """Each state is drawn anew; mid moves by a tick with the odds of its imbalance."""
    random = np.random.default_rng(1)
    bid, ask = np.where(random.random((2, 40_000)) < 0.5, 3.0, 1.0)
    moves = random.random(40_000) < 0.5
    rise = random.random(40_000) < bid / (bid + ask)
    steps = np.cumsum(np.where(moves, np.where(rise, 1, -1), 0))
    return made(10_000 + np.append(0, steps[:-1]), bid, ask)


def every_state(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    return obi.load([captured(name) for name in names], interval=0)


def sound(fit):
    """The properties that Stoikov proves of a mirrored sample."""
    np.testing.assert_allclose(fit.b.sum(axis=1), 1, rtol=1e-12)
    assert fit.residual < 1e-9
    for table in (fit.stayed, fit.moved):
        np.testing.assert_array_equal(table, table[::-1, ::-1])
    np.testing.assert_allclose(fit.first, -fit.first[::-1], atol=1e-12)
    # G* = G¹ + B G*, wherever everything that is reached is known.
    known = ~np.isnan(fit.adjustment)
    closed = known & ~(fit.b[:, ~known] > 0).any(axis=1)
    again = fit.first + fit.b @ np.nan_to_num(fit.adjustment)
    np.testing.assert_allclose(fit.adjustment[closed], again[closed], rtol=1e-9, atol=1e-12)
    return np.count_nonzero(closed)


def test_by_hand():
    # More bids, then a rise; more asks, then a fall: 39 moves, and one of no size to the mirror
    # image. In half-ticks G = 2·39/(2·39 + 2), as in test_micro_price.
    more = np.arange(40) % 2 == 0
    fit = obi.fit_micro_price(made(100.0 + ~more, np.where(more, 3, 1), np.where(more, 1, 3)))
    row = fit.table.query("imbalance_to == 0.6 and spread == 1").iloc[0]
    assert (row["seen"], row["moves"]) == (39, 39)
    assert row["first_ticks"] == pytest.approx(39 / 40)
    assert row["ticks"] == pytest.approx(78 / 80 / 2)
    assert fit.stayed.sum() == 0
    assert repr(fit) == "<MicroPriceFit: 39 transitions, 3 of 21 states known>"
    sound(fit)


def test_it_is_what_the_signal_has_fitted_on_the_past():
    history = every_state("btc")
    given = {"bucket": 0.25, "widest": 3.0}
    values = obi.micro_price(history, window=60, refit=20, **given)
    fits = Fits.of(history.time, 60, 20)
    for at in (0, 5, len(fits.first) - 1):
        fit = obi.fit_micro_price(history[int(fits.first[at]) : int(fits.last[at])], **given)
        rows = np.flatnonzero((fits.of_state == at) & ~np.isnan(values))
        assert len(rows) > 30
        np.testing.assert_allclose(fit.values(history)[rows], values[rows], rtol=1e-9, atol=1e-12)


def test_the_truth_of_a_market_without_memory_is_found_and_is_a_martingale(memoryless):
    first, later = memoryless[:20_000], memoryless[20_000:]
    fit = obi.fit_micro_price(first, bucket=0.5, widest=1)
    assert sound(fit) == 3
    # (2·¾ − 1)·½ = ¼ of a tick, whatever comes later: see test_micro_price.
    np.testing.assert_allclose(fit.table["ticks"].dropna(), 0.25, atol=0.03)
    moves = fit.martingale(later, seconds=0.5)
    known = moves[moves["n"] > 0].iloc[0]
    assert known["mid_low"] < 0.25 < known["mid_high"]
    assert known["mid_low"] > 0.1
    assert known["micro_low"] < 0 < known["micro_high"]
    assert known["n"] > 9000
    low, high = (fit.martingale(later, 0.5, level=0.5)[name] for name in ("mid_low", "mid_high"))
    assert ((high - low) < (moves["mid_high"] - moves["mid_low"]))[moves["n"] > 0].all()


@pytest.mark.slow
def test_a_simulated_market_is_a_martingale_by_bucket_out_of_sample():
    history = obi.simulate(seconds=1200, levels=1, seed=4)
    half = len(history) // 2
    fit = obi.fit_micro_price(history[:half])
    sound(fit)
    moves = fit.martingale(history[half:], seconds=2)
    narrow = moves[moves["micro_low"].notna()]
    assert len(narrow) >= 4
    assert ((narrow["micro_low"] < 0) & (narrow["micro_high"] > 0)).sum() >= len(narrow) - 1


# After a state with more bids than 9 to 1 mid is so many ticks higher a second later; the
# micro-price is not.
@pytest.mark.parametrize(("symbol", "rise"), [("btc", 21.8), ("eth", 10.4)])
def test_on_captures_it_is_a_martingale_by_bucket_and_mid_is_not(symbol, rise):
    history = every_state(symbol)
    fit = obi.fit_micro_price(history)
    sound(fit)
    moves = fit.martingale(history, seconds=1.0)
    known = moves[moves["n"] > 0]
    assert len(known) == 5
    assert known["n"].sum() > 8800
    assert ((known["micro_low"] < 0) & (known["micro_high"] > 0)).all()
    last = known.iloc[-1]
    assert last["mid"] == pytest.approx(rise, abs=0.1)
    assert last["mid_low"] > 0.25 * rise
    # Plain NumPy, of the same bucket: how far mid is a second later, to the side with more.
    imbalance, tick = obi.queue_imbalance(history), history.tick_size
    to = np.searchsorted(history.time, history.time + SECOND, "right") - 1
    within = history.time + SECOND <= history.time[-1]
    wide = np.rint(history.spread / tick) == 1
    rows = np.flatnonzero(within & wide & (np.abs(imbalance) > 0.8))
    move = np.sign(imbalance) * (history.mid[to] - history.mid) / tick
    assert move[rows].mean() == pytest.approx(last["mid"], rel=0.02)


def test_gaps_and_what_was_seldom_seen():
    more = np.arange(60) % 2 == 0
    bid, ask = np.where(more, 3.0, 1.0), np.where(more, 1.0, 3.0)
    bid[30], mid = NAN, 100.0 + ~more
    lost = np.where(np.isnan(bid), NAN, mid)
    time = np.arange(60) * SECOND // 10
    history = early(time, lost, bid, mid + 1, ask, tick_size=1.0)
    fit = obi.fit_micro_price(history)
    assert fit.table["seen"].sum() == 57  # of 59, without those to and from the lost state
    assert np.isnan(fit.values(history)[30])
    few = obi.fit_micro_price(history[:15])
    assert np.isnan(few.values(history)).all()
    assert few.residual < 1e-9
    assert np.isnan(few.martingale(history, 1)["micro"]).all()
    nothing = obi.fit_micro_price(history[:0])
    assert nothing.table["seen"].sum() == 0


def test_what_is_not_possible_is_refused(memoryless):
    fit = obi.fit_micro_price(memoryless[:1000])
    with pytest.raises(obi.ObiError, match=r"ticks of the history are 0\.5"):
        fit.values(replace(memoryless, tick_size=0.5))
    for wrong in ({"seconds": 0}, {"seconds": 1, "level": 2}):
        with pytest.raises(obi.ObiError):
            fit.martingale(memoryless, **wrong)
    for wrong in ({"bucket": 2}, {"widest": 0}):
        with pytest.raises(obi.ObiError):
            obi.fit_micro_price(memoryless, **wrong)
    with pytest.raises(obi.ObiError):
        obi.fit_micro_price(memoryless.mid)
