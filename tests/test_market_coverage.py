"""A market whose price walks beyond what its snapshot covered, and the snapshot that follows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Delta, Snapshot, Splice, Status
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.replies import Fetch
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import inferred

LIMIT = 60
STEP = 100_000_000
DEPTH = Parameters(depth=10, decay=0.0)


class Walking(Venue):
    """A venue that tells of every change, with a book of its own that it walks through."""

    name: ClassVar[str] = "walking"
    label: ClassVar[str] = "Walking"
    endpoints: ClassVar[dict] = {}

    def __init__(self, seed=1):
        super().__init__("X")
        chance = np.random.default_rng(seed)
        self.chance, self.now, self.asked = chance, 10**9, 0
        self.bids = {n: float(chance.integers(1, 90)) for n in range(9_500, 10_000)}
        self.asks = {n: float(chance.integers(1, 90)) for n in range(10_001, 10_501)}

    def snapshot(self):
        self.now += 1
        bids = sorted(self.bids.items(), reverse=True)[:LIMIT]
        asks = sorted(self.asks.items())[:LIMIT]
        sides = ([(n / 10, q) for n, q in side] for side in (bids, asks))
        return Snapshot(self.now, self.now, 0, *sides, LIMIT)

    def delta(self, bids, asks):
        self.now += STEP
        for told, side in ((bids, self.bids), (asks, self.asks)):
            for n, size in told:
                side[n] = size
                if not size:
                    del side[n]
        sides = ([(n / 10, float(q)) for n, q in side] for side in (bids, asks))
        return Delta(self.now, self.now, 0, *sides)

    def up(self):
        """Move the price up a tick: the best ask is bought, and bid for."""
        best = min(self.asks)
        return self.delta([(best, self.chance.integers(1, 90))], [(best, 0)])

    def down(self):
        best = max(self.bids)
        return self.delta([(best, 0)], [(best, self.chance.integers(1, 90))])

    def truth(self, depth=10):
        bids = [self.bids[n] for n in sorted(self.bids, reverse=True)[:depth]]
        asks = [self.asks[n] for n in sorted(self.asks)[:depth]]
        return (sum(bids) - sum(asks)) / (sum(bids) + sum(asks))

    def refresh(self, now):
        self.asked += 1
        return [Fetch("snapshot", "url")]

    def resync(self, reason, now):
        return [Status(now, "gap", f"The book was thrown away: {reason}.")]

    def start(self, now):
        return []

    connected = disconnected = received = fetched = tick = start


def opened(**options):
    venue = Walking()
    market = Market(venue, interval=0, **options)
    market.handle([venue.snapshot()], venue.now)
    return market, venue


def tell(market, venue, event):
    return market.handle([event], venue.now)


def test_near_the_edge_a_snapshot_is_asked_for_and_every_state_says_what_it_rests_on():
    market, venue = opened()
    true, wanted = [venue.truth()], []
    for _ in range(LIMIT - 1):
        wanted.append(bool(tell(market, venue, venue.up())))
        true.append(venue.truth())
    assert wanted.index(True) == 29  # of 59 ticks 29 are left
    assert all(wanted[wanted.index(True) :])
    history = market.history()
    right = np.isclose(obi.imbalance(history, DEPTH), true, atol=1e-6)
    guessed = inferred(history, DEPTH)
    assert right.tolist() == (~guessed).tolist()
    assert guessed.sum() == 9  # the last states, in which fewer than ten asks are known
    assert np.isnan(obi.imbalance(obi.History.concat([history]), DEPTH)).sum() == 0
    assert market.state == "live"
    tell(market, venue, venue.up())
    assert market.state == "gap"
    assert market.detail == (
        "The book was thrown away: the price left the range that the snapshot covered."
    )


@pytest.mark.parametrize("strict", [False, True])
def test_a_strict_market_has_no_signal_of_levels_that_it_does_not_know(strict):
    market, venue = opened(strict=strict)
    newest, values = obi.imbalance.newest_by(dict(DEPTH.values)), []
    for _ in range(LIMIT - 1):
        tell(market, venue, venue.up())
        values.append(newest(market.history().newest))
    assert np.isnan(values).tolist() == [False] * 50 + [strict] * 9
    np.testing.assert_array_equal(obi.imbalance(market.history(), DEPTH)[1:], values)


def test_a_spliced_snapshot_heals_without_leaving_live():
    market, venue = opened()
    for _ in range(45):
        tell(market, venue, venue.up())
    snapshot, deltas = venue.snapshot(), []
    for _ in range(5):  # the answer takes a while
        deltas.append(venue.up())
        tell(market, venue, deltas[-1])
    states, edges = len(market.history()), (market.book.bids.edge, market.book.asks.edge)
    assert tell(market, venue, Splice(venue.now, snapshot, deltas)) == []
    assert (market.state, len(market.history())) == ("live", states)
    assert market.book.bids.edge == edges[0]  # the older one knows the bids further down
    assert market.book.asks.edge < edges[1]
    assert tell(market, venue, venue.up()) == []  # nothing more is wanted
    true = []
    for _ in range(200):  # there and back, with a snapshot whenever one is wanted
        move = venue.up() if len(true) < 100 else venue.down()
        if tell(market, venue, move):
            tell(market, venue, Splice(venue.now, venue.snapshot(), []))
        true.append(venue.truth())
        assert market.state == "live"
    history = market.history()
    np.testing.assert_allclose(obi.imbalance(history, DEPTH)[-200:], true, atol=1e-6)
    assert not inferred(history, DEPTH).any()


@pytest.mark.parametrize("change", ["size", "missing", "more"])
def test_a_snapshot_that_contradicts_the_book_throws_it_away(change):
    market, venue = opened()
    tell(market, venue, venue.up())
    best = min(venue.asks)
    if change == "more":
        del venue.bids[max(venue.bids) - 3]
        venue.bids[max(venue.bids) - 3] = 1e6
    else:
        venue.asks[best + 4] += 1
        if change == "missing":
            del venue.asks[best + 4]
    tell(market, venue, Splice(venue.now, venue.snapshot(), []))
    assert market.state == "gap"
    assert market.detail == (
        "The book was thrown away: a newer snapshot has other levels than the book."
    )
    assert market.history().gaps == 1


def test_a_splice_for_a_book_that_is_lost_is_nothing():
    market, venue = opened()
    market.handle(venue.resync("test", venue.now), venue.now)
    tell(market, venue, Splice(venue.now, venue.snapshot(), []))
    assert (market.state, market.book.bids.count) == ("gap", 0)


def test_how_much_is_left_when_a_snapshot_is_wanted_can_be_set():
    for share, left in ((0.0, 0), (0.25, 14), (1.0, 58)):
        market, venue = opened(refresh_at=share)
        wanted = [bool(tell(market, venue, venue.up())) for _ in range(LIMIT - 1)]
        assert sum(wanted) == (left + 1 if share else 0)
    with pytest.raises(SettingsError) as error:
        Market(Walking(), refresh_at=1.5)
    assert str(error.value) == "refresh_at = 1.5 is not possible. Give 0 to 1."


def test_what_leaves_the_window_of_a_venue_is_forgotten():
    """LMEX keeps 50 levels a side up to date, and tells of what enters and leaves."""
    market = Market(make_venue("lmex", "X"), interval=0)
    assert market.book.bids.window == market.book.asks.window == 50
    bids, asks = ([(100.0 + sign * n, 1.0) for n in range(1, 51)] for sign in (-1, +1))
    market.handle([Snapshot(1, 1, 1, bids, asks, 50)], 1)
    assert (market.book.bids.edge, market.book.asks.edge) == (50.0, -150.0)
    market.handle([Delta(2, 2, 2, [(99.5, 2.0)], [(101.0, 0.0)])], 2)
    assert (market.book.bids.edge, market.book.asks.edge) == (51.0, -150.0)
    assert len(market.book.bids.top(99)[0]) == 50
    market.handle([Delta(3, 3, 3, [], [(151.0, 1.0)])], 3)  # what comes in is known
    assert market.book.asks.edge == -151.0
    history = market.history()
    assert inferred(history, Parameters(depth=49)).tolist() == [False, False, False]
    assert inferred(history, Parameters(depth=50)).tolist() == [False, True, False]
    assert inferred(history, Parameters(depth=None, band_bps=4900)).tolist() == [False, True, False]
