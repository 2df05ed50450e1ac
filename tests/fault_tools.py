"""Exchanges that play a true market to a venue's decoder, step by step, while things go wrong.

``test_faults`` plays every exchange that a venue's test file lists as ``EXCHANGES``. A venue whose
book is a snapshot and chained changes by a websocket needs a `StreamedExchange`: its frames, and at
which step of the true market its decoder believes to be.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import ClassVar

from exchange_tools import SECOND, TrueMarket, levels_of
from hypothesis import strategies as st

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.simulator import STEP
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK, Fetch, Ping, Reconnect, Send

FAULTY, CLEAN = 240, 900  # steps; the watchdogs of 10 s take 200, six bad answers 600

BEGIN = 1_700_000_000_000  # ms

GARBAGE = (
    "<html>502 Bad Gateway</html>",
    "",
    b"\xff\xfe",
    "[]",
    "{}",
    "pong",
    '{"code":-1121,"msg":"Invalid symbol."}',
)
"""Frames of no venue. An exchange adds its own."""

fault = st.one_of(
    st.sampled_from(("drop", "repeat", "swap", "cut off", "restart")),
    st.integers(0, 999),  # garbage instead of the frame: which
    st.floats(0, 0.999),  # truncate: this part of the frame is left
)
faults = st.dictionaries(st.integers(0, FAULTY - 1), fault, max_size=10)
latencies = st.lists(st.integers(0, 40), max_size=10)  # steps; 1 after the last of them
answers = st.lists(st.sampled_from(("good", "none", "limited", "garbage")), max_size=6)


class Exchange:
    """Plays a true market to a venue.

    A subclass says what a step's frame is, what to do about a reply, and at which step of the
    true market the venue believes to be.

    Attributes
    ----------
    source : str
        ``venue:SYMBOL``.
    garbage : tuple of str
        Frames that may come instead of one of the book.
    """

    source: ClassVar[str]
    garbage: ClassVar[tuple[str | bytes, ...]] = ()

    def __init__(self, truth: TrueMarket, latencies, answers) -> None:
        self.truth = truth
        self.venue = make_venue(*self.source.split(":"))
        self.market = Market(self.venue)
        self.latencies = chain(latencies, repeat(1))
        self.answers = chain(answers, repeat("good"))
        self.step = 0
        self.open = True
        self.agenda = []  # (step, what to do then)
        self.held = []
        self.begin()

    # -- what an exchange says -------------------------------------------------------------

    def begin(self) -> None:
        """Tell the venue what it has to know before its websocket opens."""

    def frame(self) -> str | None:
        """Return what the book's websocket brings at this step."""
        raise NotImplementedError

    def believed(self) -> int:
        """Return the step whose book the venue claims to have."""
        raise NotImplementedError

    def operate(self, text: str) -> None:
        """Do what the venue sends by the book's websocket."""

    def answer(self, name: str) -> str | None:
        """Return the answer of now to a request by HTTP; None if there is none."""

    def restart(self) -> None:
        """Let the venue begin a new count, if it ever does."""

    def sizes(self, side: dict[float, int]) -> dict[float, float]:
        """Return the sizes of a side of the true market in base units."""
        return side

    # -- how it is played ------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.truth.time(self.step)

    @property
    def ms(self) -> int:
        """The time of this step, ms."""
        return self.now // 1_000_000

    def after(self, steps, what, *args):
        self.agenda.append((self.step + steps, what, args))

    def tell(self, outputs):
        for reply in self.market.handle(outputs, self.now):
            self.carry(reply)
        if self.market.state == "live":
            assert self.open
            window = tuple(map(self.sizes, self.truth.window[self.believed()]))
            assert levels_of(self.market.book) == window

    def carry(self, reply):
        if isinstance(reply, Ping):
            if self.open:
                self.after(1, self.pong)
        elif isinstance(reply, Reconnect):
            self.after(0, self.cut_off)
        elif isinstance(reply, Fetch):
            asked = round(reply.delay / SECOND / STEP) + next(self.latencies)
            self.after(asked, self.take_answer, reply.name)
        elif isinstance(reply, Send) and reply.socket == BOOK:
            self.operate(reply.text)

    def pong(self):
        if self.open:
            self.tell(self.venue.ponged(BOOK, self.now))

    def cut_off(self):
        if self.open:
            self.open = False
            self.held.clear()
            self.after(1 + next(self.latencies), self.reopen)
            self.tell(self.venue.disconnected(BOOK, "it was closed", self.now))

    def reopen(self):
        self.open = True
        self.tell(self.venue.connected(BOOK, self.now))

    def take_answer(self, name):
        """The answer is of now, and arrives later."""
        body = self.answer(name)
        if body is None:
            return
        status, body = {
            "good": (200, body),
            "none": (0, "timed out"),
            "limited": (429, ""),
            "garbage": (200, "<html>"),
        }[next(self.answers)]
        self.after(next(self.latencies), self.give_answer, name, status, body)

    def give_answer(self, name, status, body):
        self.tell(self.venue.fetched(name, status, body, self.now))

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
            fault = faults.get(self.step)
            if fault == "restart":
                self.restart()
            for frame in self.spoil(self.frame(), fault):
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
        if isinstance(fault, int):
            garbage = GARBAGE + self.garbage
            return [garbage[fault % len(garbage)]]
        frames = [frame, frame] if fault == "repeat" else [frame, *self.held]
        self.held.clear()
        return frames


class StreamedExchange(Exchange):
    """Deltas of one step each; a snapshot some steps after each subscription.

    Attributes
    ----------
    subscribed : bool
        Whether deltas are sent. They begin with the snapshot.
    """

    subscribed = False
    snapshot_due: int | None = None

    # -- what an exchange says -------------------------------------------------------------

    def listing(self) -> str:
        """Return the answer that holds the instrument."""
        raise NotImplementedError

    def subscribes(self, text: str) -> bool:
        """Return whether a text subscribes to the book."""
        raise NotImplementedError

    def snapshot(self) -> str:
        """Return the frame of the whole book as it is at this step."""
        raise NotImplementedError

    def delta(self) -> str:
        """Return the frame of what this step changes."""
        raise NotImplementedError

    def idle(self) -> str | None:
        """Return what is sent by a websocket without a subscription."""

    def believed(self) -> int:
        return self.venue._sequence

    # -- how it is played ------------------------------------------------------------------

    def begin(self) -> None:
        self.tell(self.venue.fetched(self.venue.asked_first, 200, self.listing(), self.now))

    def operate(self, text):
        if self.subscribes(text):
            self.snapshot_due = self.step + next(self.latencies)  # until then: what is under way

    def cut_off(self):
        self.subscribed, self.snapshot_due = False, None
        super().cut_off()

    def frame(self):
        if self.snapshot_due is not None and self.snapshot_due <= self.step:
            self.subscribed, self.snapshot_due = True, None
            return self.snapshot()
        return self.delta() if self.subscribed else self.idle()

    @property
    def window(self) -> list[list[tuple[float, int]]]:
        """The levels of both sides at this step, bids first."""
        return [[*side.items()] for side in self.truth.window[self.step]]

    @property
    def changes(self) -> list[list[tuple[float, int]]]:
        """The levels that this step changes, bids first."""
        return [[*side.items()] for side in self.truth.changes[self.step]]
