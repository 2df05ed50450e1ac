"""The websockets and the HTTP between an exchange and the product, with their faults."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

from .faults import FRAME, GARBAGE, LMEX, NEW_BOOK, REST, REST_BOOKS, SNAPSHOT
from .product import BOOK, Fetch

if TYPE_CHECKING:
    from .exchanges import Frame
    from .play import Play

SECOND = 1_000_000_000
MS = 1_000_000
SILENT = 22
"""Seconds without an answer to subscriptions, so that the book is read by REST."""


class Wire:
    """The websockets; only the one with the book has faults.

    Attributes
    ----------
    open, half_open : bool
        Whether there is a connection; whether it no longer delivers anything.
    flying : deque of int
        Times at which the messages in flight were sent, ns.
    stalled_until : int
        Time until which nothing is delivered, ns.
    late : tuple of (int, int, float)
        A growing delay: when it began, ns; how long it grows, ns; its growth per second.
    """

    def __init__(self, play: Play) -> None:
        self.play = play
        self.open = self.half_open = self.subscribed = False
        self.generation = 0
        self.flying: deque[int] = deque()
        self.stalled_until = self.refusals = self._last = self._silent_until = 0
        self.late = (0, 0, 0.0)
        self.others: set[str] = set()
        self.armed: list[str] = []
        self.delay = 0  # delay of the last delivered message, ns
        self._held: list[Frame] = []
        self._sent_at: dict[str, int] = {}

    @property
    def disturbed(self) -> bool:
        """Whether a fault goes on that the product can only wait out."""
        return self.half_open or self.play.now < self._silent_until or bool(self.flying and (
            self.play.now - self.flying[0] > 2 * SECOND
        ))  # fmt: skip

    def latency(self) -> int:
        return round(self.play.dice.uniform(0.01, 0.12) * SECOND)

    def under_way(self) -> int:
        """Return the age of the oldest message in flight, or the delay of the last one, ns."""
        since = [*list(self.flying)[:1], *self.play.answers.flying.values()]
        return max(self.delay, self.play.now - min(since) if since else 0)

    # -- connections -----------------------------------------------------------------------

    def reopen(self, socket: str) -> None:
        if socket != BOOK:
            self.others.add(socket)
            self.play.tell(self.play.product.opened, socket, self.play.wall)
            return
        if self.refusals:
            self.refusals -= 1
            self.play.tell(self.play.product.closed, BOOK, "Connect call failed", self.play.wall)
            self.play.after(2 * SECOND, self.reopen, BOOK)
            return
        self.generation += 1
        self.open, self.half_open, self._last = True, False, 0
        self.subscribed = self.play.exchange.name != "lmex"
        self.play.oracle.connection()
        self.play.say("connected")
        self.play.tell(self.play.product.opened, BOOK, self.play.wall)

    def cut(self, socket: str, reason: str) -> None:
        if socket == BOOK and self.open:
            self.open = self.half_open = False
            self.generation += 1
            self.flying.clear()
            self._held.clear()
            self.stalled_until = 0
            self.play.say(f"disconnected: {reason}")
            self.play.tell(self.play.product.closed, BOOK, reason, self.play.wall)
            self.play.after(SECOND + self.latency(), self.reopen, BOOK)
        elif socket in self.others:
            self.others.discard(socket)
            self.play.tell(self.play.product.closed, socket, reason, self.play.wall)
            self.play.after(SECOND + self.latency(), self.reopen, socket)

    def time_out(self, generation: int) -> None:
        if self.generation == generation and self.half_open:
            self.cut(BOOK, "keepalive ping timeout")

    def send(self, socket: str, text: str) -> None:
        now = self.play.now
        self._sent_at[socket] = at = max(now + self.latency(), self._sent_at.get(socket, 0))
        if socket == BOOK and self.open and not self.half_open:
            self.play.after(at - now, self._serve, text, self.generation)
        elif socket in self.others:
            self.play.after(at - now, self._serve_other, socket, text)

    def ping(self, socket: str) -> None:
        """Answer a ping; the pong queues behind the messages in flight on its connection."""
        if socket in self.others:
            self.play.after(self.latency(), self._pong, socket, self.generation)
        elif socket == BOOK and self.open and not self.half_open:
            self.play.after(self._queue(), self._pong, socket, self.generation)

    def _pong(self, socket: str, generation: int) -> None:
        if socket in self.others or (generation == self.generation and not self.half_open):
            self.play.tell(self.play.product.ponged, socket, self.play.wall)

    # -- the server ------------------------------------------------------------------------

    def _serve_other(self, socket: str, text: str) -> None:
        answer = "pong" if text == "ping" else json.dumps({"event": "subscribe", "channel": ["x"]})
        if socket in self.others:
            self.play.tell(self.play.product.frame, socket, answer, self.play.wall)

    def _serve(self, text: str, generation: int) -> None:
        if generation != self.generation or self.half_open:
            return
        frame = type(self.play.exchange.snapshot(0))
        if text == "ping":
            self._push(frame("pong"))
            return
        asked = json.loads(text)
        operation = asked.get("op")
        self._push(frame(json.dumps({"event": operation, "channel": asked.get("args", [])})))
        if operation == "unsubscribe":
            self.subscribed = False
        elif operation == "subscribe":
            self._subscribe()

    def _subscribe(self) -> None:
        play, exchange = self.play, self.play.exchange
        kind = next((one for one in self.armed if one in LMEX), "")
        if play.now < self._silent_until:
            return
        newest = len(play.world) - 1
        if kind:
            self.armed.remove(kind)
            play.hit(kind)
        if kind in REST_BOOKS:
            self._silent_until = play.now + SILENT * SECOND
            play.answers.begin(kind)
            return
        self.subscribed = True
        how: dict = {}
        if kind == "stale snapshot":
            newest = max(0, newest - play.dice.randint(5, 300))
        elif kind == "snapshot of another symbol":
            how["symbol"] = exchange.other
        elif kind:
            how["time"] = play.world.times[newest] + leap(kind, play.dice)
        self._unreadable_before()
        # Published first, so that the deltas after it continue it.
        self._push(exchange.snapshot(newest, **how))

    def _unreadable_before(self) -> None:
        """Damage the event just before a snapshot, if that fault is armed."""
        if SNAPSHOT[0] in self.armed and self.open and len(self.play.world) > 3:
            self.armed.remove(SNAPSHOT[0])
            self.play.hit(SNAPSHOT[0])
            frame = self.play.exchange.snapshot(0)
            newest = len(self.play.world) - 1
            newest -= newest % self.play.exchange.together
            cut = self.play.exchange.crossing(newest)
            self._push(frame._replace(data=cut.data[:60], step=newest, time=None))

    # -- frames ----------------------------------------------------------------------------

    def arm(self, kind: str) -> None:
        """Arm a fault for the next occasion; force a new book if the fault needs one."""
        self.armed.append(kind)
        if kind in NEW_BOOK and self.play.product.state == "live":
            if self.play.dice.random() < 0.5:
                self.armed += ["drop"] * ("drop" not in self.armed)
            else:
                self.cut(BOOK, "it was closed")

    def publish(self, event: Frame) -> None:
        if not (self.open and self.subscribed):
            return
        kind = next((one for one in self.armed if one in FRAME), "")
        frames = [event]
        if kind:
            self.armed.remove(kind)
            self.play.hit(kind)
            frames = self._spoil(kind, event)
        if kind != "swap":
            frames += self._held
            self._held.clear()
        for frame in frames:
            self._push(frame)

    def _spoil(self, kind: str, event: Frame) -> list[Frame]:
        play, exchange, step = self.play, self.play.exchange, event.step
        assert step is not None
        match kind:
            case "drop":
                return []
            case "repeat":
                return [event, event]
            case "swap":
                self._held.append(event)
                return []
            case "truncate":
                return [event._replace(data=event.data[: play.dice.randrange(len(event.data))],
                                       time=None)]  # fmt: skip
            case "garbage":
                name = play.dice.choice(sorted(GARBAGE))
                play.out.faults[f"garbage: {name}"] += 1
                garbage = type(event)(GARBAGE[name])
                return [garbage] if play.dice.random() < 0.5 else [garbage, event]
            case "crossed":
                return [exchange.crossing(step)]
            case "time ahead" | "time back":
                data = retimed(event, event.time + leap(kind, play.dice))
                return [data]
            case "other symbol":
                return [named(event, exchange.symbol, exchange.other), event]
            case "other symbol, in sequence":
                return [named(event, exchange.symbol, exchange.other)]
            case "other stream, our symbol":
                return [streamed(event, exchange.symbol, exchange.other), event]
        raise ValueError(kind)

    def _push(self, frame: Frame) -> None:
        if self.half_open or not self.open:
            return
        self.flying.append(self.play.now)
        self.play.after(self._queue(), self._deliver, frame, self.generation)

    def _queue(self) -> int:
        """Return the delay of a message sent on the book's websocket now, ns."""
        now = self.play.now
        began, grows, pace = self.late
        extra = round((now - began) * pace) if grows and now < began + grows else 0
        self._last = max(now + self.latency() + extra, self.stalled_until, self._last)
        return self._last - now

    def _deliver(self, frame: Frame, generation: int) -> None:
        if generation != self.generation or self.half_open:
            return
        play = self.play
        self.delay = play.now - self.flying.popleft()
        play.oracle.delivered(frame.step, frame.time, play.now, event=True)
        if frame.kind != "event" or self.play.log.maxlen is None:
            play.say(f"received {frame.kind} {frame.step}: {str(frame.data)[:90]}")
        else:
            play.say(f"received event {frame.step}")
        play.tell(play.product.frame, BOOK, frame.data, play.wall)


class Answers:
    """The HTTP answers, with their faults.

    Attributes
    ----------
    flying : dict
        Times at which the REST books in flight were made, ns, by number; only while no websocket
        brings a book.
    """

    def __init__(self, play: Play) -> None:
        self.play = play
        self.flying: dict[int, int] = {}
        self._number = 0
        self._rest_fault = ""
        self._repeated = -1  # the step of the REST book that repeats

    def begin(self, kind: str) -> None:
        """Begin a time in which the book is read by REST."""
        self._rest_fault, self._repeated = kind, -1

    def ask(self, fetch: Fetch) -> None:
        """Take a request, and schedule its answer."""
        play, exchange = self.play, self.play.exchange
        newest = len(play.world) - 1
        is_book = exchange.rest_book in fetch.url
        kind = next((one for one in play.wire.armed if one in REST), "") if is_book else ""
        if kind:
            play.wire.armed.remove(kind)
            play.hit(kind)
        step, how, delay = newest, {}, play.wire.latency()
        if is_book and not play.wire.subscribed and self._rest_fault == REST_BOOKS[1]:
            step = self._repeated = newest if self._repeated < 0 else self._repeated
        elif is_book and not play.wire.subscribed and self._rest_fault == REST_BOOKS[2]:
            step = max(0, newest - play.dice.choice((0, 0, 5, 40, 200)))
        status, body = 200, ""
        match kind:
            case "slow answer":
                delay = round(play.dice.uniform(2, 9.5) * SECOND)  # the feed waits for 10
            case "stale answer":
                step = max(0, newest - play.dice.randint(3, 300))
            case "answer of an error":
                status, body = play.dice.choice((500, 502, 503)), "Bad Gateway"
            case "answer limited":
                status, body = play.dice.choice((418, 429)), '{"code":-1003,"msg":"Too many"}'
            case "no answer":
                status, body, delay = 0, "timed out", 10 * SECOND
            case "answer of garbage":
                body = play.dice.choice(("<html>", "", "[]", "{}", '{"lastUpdateId":"x"}'))
            case "answer of another symbol":
                how["symbol"] = exchange.other
            case "answer ahead of time" | "answer back in time":
                how["time"] = play.world.times[step] + leap(kind, play.dice)
        frame = None
        if status == 200 and not body and kind != "answer of garbage":
            frame = exchange.answer(fetch.url, step, **how)
            status, body = (404, "not found") if frame is None else (200, str(frame.data))
        if "/time" in fetch.url:
            status, body = 200, json.dumps({"serverTime": play.now // MS})
        self._number += 1
        if is_book and frame is not None and not play.wire.subscribed:
            self.flying[self._number] = play.now
        if is_book:
            play.wire._unreadable_before()
        play.after(
            delay, self._answer, fetch, status, body, frame, self._number, play.now + delay // 2
        )

    def _answer(self, fetch, status, body, frame, number, date) -> None:
        play = self.play
        sent_at = self.flying.pop(number, None)
        if sent_at is not None:
            play.wire.delay = play.now - sent_at
        if frame is not None:
            play.oracle.delivered(frame.step, frame.time, play.now, event=False)
        play.say(f"answer {fetch.name} {status} {frame.step if frame else ''}: {body[:70]}")
        play.tell(play.product.answer, fetch.name, status, body, play.wall, date)


def leap(kind: str, dice) -> int:
    """Return the error of an event time, ns."""
    seconds = dice.choice((130, 3600, 86_400, 400 * 86_400)) * SECOND
    return seconds if "ahead" in kind else -seconds


def retimed(event: Frame, time: int) -> Frame:
    """Return an event with another time."""
    message = json.loads(event.data)
    data = message["data"]
    for name in ("E", "T", "timestamp"):
        if name in data:
            data[name] = time // MS
    return event._replace(data=json.dumps(message), time=time)


def named(event: Frame, symbol: str, other: str) -> Frame:
    """Return an event of another symbol."""
    text = str(event.data).replace(symbol, other).replace(symbol.lower(), other.lower())
    return event._replace(data=text, step=None, time=None, kind="other")


def streamed(event: Frame, symbol: str, other: str) -> Frame:
    """Return an event on the stream of another symbol that claims to be of our symbol."""
    message = json.loads(event.data)
    for name in ("stream", "topic"):
        if name in message:
            message[name] = message[name].replace(symbol, other)
            message[name] = message[name].replace(symbol.lower(), other.lower())
    for levels in ("b", "a", "bids", "asks"):
        message["data"][levels] = [
            [price, "7.777" if size.strip("0.") else size]
            for price, size in message["data"].get(levels, [])
        ]
    return event._replace(data=json.dumps(message), step=None, time=None, kind="other")
