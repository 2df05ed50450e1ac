"""One fault sequence: a market, its exchange, the connections, and the product."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import count

from .exchanges import EXCHANGES, Frame
from .faults import Fault, plan
from .oracle import Oracle, Rows
from .product import BOOK, Connect, Fetch, ObiError, Product, Reconnect, Send
from .wire import Answers, Wire
from .world import Manner, World

SECOND = 1_000_000_000
TICK = SECOND // 10
BEGINNING = 1_790_000_000 * SECOND
FAULTY = 60
"""Seconds in which faults happen."""

HEALED = 120
"""Seconds after the last fault within which the market must be live again."""

STEADY = 5
"""Seconds for which it must then stay live."""


@dataclass
class Outcome:
    """Result of a sequence."""

    seed: int
    manner: str
    wrong: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(
        default_factory=Counter
    )  # unnamed errors that the product caught
    checked: int = 0
    inferred: int = 0
    differing: int = 0
    rows: int = 0
    rows_inferred: int = 0
    known: list[int] = field(default_factory=list)
    looks: int = 0  # ticks while faults happen
    live: int = 0  # those of them at which the market was live
    healed: float = 0.0  # seconds from the last fault to live
    trace: list[str] = field(default_factory=list)  # log up to the first error


class Play:
    """Plays a sequence.

    Parameters
    ----------
    venue : str
        ``lmex`` or ``binance-usdm``.
    seed : int
        The same seed plays the same sequence.
    stop : bool
        Stop at the first error.
    """

    def __init__(self, venue: str, seed: int, *, stop: bool = False) -> None:
        self.dice = dice = random.Random(f"{venue} {seed}")
        self.stop = stop
        self.now = BEGINNING
        self.offset = round(dice.uniform(-2, 2) * SECOND)  # of the wall clock here
        scenario = dice.choices(("calm", "walk", "leap", "thin"), (3, 4, 2, 1))[0]
        near = venue == "lmex"
        swing = dice.randint(100, 400) if near else dice.randint(900, 2500)
        manner = Manner(scenario, swing, dice.uniform(2, 6) if near else dice.uniform(10, 40))
        self.every = round(dice.choices((0.1, 0.3, 1.0, 2.5), (14, 3, 2, 1))[0] * SECOND)
        self.world = World(seed, manner, self.now)
        self.exchange = EXCHANGES[venue](self.world, dice)
        self.oracle = Oracle(self.exchange, self.every)
        interval = dice.choice((0.0, 0.1))
        self.product = Product(venue, self.exchange.symbol, interval)
        self.received: set[int] = set()
        self._queue: list = []
        self._order = count()
        self.log: deque[str] = deque(maxlen=60)
        self.wire = Wire(self)
        self.answers = Answers(self)
        self.out = Outcome(seed, f"{scenario}, every {self.every / 1e9:g} s, interval {interval}")
        self.plan = plan(venue, dice, FAULTY)
        self._stopped = False

    @property
    def wall(self) -> int:
        return self.now + self.offset

    def after(self, delay: int, what, *args) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._order), what, args))

    def say(self, what: str) -> None:
        told = f"{(self.now - BEGINNING) / 1e9:9.3f} {what}"
        if "received event" in told and self.log and "received event" in self.log[-1]:
            self.log.pop()  # keep only the last of consecutive events
        self.log.append(told)

    def hit(self, kind: str) -> None:
        """Note that a fault took effect."""
        self.out.faults[kind] += 1
        self.say(f"FAULT {kind}")

    # -- the product -----------------------------------------------------------------------

    def tell(self, what, *args, judged: bool = True) -> None:
        """Call the product, carry out its replies, and judge its state."""
        self.received.add(self.wall)
        before = self.product.state
        try:
            replies = what(*args)
        except ObiError as error:
            self.fail("a named error came out of the market", repr(error))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it would have ended the feed
            self.fail(f"the feed ended: {type(error).__name__}", repr(error))
            self._stopped = True
            return
        if self.product.state != before:
            self.say(f"{before} -> {self.product.state} {self.product.detail}")
        for reply in replies:
            self.carry(reply)
        if self.product.state == "closed":
            self.fail("the feed was closed", self.product.detail)
            self._stopped = True
        elif self.product.state == "live" and judged:
            wrong = self.oracle.judge(self.product, self.now, self.wire.under_way())
            if wrong:
                self.fail(wrong, "")
            if not self.wire.open and not self.product.by_rest:
                self.fail("live without a connection", "")

    def fail(self, what: str, detail: str) -> None:
        self.out.wrong[what] += 1
        if not self.out.trace:
            self.say(f"WRONG {what} {detail}")
            self.out.trace = list(self.log)
        self._stopped |= self.stop

    def carry(self, reply) -> None:
        match reply:
            case Connect():
                self.after(self.wire.latency(), self.wire.reopen, reply.socket)
            case Reconnect():
                self.after(0, self.wire.cut, reply.socket, "it was asked for")
            case Send():
                self.wire.send(reply.socket, reply.text)
            case Fetch():
                self.after(reply.delay + self.wire.latency(), self.answers.ask, reply)
            case _ if type(reply).__name__ == "Ping":
                self.wire.ping(reply.socket)
            case _:
                raise TypeError(reply)

    # -- the run ---------------------------------------------------------------------------

    def run(self) -> Outcome:
        self.tell(self.product.start, self.wall)
        self.after(0, self.tick)
        self.after(self.step_every, self.step)
        for fault in self.plan:
            self.after(fault.at, self.begin, fault)
        ended = BEGINNING + FAULTY * SECOND
        live_since = 0
        while self._queue and not self._stopped:
            self.now, _, what, args = heapq.heappop(self._queue)
            if self.now > ended:
                if self.product.state != "live" or self.wire.disturbed:
                    live_since = 0
                live_since = live_since or self.now * (self.product.state == "live")
                if live_since and self.now - live_since > STEADY * SECOND:
                    self.out.healed = (live_since - ended) / SECOND
                    break
                if self.now > ended + HEALED * SECOND:
                    self.fail(f"not live within {HEALED} s", self.product.detail)
                    break
            what(*args)
        return self._close()

    def _close(self) -> Outcome:
        out, oracle = self.out, self.oracle
        rows = Rows(oracle, self.received)
        rows.judge(self.product)
        if rows.first:
            self.fail("row", rows.first)
            del out.wrong["row"]
        out.wrong += rows.wrong
        out.rows, out.rows_inferred = rows.checked, rows.inferred
        out.checked, out.inferred, out.differing = oracle.checked, oracle.inferred, oracle.differing
        out.known = oracle.known
        out.failures = self.product.failures
        return out

    @property
    def step_every(self) -> int:
        return self.every // self.exchange.together

    def tick(self) -> None:
        self.after(TICK, self.tick)
        self.tell(self.product.tick, self.wall)
        if self.now <= BEGINNING + FAULTY * SECOND:
            self.out.looks += 1
            self.out.live += self.product.state == "live"

    def step(self) -> None:
        """Advance the market by a step, and send its event."""
        self.after(round(self.step_every * self.dice.uniform(0.7, 1.3)), self.step)
        self.world.step(max(self.now // 10**6 * 10**6, self.world.times[-1] + 10**6))
        self.exchange.grow()
        number = len(self.world) - 1
        if number % self.exchange.together == 0:
            event = self.exchange.event(number)
            if event is not None:
                self.wire.publish(event)
        if number % 10 == 0:
            trade = self.exchange.trade(number)
            self.after(self.wire.latency(), self.trade, trade)

    def trade(self, frame: Frame) -> None:
        for socket in self.wire.others:
            self.tell(self.product.frame, socket, frame.data, self.wall)

    # -- faults of clock, venue and connection; the others are armed in the wire -----------

    def begin(self, fault: Fault) -> None:
        seconds = 1 + fault.size * 20
        match fault.kind:
            case "clock forward" | "clock back" | "clock back, untold":
                hours = self.dice.choice((2, 45, 3600, 86_400)) * (0.5 + fault.size)
                delta = round(hours * SECOND) * (+1 if fault.kind == "clock forward" else -1)
                self.offset += delta
                self.hit(fault.kind)
                if fault.kind != "clock back, untold":
                    self.product.clock_was_set(delta)
            case "sequence reset":
                self.exchange.reset()
                self.hit(fault.kind)
                if (
                    fault.size < 0.5
                ):  # a venue that restarts its numbers often closes the connection too
                    self.wire.cut(BOOK, "the server restarts")
            case "cut off":
                if self.wire.open:
                    self.hit(fault.kind)
                    self.wire.cut(BOOK, "it was closed")
            case "cannot connect":
                if self.wire.open:
                    self.hit(fault.kind)
                    self.wire.refusals = 1 + int(fault.size * 4)
                    self.wire.cut(BOOK, "it was closed")
            case "half-open":
                if self.wire.open and not self.wire.half_open:
                    self.hit(fault.kind)
                    self.wire.half_open = True
                    self.wire.flying.clear()
                    generation = self.wire.generation
                    self.after(90 * SECOND, self.wire.time_out, generation)
            case "stall":
                self.hit(fault.kind)
                self.wire.stalled_until = self.now + round(seconds * SECOND / 2)
            case "late":
                self.hit(fault.kind)
                self.wire.late = (self.now, round(seconds * 2 * SECOND), 0.3 + fault.size)
            case _:
                self.wire.arm(fault.kind)


def play(venue: str, seed: int, *, stop: bool = False) -> Outcome:
    """Play a sequence and return its result."""
    return Play(venue, seed, stop=stop).run()
