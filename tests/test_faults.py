"""Arbitrary faults at arbitrary places: what is shown as live is the exchange's true book.

An exchange is played step by step without a socket. Each step has one frame, which a fault may
spoil; what the venue asks for is answered some steps later, and the venue may be cut off.
"""

import json
from functools import cache
from itertools import chain, repeat

import pytest
from exchange_tools import (
    SECOND,
    TrueMarket,
    levels_of,
    lmex_book,
    lmex_summary,
    usdm_depth,
    usdm_snapshot,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.simulator import STEP
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import Fetch, Ping, Reconnect, Send

FAULTY, CLEAN = 240, 900  # steps; the watchdogs of 10 s take 200, six bad answers 600

GARBAGE = (
    "<html>502 Bad Gateway</html>",
    "",
    b"\xff\xfe",
    "[]",
    "{}",
    "pong",
    '{"topic":"update:BTC-PERP_0"}',
    '{"event":"subscribe","channel":[]}',
    '{"errors":[{"error":{"code":1007,"message":"User buffer is full."}}]}',
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}',
    '{"code":-1121,"msg":"Invalid symbol."}',
    lmex_book("snapshot", 5, [(1, 1)], [(2, 1)], symbol="ETH-PERP"),
    usdm_depth(5, 6, 4, [(1, 1)], symbol="ETHUSDT"),
)

fault = st.one_of(
    st.sampled_from(("drop", "repeat", "swap", "cut off")),
    st.sampled_from(GARBAGE),
    st.floats(0, 0.999),  # truncate: this part of the frame is left
)
faults = st.dictionaries(st.integers(0, FAULTY - 1), fault, max_size=10)
latencies = st.lists(st.integers(0, 40), max_size=10)  # steps; 1 after the last of them
answers = st.lists(st.sampled_from(("good", "none", "limited", "garbage")), max_size=6)


@cache
def true_market(seed):
    return TrueMarket(seed, FAULTY + CLEAN)


class Exchange:
    """Plays a true market to a venue.

    A subclass says what a step's frame is, what to do about a reply, and at which step of the
    true market the venue believes to be.
    """

    def __init__(self, venue, truth, latencies, answers):
        self.truth = truth
        self.venue = venue
        self.market = Market(venue)
        self.latencies = chain(latencies, repeat(1))
        self.answers = chain(answers, repeat("good"))
        self.step = 0
        self.open = True
        self.agenda = []  # (step, what to do then)
        self.held = []

    @property
    def now(self):
        return self.truth.time(self.step)

    def after(self, steps, what, *args):
        self.agenda.append((self.step + steps, what, args))

    def tell(self, outputs):
        for reply in self.market.handle(outputs, self.now):
            self.carry(reply)
        if self.market.state == "live":
            assert self.open
            window = tuple(self.truth.window[self.believed()])
            assert levels_of(self.market.book) == window

    def carry(self, reply):
        if isinstance(reply, Ping):
            if self.open:
                self.after(1, self.pong)
        elif isinstance(reply, Reconnect):
            self.after(0, self.cut_off)
        elif isinstance(reply, Fetch):
            asked = round(reply.delay / SECOND / STEP) + next(self.latencies)
            self.after(asked, self.take_answer)
        elif isinstance(reply, Send):
            self.operate(reply.text)

    def pong(self):
        if self.open:
            self.tell(self.venue.ponged("book", self.now))

    def cut_off(self):
        if self.open:
            self.open = False
            self.held.clear()
            self.after(1 + next(self.latencies), self.reopen)
            self.tell(self.venue.disconnected("book", "it was closed", self.now))

    def reopen(self):
        self.open = True
        self.tell(self.venue.connected("book", self.now))

    def take_answer(self):
        """The answer is of now, and arrives later."""
        status, body = {
            "good": (200, self.rest_book()),
            "none": (0, "timed out"),
            "limited": (429, ""),
            "garbage": (200, "<html>"),
        }[next(self.answers)]
        self.after(next(self.latencies), self.answer, status, body)

    def answer(self, status, body):
        self.tell(self.venue.fetched(self.fetch_name, status, body, self.now))

    def play(self, faults):
        self.after(0, self.reopen)
        for self.step in range(FAULTY + CLEAN):
            for reply in self.market.tick(self.now):
                self.carry(reply)
            self.tell([])
            due = [one for one in self.agenda if one[0] <= self.step]
            self.agenda = [one for one in self.agenda if one[0] > self.step]
            for _, what, args in due:
                what(*args)
            for frame in self.spoil(self.frame(), faults.get(self.step)):
                if self.open:
                    self.tell(self.venue.received(frame, self.now))

    def spoil(self, frame, fault):
        if fault == "cut off":
            self.cut_off()
            return []
        if frame is None or fault == "drop":
            return []
        if fault == "swap":
            self.held.append(frame)
            return []
        if isinstance(fault, float):
            return [frame[: int(fault * len(frame))]]
        if fault in GARBAGE:
            return [fault]
        frames = [frame, *self.held] if fault is None else [frame, frame]
        self.held.clear()
        return frames


class LmexExchange(Exchange):
    """Deltas of one step each; a snapshot some steps after each subscription."""

    fetch_name = "picture"

    def __init__(self, truth, latencies, answers):
        venue = make_venue("lmex", "BTC-PERP")
        super().__init__(venue, truth, latencies, answers)
        self.tell(venue.fetched("summary", 200, lmex_summary(), self.now))
        self.subscribed = False
        self.snapshot_due = None

    def believed(self):
        if self.venue._sequence is None:
            assert (
                self.venue._rest_book.polled
            )  # else it would drop the deltas of a book that is live
            return (self.venue._rest_book.shown_ms - 1_700_000_000_000) // 50
        return self.venue._sequence

    def operate(self, text):
        if "unsubscribe" not in text and "subscribe" in text:
            self.snapshot_due = self.step + next(self.latencies)  # until then: what is under way

    def cut_off(self):
        self.subscribed, self.snapshot_due = False, None
        super().cut_off()

    def frame(self):
        if self.snapshot_due is not None and self.snapshot_due <= self.step:
            self.subscribed, self.snapshot_due = True, None
            window = self.truth.window[self.step]
            return lmex_book("snapshot", self.step, *(side.items() for side in window))
        changes = (side.items() for side in self.truth.changes[self.step])
        return lmex_book("delta", self.step, *changes) if self.subscribed else "pong"

    def rest_book(self):
        sides = [
            [{"price": str(price), "size": str(size)} for price, size in side.items()]
            for side in self.truth.window[self.step]
        ]
        named = {"buyQuote": sides[0], "sellQuote": sides[1], "symbol": "BTC-PERP"}
        return json.dumps({**named, "timestamp": 1_700_000_000_000 + 50 * self.step})


class UsdmExchange(Exchange):
    """Events of two steps each, so that a snapshot may fall into the midst of one.

    Step ``s`` ends with update ``10 s + 9``.
    """

    fetch_name = "snapshot"

    def __init__(self, truth, latencies, answers):
        super().__init__(make_venue("binance-usdm", "BTCUSDT"), truth, latencies, answers)

    def believed(self):
        return (self.venue._chain.last - 9) // 10

    def frame(self):
        if self.step % 2 == 0:
            return None
        before, after = self.truth.changes[self.step - 1 : self.step + 1]
        sides = ((old | new).items() for old, new in zip(before, after, strict=True))
        last = 10 * self.step + 9
        return usdm_depth(last - 13, last, last - 20, *sides, ms=self.now // 1_000_000)

    def rest_book(self):
        window = self.truth.window[self.step]
        sides = (side.items() for side in window)
        return usdm_snapshot(10 * self.step + 9, *sides, ms=self.now // 1_000_000)


@pytest.mark.parametrize("exchange", [LmexExchange, UsdmExchange])
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(faults=faults, latencies=latencies, answers=answers, seed=st.integers(0, 3))
def test_what_is_live_is_true_whatever_goes_wrong_and_in_the_end_it_is_live(
    exchange, faults, latencies, answers, seed
):
    playing = exchange(true_market(seed), latencies, answers)
    playing.play(faults)
    assert playing.market.state == "live"
    assert playing.believed() >= FAULTY + CLEAN - 2  # and it is the newest book


@pytest.mark.parametrize("exchange", [LmexExchange, UsdmExchange])
def test_without_faults_a_book_is_lost_never(exchange):
    playing = exchange(true_market(0), [], [])
    playing.play({})
    assert playing.market.history().gaps == 0
    assert playing.market.state == "live"
