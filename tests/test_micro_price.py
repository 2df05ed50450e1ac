"""The micro-price: by the paper's formulas, on a market whose truth is known, and on captures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.signals import registry
from obi_widgets.signals.fitting import Fits, look_back

SMALL = {"window": 60.0, "refit": 20.0}


def made(seconds, bid, bid_size, ask, ask_size):
    time = np.rint(np.asarray(seconds) * SECOND).astype(np.int64)
    return early(time, bid, bid_size, ask, ask_size, tick_size=1.0)


def by_the_paper(history, first, last, bucket, widest):
    """Return G*, G¹ and B of the states in a window, and the state of every row, from the paper."""
    buckets = math.ceil(1 / bucket - 1e-9)
    keys, mids = [], history.mid
    for row in range(len(history)):
        bid, ask = (float(history.sizes(side)[row, 0]) for side in (+1, -1))
        if not (bid > 0 and ask > 0):
            keys.append(None)
            continue
        level = (bid - ask) / (bid + ask)
        place = min(math.ceil(abs(level) / bucket), buckets)
        wide = round((history.ask[row] - history.bid[row]) / history.tick_size)
        keys.append((int(np.sign(level)) * place, min(wide, widest)))
    space = [
        (place, wide) for place in range(-buckets, buckets + 1) for wide in range(1, widest + 1)
    ]
    number = {key: at for at, key in enumerate(space)}
    still, gone, change = (
        np.zeros(shape) for shape in ((len(space),) * 2, (len(space),) * 2, len(space))
    )
    for row in range(first, last - 1):
        for mirror in (1, -1):
            if keys[row] is None or keys[row + 1] is None:
                continue
            one, other = (number[mirror * key[0], key[1]] for key in keys[row : row + 2])
            move = mirror * (mids[row + 1] - mids[row])
            (gone if move else still)[one, other] += 1
            change[one] += move
    visits = still.sum(axis=1) + gone.sum(axis=1)
    for key, at in number.items():  # the move that is added to each state
        gone[at, number[-key[0], key[1]]] += 1
    total = still.sum(axis=1) + gone.sum(axis=1)
    q, t, rk = still / total[:, None], gone / total[:, None], change / total
    inverse = np.linalg.inv(np.eye(len(space)) - q)
    g1, b = inverse @ rk, inverse @ t
    g, term = np.zeros(len(space)), g1
    for _ in range(20_000):
        g, term = g + term, b @ term
    return g, g1, b, keys, number, visits


@pytest.fixture(scope="module")
def market():
    """Mid moves towards the smaller side, by one tick or three, and the spread is 1 or 2."""
    random = np.random.default_rng(5)
    mid, rows = 1000, []
    for at in range(1500):
        bid, ask = (float(size) for size in random.integers(1, 9, 2))
        wide = int(random.integers(1, 3))
        rows.append((at * 0.1, mid, bid, mid + wide, ask))
        if random.random() < 0.3:
            rise = random.random() < bid / (bid + ask)
            mid += (1 if rise else -1) * (3 if random.random() < 0.1 else 1)
    return made(*np.array(rows).T)


def test_it_is_what_the_papers_formulas_give(market):
    values = obi.micro_price(market, **SMALL, bucket=0.25, widest=2)
    fits = Fits.of(market.time, 60, 20)
    assert len(fits.first) == 5
    for fit in (1, 3):
        first, last = int(fits.first[fit]), int(fits.last[fit])
        g, g1, b, keys, number, visits = by_the_paper(market, first, last, 0.25, 2)
        np.testing.assert_allclose(b.sum(axis=1), 1, rtol=1e-12)  # rows of B
        far = np.linalg.matrix_power(b, 4096)
        np.testing.assert_allclose(far @ g1, 0, atol=1e-12)  # B* G¹
        rows = np.flatnonzero((fits.of_state == fit) & ~np.isnan(values))
        assert len(rows) > 100
        for row in rows:
            wanted = g[number[keys[row]]] / (market.ask[row] - market.bid[row])
            assert values[row] == pytest.approx(wanted, abs=1e-9)
        for row in np.flatnonzero((fits.of_state == fit) & (market.time >= 80 * SECOND)):
            both = visits[number[keys[row]]]
            assert np.isnan(values[row]) == (keys[row][0] != 0 and both < 20)


# Two states swap: bids more, then a rise of one; asks more, then a fall of one. Folded, each of
# n moves is to the mirror image, with a rise of 2 half-ticks. One move of 0 to it is added, so that
# (n + 1) G = 2n − (n + 1) G: G = 2n / (2n + 2) half-ticks.
def swapping(moves):
    at = np.arange(moves + 1)
    more = at % 2 == 0
    return made(at, 100.0 + ~more, np.where(more, 3, 1), 101.0 + ~more, np.where(more, 1, 3))


@BOTH
def test_by_hand(code, monkeypatch):
    use(monkeypatch, code)
    history = swapping(120)
    values = obi.micro_price(history, window=20, refit=10)
    # The time begins at 0, a multiple of 10: fits are at 20, 30 and so on, each of 19 moves.
    assert np.isnan(values[:30]).all()  # window and refit are 30 s
    assert np.isnan(values[30:]).all()  # 19 moves are less than 20
    values = obi.micro_price(history, window=40, refit=10)
    assert np.isnan(values[:50]).all()
    wanted = (2 * 39) / (2 * 39 + 2) / 2  # half-ticks, of a spread of two half-ticks
    np.testing.assert_allclose(values[50:], np.where(np.arange(50, 121) % 2 == 0, wanted, -wanted))


@BOTH
def test_ten_events_by_hand(code, monkeypatch):
    """Which states have a value, after a past that is known: sides, spreads, and none."""
    use(monkeypatch, code)
    wanted = 78 / 80 / 2
    after = [
        (3, 1, 1, wanted),
        (1, 3, 1, -wanted),
        (2, 2, 1, 0.0),  # both sides alike
        (30, 10, 1, wanted),  # as 3 to 1
        (9, 1, 1, NAN),  # a bucket that the past never saw
        (3, 1, 2, NAN),  # a spread that it never saw
        (NAN, 1, 1, NAN),
        (3, NAN, 1, NAN),
        (3, 1, 1, wanted),
        (1, 3, 1, -wanted),
    ]
    past = swapping(50)
    time = np.append(past.time, 50 * SECOND + np.arange(1, 11) * SECOND // 2)
    bid_size, ask_size, spread, value = np.array(after).T
    columns = [
        np.append(past.bid, np.where(np.isnan(bid_size), NAN, 100)),
        np.append(past.sizes(+1)[:, 0], bid_size),
        np.append(past.ask, np.where(np.isnan(ask_size), NAN, 100 + spread)),
        np.append(past.sizes(-1)[:, 0], ask_size),
    ]
    history = early(time, *columns, tick_size=1.0)
    found = obi.micro_price(history, window=40, refit=10)
    np.testing.assert_allclose(found[51:], value)


def test_a_gap_makes_it_wait_again():
    history = swapping(200)
    columns = [history.bid.copy(), history.sizes(+1), history.ask.copy(), history.sizes(-1)]
    for column in columns:
        column[100] = NAN
    values = obi.micro_price(early(history.time, *columns, tick_size=1.0), window=40, refit=10)
    has = ~np.isnan(values)
    assert has[50:100].all()
    assert not has[100:151].any()
    assert has[151:].all()


def test_swapped_sides_change_the_sign(market):
    values = obi.micro_price(market, **SMALL)
    swapped = early(
        market.time, 3000 - market.ask, market.sizes(-1), 3000 - market.bid, market.sizes(+1),
        tick_size=1.0,
    )  # fmt: skip
    np.testing.assert_array_equal(obi.micro_price(swapped, **SMALL), -values)
    more = market.sizes(+1)[:, 0] > market.sizes(-1)[:, 0]
    assert np.nanmean(values[more]) > 0.05  # bids more: a rise


def test_what_comes_later_changes_no_fit(market):
    """Another end of the market, and the same values before it."""
    cut = 1100
    other = [market.bid.copy(), market.sizes(+1), market.ask.copy(), market.sizes(-1)]
    for column in (other[0], other[2]):
        column[cut:] += 50
    changed = early(market.time, *other, tick_size=1.0)
    one, two = obi.micro_price(market, **SMALL), obi.micro_price(changed, **SMALL)
    np.testing.assert_array_equal(one[:cut], two[:cut])
    assert looks_ahead(market, lambda part: obi.micro_price(part, **SMALL), one) == ""


def test_on_a_capture_both_kernels_agree_and_appended_equals_whole(broken, monkeypatch):
    given = {"window": 20.0, "refit": 5.0, "bucket": 0.25, "widest": 3.0}
    history, signal = broken[3:], obi.micro_price
    use(monkeypatch, "numpy")
    twin = signal(history, **given)
    use(monkeypatch, "numba")
    whole = signal(history, **given)
    np.testing.assert_array_equal(whole, twin)
    assert np.isfinite(whole).any()
    assert not np.isfinite(whole[np.isnan(history.mid)]).any()
    for cut in (1, 1000, len(history) - 3):
        np.testing.assert_array_equal(signal(history[:cut], **given), whole[:cut])
        np.testing.assert_array_equal(signal.compute(history, given, cut), whole[cut:])
    assert looks_ahead(history, lambda part: signal(part, **given), whole) == ""


def test_it_finds_the_truth_of_a_market_without_memory():
    """Each state is drawn anew; mid rises by one tick with the odds of its imbalance."""
    random = np.random.default_rng(1)
    count = 40_000
    bid, ask = np.where(random.random((2, count)) < 0.5, 3.0, 1.0)
    moves = random.random(count) < 0.5
    rise = random.random(count) < bid / (bid + ask)
    mid = 10_000 + np.append(0, np.cumsum(np.where(moves, np.where(rise, 1, -1), 0))[:-1])
    history = made(np.arange(count) * 0.1, mid, bid, mid + 1, ask)
    values = obi.micro_price(history, window=3600, refit=60, bucket=0.5)
    # The next state's imbalance is 0 in the mean, so that the first state's first chance counts,
    # at each step with the odds of a move: (2·¾ − 1) · ½ = ¼ of a tick.
    for more, wanted in ((bid > ask, 0.25), (bid < ask, -0.25), (bid == ask, 0.0)):
        found = values[more & ~np.isnan(values)]
        assert len(found) > 500
        assert np.abs(found - wanted).max() < 0.02


def test_it_says_what_it_is():
    assert registry.find("micro_price") is obi.micro_price
    assert repr(obi.micro_price) == ("<Signal micro_price: window, refit, bucket, widest; spreads>")
    assert obi.micro_price.needs == {"touch"}
    assert look_back({"window": 60, "refit": 5}) == obi.micro_price.lookback(SMALL) - 15
