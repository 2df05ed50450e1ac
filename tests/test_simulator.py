"""The simulated market: its edge is what it says, and its book is a book."""

import random
from collections import Counter
from functools import cache

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import ObiError, SettingsError
from obi_widgets.feeds.simulation.simulated_history import BEGINNING
from obi_widgets.feeds.simulation.simulator import LISTINGS, STEP, SimulatedMarket

SOME = "BTC-PERP", "ETH-PERP", "TON-PERP"

HORIZONS = (2.0, 8.0, 20.0)  # seconds


def told(market):
    """Return what the market's state is, in full."""
    return {side: dict(market.book[side]) for side in (+1, -1)}, dict(market.best), market.pressure


@cache
def path(edge, seconds, seed):
    """Return mid, pressure and the imbalance of the ten best levels, at every step."""
    market = SimulatedMarket(edge=edge, seed=seed)
    rows = []
    for _ in range(round(seconds / STEP)):
        market.step()
        bids, asks = (sum(market.top(side, 10).values()) for side in (+1, -1))
        rows.append((market.mid, market.pressure, (bids - asks) / (bids + asks)))
    return np.array(rows).T


def moves(edge, seconds, horizon, seed=11):
    """Return moves of mid, bps, that do not overlap; and what was known at the start of each."""
    mid, pressure, imbalance = path(edge, seconds, seed)[:, :: round(horizon / STEP)]
    return 1e4 * np.diff(np.log(mid)), pressure[:-1], imbalance[:-1]


def standard_errors(products):
    """Return how many standard errors the mean of uncorrelated numbers is from 0."""
    return products.sum() / np.sqrt((products**2).sum())


# -- the edge ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("horizon", HORIZONS)
def test_without_an_edge_nothing_visible_or_hidden_predicts_mid(horizon):
    move, pressure, imbalance = moves(0.0, 3000, horizon)
    for known in (np.ones_like(pressure), pressure, imbalance, np.sign(imbalance)):
        assert abs(standard_errors(known * move)) < 3
    assert abs(standard_errors(move[:-1] * move[1:])) < 3


@pytest.mark.slow
@pytest.mark.parametrize("edge", [-4.0, 4.0])
@pytest.mark.parametrize("horizon", HORIZONS)
def test_with_an_edge_mid_moves_by_what_the_pressure_is_worth(edge, horizon):
    move, pressure, imbalance = moves(edge, 3000, horizon)
    expected = edge * pressure * (1 - np.exp(-horizon / SimulatedMarket.fade))
    assert abs(standard_errors((move - expected) * pressure)) < 3
    assert np.sign(edge) * standard_errors(move * pressure) > 3
    assert np.sign(edge) * standard_errors(move * imbalance) > 3  # and the book tells of it


@pytest.mark.slow
def test_the_edge_is_the_slope_of_the_move_against_the_pressure():
    move, pressure, _ = moves(4.0, 3000, 8.0)
    slope = (move * pressure).sum() / (pressure**2).sum()
    assert slope == pytest.approx(4.0 * (1 - np.exp(-1)), rel=0.2)


@pytest.mark.slow
def test_the_pressure_fades_with_the_time_constant_that_is_said():
    _, pressure, _ = path(0.0, 3000, 11)
    lag = round(SimulatedMarket.fade / STEP)
    assert np.mean(pressure[lag:] * pressure[:-lag]) / np.mean(pressure**2) == pytest.approx(
        np.exp(-1), abs=0.15
    )
    assert np.std(pressure) == pytest.approx(1 / 3, rel=0.1)  # of the mean of three uniforms


def test_the_imbalance_of_the_book_leans_with_the_pressure_but_does_not_give_it_away():
    _, pressure, imbalance = path(0.0, 3000, 11)
    assert 0.3 < np.corrcoef(pressure, imbalance)[0, 1] < 0.95


@pytest.mark.parametrize(
    ("symbol", "edge", "most"),
    [
        ("BTC-PERP", 5.6, "5.5"),
        ("BTC-PERP", -100.0, "5.5"),
        ("BTC-PERP", float("nan"), "5.5"),
        ("ETH-PERP", 7.0, "6.9"),
        ("SOL-PERP", 7.4, "7.2"),
    ],
)
def test_an_edge_that_the_volatility_cannot_hold_is_refused(symbol, edge, most):
    with pytest.raises(SettingsError) as caught:
        SimulatedMarket(symbol, edge=edge)
    assert str(caught.value) == (
        f"edge = {edge!r} is not possible. At this volatility give at most ±{most} bps."
    )
    SimulatedMarket(symbol, edge=float(most))


# -- the same again ------------------------------------------------------------------------


def test_ticks_are_alike_against_the_price_and_so_are_the_books():
    assert len(LISTINGS) == 21
    for symbol, listing in LISTINGS.items():
        assert 0.057 < 1e4 * listing.tick_size / listing.price < 0.078
        assert 1e4 < listing.unit * listing.contract_size * listing.price < 3e4  # USDT an order
        SimulatedMarket(symbol, edge=5.0)


@pytest.mark.parametrize("seed", [np.int64(4), 4.0])
def test_a_seed_may_be_of_any_type_of_number(seed):
    found, wanted = (obi.simulate(seconds=2, levels=2, seed=one) for one in (seed, 4))
    assert found.sha256() == wanted.sha256()


@pytest.mark.parametrize("symbol", SOME)
def test_the_same_seed_is_the_same_market(symbol):
    first, second, other = (SimulatedMarket(symbol, seed=seed) for seed in (4, 4, 5))
    for _ in range(200):
        assert first.step() == second.step()
        assert told(first) == told(second)
        other.step()
    assert told(first) != told(other)


def test_orders_are_drawn_as_the_standard_library_does():
    """Its ways are written out, because they are quicker so."""
    market, same = SimulatedMarket(seed=6), random.Random()
    same.setstate(market.random.getstate())
    for _ in range(300):
        leaning = 1 + market.lean * market.pressure
        assert market._size(+1) == round(20_000 * leaning * same.lognormvariate(0, 0.9))
    away, market._set = [], lambda side, price, _: away.append(market.best[side] - price)
    for _ in range(300):
        market._place(+1)
        assert away.pop() == 1 + int(same.expovariate(1 / market.spread_of_levels))
        same.lognormvariate(0, 0.9)
    market._count = lambda _: 1
    for _ in range(300):
        market._turn_over(-1)
        chosen = same.choice(list(market.book[-1]))
        if chosen != market.best[-1]:
            assert market.best[-1] - away.pop() == chosen
            if same.random() < 0.5:
                same.lognormvariate(0, 0.9)


# -- the book ------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", SOME)
@pytest.mark.parametrize("edge", [0.0, 5.0])
def test_the_book_is_never_crossed_one_sided_or_thin(symbol, edge):
    market = SimulatedMarket(symbol, edge=edge, seed=2)
    tick_size, spreads, widths = market.listing.tick_size, [], []
    for step in range(6000):
        trades = market.step()
        assert max(market.book[+1]) == market.best[+1] < market.best[-1] == min(market.book[-1])
        assert all(trade.size > 0 and trade.side in (+1, -1) for trade in trades)
        spreads.append(market.best[-1] - market.best[+1])
        for side in (+1, -1):
            assert len(market.book[side]) >= 50
            assert min(market.book[side].values()) >= 1
            if step % 20 == 0:
                prices = np.array(list(market.top(side, 50)))
                distance = 1e4 * tick_size * np.abs(prices - prices[0]) / market.mid
                widths.append((distance[9], distance[49]))
    assert set(spreads) == {1, 3}  # ticks
    ten, fifty = np.mean(widths, axis=0)  # bps from the best
    assert 2 < ten < 5
    assert 18 < fifty < 40


def test_the_best_levels_are_told_best_first():
    market = SimulatedMarket(seed=2)
    bids, asks = list(market.top(+1, 50)), list(market.top(-1, 50))
    assert bids == sorted(market.book[+1])[::-1][:50]
    assert asks == sorted(market.book[-1])[:50]


# -- trades and cancellations ----------------------------------------------------------------


@pytest.mark.parametrize("symbol", SOME)
def test_every_change_of_a_level_has_a_cause_and_trades_are_what_was_taken(symbol):
    market = SimulatedMarket(symbol, edge=2.0, seed=2)
    causes = Counter()
    for _ in range(4000):
        levels = [market.book[side].copy() for side in (+1, -1)]
        levels = {
            (side, p): q
            for side, book in zip((+1, -1), levels, strict=True)
            for p, q in book.items()
        }
        trades = market.step()
        for side, price, size, cause in market.changes:
            assert size
            assert (size > 0) == (cause == "limit order")
            if cause == "trade":  # the best level first
                prices = [p for which, p in levels if which == side]
                assert price == (max(prices) if side > 0 else min(prices))
            levels[side, price] = levels.get((side, price), 0) + size
            assert levels[side, price] >= 0
            if not levels[side, price]:
                del levels[side, price]
            causes[cause] += 1
        assert levels == {(side, p): q for side in (+1, -1) for p, q in market.book[side].items()}
        taken = [
            (price, -size, -side) for side, price, size, cause in market.changes if cause == "trade"
        ]
        assert [(trade.price, trade.size, trade.side) for trade in trades] == taken
    assert min(causes.values()) > 500


def meets_none(market, side):
    """Return the chance that a new order's price is empty."""
    away = np.abs(np.array(list(market.book[side])) - market.best[side])
    chances = np.exp(-(away - 1) / market.spread_of_levels) * -np.expm1(
        -1 / market.spread_of_levels
    )
    return 1 - chances[away > 0].sum()


def counted(seconds, seed):
    """Count what each kind of order did, told apart by what it leaves; and what is expected."""
    market = SimulatedMarket(edge=0.0, seed=seed)
    count, expected, shares = Counter(), Counter(), []
    for _ in range(round(seconds / STEP)):
        mid, spread = market.mid, market.best[-1] - market.best[+1]
        levels = {side: dict(market.book[side]) for side in (+1, -1)}
        market.step()
        wider = market.best[-1] - market.best[+1] - spread
        count["jump"] += market.mid != mid
        count["spread change"] += wider != 0
        expected["jump"] += STEP * market.jumps
        expected["spread change"] += STEP * market.spread_changes
        placed = Counter()
        for side, price, size, cause in market.changes:
            level = levels[side]
            old, new = level.get(price, 0), level.get(price, 0) + size
            level[price] = new
            at_best = price == market.best[side]
            far = abs(price - market.best[side]) > 8 * market.spread_of_levels
            if cause == "trade" and new:
                count["small taker", side] += 1
                shares.append(-size / old)
            elif cause == "trade":
                assert market.mid != mid  # only a jump takes a whole level
            elif at_best:
                count["requote", side] += bool(old and new)
            elif not old:
                placed[side] += 1
            elif not new and not far:
                count["cancelled", side] += 1
        for side in (+1, -1):
            orders = len(market.book[side])
            missing = market.levels * (1 + 0.425 * side * market.pressure) - orders + placed[side]
            count["cancelled", side] -= wider > 0  # the best order
            count["placed", side] += placed[side]
            expected["small taker", side] += STEP * market.small_takers
            expected["requote", side] += STEP * market.requotes
            expected["cancelled", side] += (
                STEP * market.levels * market.turnover / 2 * (1 - 1 / orders)
            )
            expected["placed", side] += (
                STEP * market.refills * max(missing, 0) * meets_none(market, side)
            )
    return count, expected, np.array(shares)


@pytest.mark.slow
def test_orders_come_at_the_rates_that_the_model_says():
    count, expected, shares = counted(600, 7)
    assert count.keys() == expected.keys()
    for kind, mean in expected.items():
        assert abs(count[kind] - mean) < 4 * np.sqrt(mean), (kind, count[kind], mean)
    assert 0.0099 < shares.min() < shares.max() < 0.3001
    error = (0.3 - 0.01) / np.sqrt(12 * len(shares))
    assert shares.mean() == pytest.approx((0.3 + 0.01) / 2, abs=4 * error)


def test_a_simulated_history_is_the_market_it_says():
    history = obi.simulate("sim:ETH-PERP", seconds=60, edge=0.5, seed=4, levels=20)
    market, traded = SimulatedMarket("ETH-PERP", edge=0.5, seed=4), []
    for row in range(600):
        for step in (2 * row + 1, 2 * row + 2):
            market.step()
            traded += [(*one[:3], step) for one in market.changes if one.cause == "trade"]
        for side, best in ((+1, history.bid), (-1, history.ask)):
            assert best[row] == pytest.approx(market.best[side] * 0.02, rel=1e-12)
    trades = history.trades
    assert np.rint(trades.price / 0.02).tolist() == [price for _, price, _, _ in traded]
    assert (10.0**trades.size_decimals, trades.price_decimals) == (1e4, 2)
    assert trades.amounts[1].tolist() == [side * size for side, _, size, _ in traded]
    ends = BEGINNING + np.array([step for *_, step in traded]) * 50_000_000
    assert np.all((ends - 50_000_000 < trades.time) & (trades.time < ends))
    assert np.array_equal(trades.received, trades.time)
    top = market.top(-1, 20)
    np.testing.assert_allclose(history.prices(-1)[-1], np.array(list(top)) * 0.02, rtol=1e-12)
    np.testing.assert_allclose(
        history.sizes(-1)[-1], np.array(list(top.values())) * 1e-4, rtol=1e-6
    )
    assert (len(history), history.levels, history.tick_size, history.gaps) == (600, 20, 0.02, 0)
    assert set(np.diff(history.time).tolist()) == {100_000_000}
    again = obi.simulate("sim:ETH-PERP", seconds=60, edge=0.5, seed=4, levels=20)
    assert history.sha256() == again.sha256()
    assert history.sha256() != obi.simulate("sim:ETH-PERP", seconds=60, seed=5, levels=20).sha256()


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("lmex:BTC-PERP", {}, "'lmex:BTC-PERP' is not simulated. Give sim: and one of BTC-PERP,"),
        ("sim:DOGE", {}, "'sim:DOGE' is not simulated."),
        ("sim:BTC-PERP", {"seconds": 0}, "seconds = 0 is not possible. Give 1 to 86,400 seconds."),
        ("sim:BTC-PERP", {"levels": 0}, "levels = 0 is not possible. Give 1 to 1,000."),
        ("sim:BTC-PERP", {"edge": 9}, "edge = 9 is not possible."),
    ],
)
def test_a_market_that_cannot_be_simulated_is_refused(source, options, says):
    with pytest.raises(ObiError) as error:
        obi.simulate(source, **options)
    assert str(error.value).startswith(says)
