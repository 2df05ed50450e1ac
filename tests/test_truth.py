"""Random fault sequences, judged by a true market that the product does not see.

``python -m benchmarks.truth`` plays a thousand of them.
"""

import heapq
import math
import random

import pytest

from benchmarks.truth.__main__ import many
from benchmarks.truth.exchanges import Lmex
from benchmarks.truth.faults import kinds
from benchmarks.truth.oracle import SECOND, Oracle
from benchmarks.truth.play import Play
from benchmarks.truth.product import Side
from benchmarks.truth.world import Manner, World, best, filled, top

SEQUENCES = 30


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["lmex", "binance-usdm"])
def test_live_books_and_recorded_rows_equal_the_true_market(venue):
    total = many(venue, SEQUENCES, seed=9)
    told = [total.text(0), *(line for out in total.traces for line in out.trace)]
    assert not total.wrong, "\n".join(told)
    assert total.sums["checked"] > 400 * SEQUENCES
    assert total.sums["live"] > 0.5 * total.sums["looks"]
    assert sum(total.faults[one] > 0 for one in kinds(venue)) > 0.8 * len(kinds(venue))


# -- the judge -----------------------------------------------------------------------------


class Shown:
    """A product that shows the book of a given step, with known errors."""

    def __init__(self, exchange, step, *, known=50, depth=50, spoil=None):
        book = exchange.world.at(step)
        shown = []
        for side in (0, 1):
            prices = top(book, side, depth)
            sizes = book[side, prices] * exchange.unit
            prices = (exchange.base + prices) * exchange.tick
            edge = prices[known - 1] if known else (math.inf if side else -math.inf)
            shown.append(Side(prices, sizes, edge))
        if spoil is not None:
            spoil(shown)
        self.shown = tuple(shown)

    def sides(self):
        return self.shown


def exchange(steps=40, scenario="calm"):
    world = World(3, Manner(scenario, 300, 3.0), 1_790_000_000 * SECOND)
    made = Lmex(world, random.Random(3))
    for number in range(1, steps + 1):
        world.step(world.times[0] + number * SECOND // 10)
        made.grow()
        made.event(number)
    return made


def judged(made, product, *, delivered=(), now=None, connection=None):
    oracle = Oracle(made)
    for step in delivered:
        if step == connection:
            oracle.connection()
        oracle.delivered(step, made.world.times[step], made.world.times[step], event=True)
    return oracle, oracle.judge(product, now or made.world.times[-1], 0)


def test_a_true_state_is_right_even_before_its_frame_is_delivered():
    made = exchange()
    assert judged(made, Shown(made, 40), delivered=range(1, 41))[1] == ""
    assert judged(made, Shown(made, 40), delivered=range(1, 31))[1] == ""


def test_a_state_older_than_a_delivered_message_is_wrong():
    made = exchange()
    assert judged(made, Shown(made, 20), delivered=range(1, 41))[1] == (
        "older than a message delivered on this connection"
    )
    assert judged(made, Shown(made, 20), delivered=[*range(1, 36), 19], connection=19)[1] == (
        "older than a message delivered on an earlier connection"
    )


def changed_size(shown):
    shown[0].sizes[3] += 0.001


def missing_level(shown):
    shown[1] = shown[1]._replace(prices=shown[1].prices[1:], sizes=shown[1].sizes[1:])


def empty_side(shown):
    shown[1] = shown[1]._replace(prices=shown[1].prices[:0], sizes=shown[1].sizes[:0])


@pytest.mark.parametrize("spoil", [changed_size, missing_level])
def test_a_state_that_the_market_never_had_is_wrong(spoil):
    made = exchange()
    found = judged(made, Shown(made, 40, spoil=spoil), delivered=range(1, 41))
    assert found[1] == "no state of the market"


def test_an_unknown_side_must_not_be_called_empty():
    made = exchange()
    found = judged(made, Shown(made, 40, spoil=empty_side), delivered=range(1, 41))
    assert found[1] == "a side that is unknown is called empty"


def test_levels_beyond_the_known_range_are_inferred_and_not_wrong():
    made = exchange()

    def beyond(shown):
        shown[0].sizes[45] += 1

    product = Shown(made, 40, known=30, spoil=beyond)
    oracle, found = judged(made, product, delivered=range(1, 41))
    assert (found, oracle.inferred, oracle.differing) == ("", 1, 1)
    oracle, found = judged(made, Shown(made, 40, known=30), delivered=range(1, 41))
    assert (found, oracle.inferred, oracle.differing) == ("", 1, 0)


def test_a_book_is_not_live_in_a_silence_longer_than_usual():
    made = exchange(steps=200)
    times = made.world.times
    for seconds, wrong in ((4, ""), (9, "live in silence")):
        product, now = Shown(made, 100), times[100] + seconds * SECOND
        assert judged(made, product, delivered=range(1, 101), now=now)[1] == wrong


def test_a_pong_does_not_overtake_delayed_messages():
    # Otherwise a connection that delivers nothing would seem alive.
    play = Play("binance-usdm", 1)
    play.wire.reopen("book")
    play.wire.stalled_until = play.now + 5 * SECOND
    told = []

    def ponged(*_):
        told.append(play.now)
        return []

    play.product.ponged = ponged
    play.wire.ping("book")
    while not told:
        play.now, _, what, args = heapq.heappop(play._queue)
        what(*args)
    assert told == [play.wire.stalled_until]


@pytest.mark.parametrize("scenario", ["calm", "walk", "leap", "thin"])
def test_the_true_market_never_crosses_and_its_past_books_are_kept(scenario):
    world = World(5, Manner(scenario, 1500, 20.0), 0)
    emptied = 0
    books = []
    for number in range(1, 301):
        world.step(number)
        bid, ask = best(world.now, 0), best(world.now, 1)
        emptied += bid < 0 or ask < 0
        assert bid < ask or bid < 0 or ask < 0
        books.append(world.now.copy())
    assert (emptied > 0) == (scenario == "thin")
    for number in (1, 63, 64, 65, 200, 300):
        assert (world.at(number) == books[number - 1]).all()
        for side in (0, 1):
            prices = filled(books[number - 1][side])
            assert (
                top(books[number - 1], side, 5).tolist()
                == (prices[::-1][:5] if side == 0 else prices[:5]).tolist()
            )
