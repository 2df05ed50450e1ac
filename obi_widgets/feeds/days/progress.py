"""What a recorder of several markets says: a line for each, and a sentence at its end."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from obi_widgets.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from obi_widgets.feeds.days.market_recorder import MarketRecorder

REDRAW_EVERY = 1.0
"""Seconds between two pictures on a terminal."""

SAY_EVERY = 60.0
"""Seconds between two lines of a market elsewhere, unless its state changes."""

DAY = 86_400.0


def bytes_text(size: float) -> str:
    """Return a number of bytes as text: ``12.3 MB``."""
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if size >= 99.5 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


class Line:
    """The line of one market.

    Parameters
    ----------
    recorder : MarketRecorder
        Records the market.
    """

    def __init__(self, recorder: MarketRecorder) -> None:
        self.recorder = recorder
        self._began = self._at = time.monotonic()
        self._messages = 0
        self.state = recorder.state  # when it was last said

    def text(self, now: float) -> str:
        """Return the line; the rate is that since the last call."""
        recorder = self.recorder
        more = max(recorder.messages - self._messages, 0)  # a file may have been given up
        rate = more / max(now - self._at, 1e-3)
        self._messages, self._at = recorder.messages, now
        self.state = recorder.state
        count, size = len(recorder.files), recorder.size
        a_day = size / max(now - self._began, 1.0) * DAY
        return "  ".join(
            [
                recorder.market,
                recorder.state,
                f"{rate:,.0f} messages/s",
                counted(recorder.gaps, "gap"),
                f"{bytes_text(size)} in {counted(count, 'file')}",
                f"{bytes_text(a_day)}/day",
                recorder.detail,
            ]
        ).rstrip()


class Progress:
    """Writes how a recording goes on: a picture on a terminal, plain lines elsewhere.

    What cannot be written, for example because the disk is full or the pipe was closed, is left
    out: the recording goes on.

    Parameters
    ----------
    recorders : sequence of MarketRecorder
        One for each market.
    out : text file
        Where to write.
    """

    def __init__(self, recorders: Sequence[MarketRecorder], out: TextIO) -> None:
        self._lines = [Line(recorder) for recorder in recorders]
        self._out = out
        self._drawn = 0  # lines on the terminal
        self._said_at = time.monotonic()

    def show(self) -> None:
        """Write what is due."""
        now = time.monotonic()
        if self._is_terminal():
            if now - self._said_at >= REDRAW_EVERY or not self._drawn:
                self._said_at = now
                self._draw(now)
            return
        due = now - self._said_at >= SAY_EVERY
        if due:
            self._said_at = now
        for line in self._lines:
            if due or line.state != line.recorder.state:
                self.say(f"{datetime.now(UTC):%H:%M:%S}  {line.text(now)}\n")

    def say(self, text: str) -> None:
        """Write a text."""
        with suppress(OSError, ValueError):  # a character unknown to the terminal is a ValueError
            self._out.write(text)
            self._out.flush()

    def _is_terminal(self) -> bool:
        try:
            return self._out.isatty()
        except (OSError, ValueError):  # it was closed
            return False

    def _draw(self, now: float) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        # Each line is cut at the terminal's edge, and cleared to its end.
        lines = "".join(f"\x1b[2K{line.text(now)}\n" for line in self._lines)
        self.say(f"{up}\x1b[?7l{lines}\x1b[?7h")
        self._drawn = len(self._lines)


def kept(folder: Path, recorders: Sequence[MarketRecorder]) -> str:
    """Return a sentence that says what a recording has kept, and how to load it."""
    with_book = [recorder for recorder in recorders if recorder.had_book]
    if not with_book:
        return f"No book came, so nothing in {folder} can be loaded."
    messages = sum(recorder.messages for recorder in with_book)
    files = sum(len(recorder.files) for recorder in with_book)
    size = sum(recorder.size for recorder in with_book)
    gaps = sum(recorder.gaps for recorder in with_book)
    first = min(recorder.first for recorder in with_book)
    last = max(recorder.last for recorder in with_book)
    market = f", market={with_book[0].market!r}" if len(with_book) > 1 else ""
    return (
        f"Kept {messages:,} messages of {counted(len(with_book), 'market')} with "
        f"{counted(gaps, 'gap')}, from {_moment(first)} to {_moment(last)} UTC, in "
        f"{counted(files, 'file')} of {bytes_text(size)}: obi.load({str(folder)!r}{market})."
    )


def _moment(time: int) -> str:
    return f"{datetime.fromtimestamp(time // 10**9, UTC):%Y-%m-%d %H:%M:%S}"
