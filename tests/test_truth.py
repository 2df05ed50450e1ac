"""Random fault sequences, whose judge does not use the product's own idea of where it is.

The same harness plays a thousand: ``python -m benchmarks.truth``.
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


@pytest.mark.parametrize("venue", ["lmex", "binance-usdm"])
def test_what_is_live_is_true_and_what_is_recorded_was_so(venue):
    total = many(venue, SEQUENCES, seed=9)
    told = [total.text(0), *(line for out in total.traces for line in out.trace)]
    assert not total.wrong, "\n".join(told)
    assert total.sums["checked"] > 400 * SEQUENCES
    assert total.sums["live"] > 0.5 * total.sums["looks"]
    assert sum(total.faults[one] > 0 for one in kinds(venue)) > 0.8 * len(kinds(venue))


# -- the judge himself ------------------------------------------------------------------------


class Shown:
    """A product that shows what it is told to."""

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


def test_a_true_state_is_right_also_one_that_no_frame_has_told_of_yet():
    made = exchange()
    assert judged(made, Shown(made, 40), delivered=range(1, 41))[1] == ""
    assert judged(made, Shown(made, 40), delivered=range(1, 31))[1] == ""


def test_a_state_before_what_was_handed_over_is_wrong():
    made = exchange()
    assert judged(made, Shown(made, 20), delivered=range(1, 41))[1] == (
        "older than what was handed over on this connection"
    )
    assert judged(made, Shown(made, 20), delivered=[*range(1, 36), 19], connection=19)[1] == (
        "older than what was handed over on an earlier connection"
    )


def a_size(shown):
    shown[0].sizes[3] += 0.001


def a_level(shown):
    shown[1] = shown[1]._replace(prices=shown[1].prices[1:], sizes=shown[1].sizes[1:])


def nothing(shown):
    shown[1] = shown[1]._replace(prices=shown[1].prices[:0], sizes=shown[1].sizes[:0])


@pytest.mark.parametrize("spoil", [a_size, a_level])
def test_a_state_that_never_was_is_wrong(spoil):
    made = exchange()
    found = judged(made, Shown(made, 40, spoil=spoil), delivered=range(1, 41))
    assert found[1] == "no state of the market"


def test_a_side_that_is_unknown_is_not_empty():
    made = exchange()
    found = judged(made, Shown(made, 40, spoil=nothing), delivered=range(1, 41))
    assert found[1] == "a side that is unknown is called empty"


def test_what_is_beyond_coverage_is_inferred_and_not_wrong():
    made = exchange()

    def beyond(shown):
        shown[0].sizes[45] += 1

    product = Shown(made, 40, known=30, spoil=beyond)
    oracle, found = judged(made, product, delivered=range(1, 41))
    assert (found, oracle.inferred, oracle.differing) == ("", 1, 1)
    oracle, found = judged(made, Shown(made, 40, known=30), delivered=range(1, 41))
    assert (found, oracle.inferred, oracle.differing) == ("", 1, 0)


def test_silence_is_not_live_for_longer_than_the_market_is_used_to():
    made = exchange(steps=200)
    times = made.world.times
    for seconds, wrong in ((4, ""), (9, "live in silence")):
        product, now = Shown(made, 100), times[100] + seconds * SECOND
        assert judged(made, product, delivered=range(1, 101), now=now)[1] == wrong


def test_a_pong_does_not_overtake_what_is_stuck_before_it():
    # Else a connection of which nothing comes any more would seem to live.
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
def test_the_true_market_never_crosses_and_its_books_can_be_had_again(scenario):
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
            there = filled(books[number - 1][side])
            assert (
                top(books[number - 1], side, 5).tolist()
                == (there[::-1][:5] if side == 0 else there[:5]).tolist()
            )
