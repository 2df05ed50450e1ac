"""Mutated frames: ``python -m benchmarks.fuzz --venue lmex --frames 1000000``.

Most are JSON of a venue's own kind with levels, sequence, times or names changed; others have
bytes changed, are HTTP answers, or are lines of a recording. Good frames come in between. A mutated
frame may be refused or raise an `ObiError`. After it, good frames must lead to a live book again,
which equals the good snapshot, and to a history that can be read.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import obi_widgets as obi
from obi_widgets.errors import RecordingWarning

from .mutations import VENUES, Good, Mutator
from .truth.product import BOOK, Fetch, ObiError, Product, Reconnect, Send, ready

SECOND = 1_000_000_000
PATIENCE = 240
"""Half seconds within which good frames must lead to a live book."""

READ_EVERY, FILE_EVERY, OPEN_EVERY = 500, 1_000, 3_000
"""Mutated frames between two reads of the history, two loads of a recording, two new markets."""
CAPACITY = 4096


class Fuzz:
    """Feeds a market with mutated frames, and good ones in between.

    Attributes
    ----------
    counts : Counter
        Mutated frames: ``all``; those that are still JSON of the venue, ``changed``; those that
        changed the ``book``; and by kind.
    wrong : Counter
        Number of errors by kind; ``examples`` has an example of each.
    """

    def __init__(self, venue: str, seed: int) -> None:
        self.dice = random.Random(f"{venue} {seed}")
        self.venue = venue
        self.good: Good = VENUES[venue](self.dice)
        self.mutator = Mutator(self.good, self.dice)
        self.counts: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()  # unnamed errors that the product caught
        self.wrong: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.now = 1_790_000_000 * SECOND
        self._frame: object = None
        self._turn = 0
        self._begin()

    def _begin(self) -> None:
        """Open a new market; the first answer about its instrument is mutated."""
        if self._turn:
            self.failures += self.product.failures
        self.product = Product(self.venue, self.good.symbol, 0.0, capacity=CAPACITY)
        self.waiting: list = []
        self._silent = False
        self._call(self.product.start, self.now)
        body = self.mutator.answer(json.loads(self.good.answer("instrument", self.now)))
        self._count("answer about the instrument", body)
        for fetch in list(self.waiting):
            self._call(self.product.answer, fetch.name, 200, body, self.now, self.now)
        if self.product.state == "closed":  # the answer says that the symbol does not exist
            self.product = Product(self.venue, self.good.symbol, 0.0, capacity=CAPACITY)
            self.waiting = []
            self._call(self.product.start, self.now)
        self._heal()

    # -- calls -----------------------------------------------------------------------------

    def _call(self, what, *args) -> None:
        try:
            self.waiting += what(*args)
        except Exception as error:  # noqa: BLE001 - whatever it is, it would have ended the feed
            self._note(f"the feed ended: {_named(error)}")
            self._begin()

    def _note(self, what: str) -> None:
        self.wrong[what] += 1
        self.examples.setdefault(what, repr(self._frame)[:200])

    def _tell(self, frame) -> None:
        self.now += self.dice.randrange(1, 100) * 1_000_000
        self._call(self.product.frame, BOOK, frame, self.now)

    def _answer(self, fetch: Fetch) -> None:
        self._call(self.product.answer, fetch.name, 200, self.good.answer(fetch.url, self.now),
                   self.now, self.now)  # fmt: skip

    def _heal(self) -> None:
        """Act as venue and feed, with good frames, until the market is live."""
        for _ in range(PATIENCE):
            polling = all(self._is_book(reply) for reply in self.waiting)
            if self.product.state == "live" and polling:
                return
            replies, self.waiting = self.waiting, []
            for reply in replies:
                self._carry(reply)
            if self.product.state == "live":
                continue
            self.now += SECOND // 2
            self._call(self.product.tick, self.now)
            if self.good.streams:  # an event comes whether or not there is a book
                self._tell(self.good.text(self.good.event(self.now)))
        state = f"{self.product.state} {_plain(self.product.detail)}"
        self._note(f"not live again after {PATIENCE // 2} s: {state}")
        self._begin()

    def _is_book(self, reply) -> bool:
        return isinstance(reply, Fetch) and self.good.rest_book in reply.url

    def _carry(self, reply) -> None:
        lost = self.product.state != "live"
        match reply:
            case Reconnect():
                self._call(self.product.closed, reply.socket, "asked for", self.now)
                self._call(self.product.opened, reply.socket, self.now)
            case Send() if '"subscribe"' in reply.text and reply.socket == BOOK:
                self._silent |= self.dice.random() < 0.01
                if self._silent:
                    return  # until the book is read by REST
                self._tell(self.good.text(self.good.snapshot(self.now)))
                self._compare(lost)
            case Send() if reply.text == "ping" and reply.socket == BOOK:
                self._call(self.product.frame, BOOK, "pong", self.now)
            case Send():
                pass
            case Fetch() if self._is_book(reply) and self.dice.random() < (
                0.5 if self._silent else 0.15
            ):
                self.now += reply.delay
                body = self.mutator.answer(json.loads(self.good.answer(reply.url, self.now)))
                self._count("answer", body)
                self._call(self.product.answer, reply.name, 200, body, self.now, self.now)
                self._silent &= self.product.state != "live"
            case Fetch():
                self.now += reply.delay
                self._answer(reply)
                if self._is_book(reply):
                    self._compare(lost)
                    self._silent = False
            case _ if hasattr(reply, "url"):  # a websocket to connect to
                self._call(self.product.opened, reply.socket, self.now)
            case _ if type(reply).__name__ == "Ping":
                self._call(self.product.ponged, reply.socket, self.now)

    def _compare(self, lost: bool) -> None:
        """Check that a book that was lost equals the good snapshot."""
        if not lost or self.product.state != "live" or self.dice.random() > 0.1:
            return
        for side, (prices, sizes) in zip(self.product.sides(), self.good.newest, strict=True):
            if not (np.array_equal(side.prices, prices) and np.allclose(side.sizes, sizes)):
                self._note("a live book that is not the good snapshot")

    # -- a frame ---------------------------------------------------------------------------

    def _count(self, kind: str, frame) -> None:
        self._frame = frame
        self.counts["all"] += 1
        self.counts[f"  {kind}"] += 1

    def one(self) -> None:
        """Deliver a mutated frame, and then good ones."""
        kind, frame, changed = self.mutator.frame(self.now)
        self._count(kind, frame)
        self.counts["changed"] += changed
        self._tell(frame)
        self.counts["book"] += self.product.changed_at == self.now
        self._heal()
        self._tell(self.good.text(self.good.event(self.now)))
        self._heal()
        self._turn += 1
        for every, what in ((READ_EVERY, self.read), (FILE_EVERY, self.file),
                            (OPEN_EVERY, self._begin)):  # fmt: skip
            if self._turn % every == 0:
                what()

    def read(self) -> None:
        """Read the history."""
        try:
            history = self.product.rows()
            values = obi.imbalance(history, obi.Settings())
            history.prices(+1), history.sha256()
            if len(values) != len(history) or not np.all(np.isnan(values) | (abs(values) <= 1)):
                self._note("an impossible imbalance")
            if np.any(np.diff(history.time) < 0):
                self._note("event times that go back")
            self.counts["histories read"] += 1
        except Exception as error:  # noqa: BLE001
            self._note(f"the history cannot be read: {_named(error)}")
            self._begin()

    def file(self) -> None:
        """Load a recording of good and mutated lines."""
        at, lines = self.now, []
        if self.good.about:  # as a recorder writes it first
            answer = [self.good.about, 200, self.good.answer("", at)]
            lines.append(f"{at} @answer {json.dumps(answer)}".encode())
        if self.good.streams:  # a recorded answer belongs to a connection
            lines.append(f'{at} @open ["book",""]'.encode())
        for number in range(60):
            at += SECOND // 20
            good = self.good.text(self.good.event(at))
            if number == 20:
                good = self.good.recorded(at)
            line = f"{at} {good}".encode()
            if number != 20 and self.dice.random() < 0.2:  # the book itself must be readable
                line = self.mutator.line(line, at)
                self.counts["all"] += 1
                self.counts["  line of a recording"] += 1
            lines.append(line)
        self._frame = b"\n".join(lines[:3])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mutated.txt"
            path.write_bytes(b"\n".join(lines) + b"\n")
            try:
                with warnings.catch_warnings(action="ignore", category=RecordingWarning):
                    obi.load(path, market=f"{self.venue}:{self.good.symbol}")
                self.counts["recordings loaded"] += 1
            except ObiError as error:
                self.named[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001
                self._note(f"load raised {_named(error)}")

    def run(self, frames: int) -> None:
        while self.counts["all"] < frames:
            self.one()
        self.read()
        self.failures += self.product.failures

    def text(self, seconds: float) -> str:
        counts = self.counts
        total = counts["all"]
        lines = [
            f"{self.venue}: {total:,} mutated frames in {seconds:,.0f} s of CPU "
            f"({seconds / total * 1e6:,.0f} s a million)",
            f"  JSON with levels, sequence, times, names changed  {counts['changed'] / total:.1%}",
            f"  reached the book                                  {counts['book'] / total:.1%}",
            f"  histories read {counts['histories read']:,}, recordings loaded "
            f"{counts['recordings loaded']:,}, named errors {dict(self.named)}",
            f"  errors caught within {dict(self.failures) or 'none'}",
            f"  WRONG {sum(self.wrong.values()):,}",
        ]
        for what, count in self.wrong.most_common():
            lines += [f"    {count:8,} {what}", f"             e.g. {self.examples[what]}"]
        lines += [f"    {count:8,} {kind.strip()}" for kind, count in counts.most_common()
                  if kind.startswith(" ")]  # fmt: skip
        return "\n".join(lines)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {_plain(str(error))}"


def _plain(text: str) -> str:
    """Return the beginning of a text without its figures, so that equal errors count as one."""
    return re.sub(r"[-\d,.e+]*\d[-\d,.e+]*", "#", text)[:60]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--venue", choices=sorted(VENUES), required=True)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    ready()
    warnings.simplefilter("ignore", obi.RecordingWarning)
    began = time.process_time()
    fuzz = Fuzz(chosen.venue, chosen.seed)
    fuzz.run(chosen.frames)
    print(fuzz.text(time.process_time() - began))
    return bool(fuzz.wrong)


if __name__ == "__main__":
    sys.exit(main())
