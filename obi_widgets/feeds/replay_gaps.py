"""Gaps of a replay: the time without a book, and the frames that were not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording.skipped import Skipped

SECOND = 1_000_000_000  # ns

LATE = 10 * SECOND
"""A book that begins this long after the first frame is reported. Usually it takes seconds."""

UNREADABLE = "unreadable"


class ReplayGaps:
    """Measures how long a replayed market has no book, and reports what was not used.

    Parameters
    ----------
    market : Market
        The market that the recording is replayed into.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._first = self._newest = 0  # steady times of the first and the newest record
        self._missing_since: int | None = None  # None while there is a book
        self._begun = 0  # time of the first book; 0 before it
        self._missing_ns = self._losses = 0  # between two books: total time, and how often
        self._lost_at, self._why = 0, ""  # time and reason of the first loss

    def check_book(self) -> None:
        """Check whether there is a book. Call it after each record that may begin or end one."""
        now = self._market.steady_now
        if not now:
            return  # no record has been read
        if not self._first:
            self._first = self._missing_since = now
        self._newest = now
        book = self._market.book
        has_book = book.bids.count > 0 or book.asks.count > 0
        if has_book and self._missing_since is not None:
            if self._begun:
                self._missing_ns += now - self._missing_since
                self._losses += 1
            self._begun = self._begun or now
            self._missing_since = None
        elif not has_book and self._missing_since is None:
            self._missing_since = now
            if not self._lost_at:
                self._lost_at, self._why = now, self._market.detail

    def report(self, skipped: Skipped) -> list[str]:
        """Store in `Market.unused`, after the replay, what was not used.

        Parameters
        ----------
        skipped : Skipped
            What the reader left out.

        Returns
        -------
        list of str
            Sentences about missing data of the book, for a warning. Frames of other kinds and lines
            of other markets are not among them, since they are never used.
        """
        refused = self._market.refused
        missing = [*skipped.damage, *self._time_without_book()]
        if refused[UNREADABLE]:
            missing.append(f"Frames that were unreadable: {refused[UNREADABLE]:,}.")
        other = skipped.of_other_markets
        counts = [f"{name} {count:,}" for name, count in refused.items() if name != UNREADABLE]
        if counts:
            other.append(f"Frames that were not used: {', '.join(counts)}.")
        self._market.unused = (*missing, *other, *skipped.lacking)
        return missing

    def _time_without_book(self) -> list[str]:
        """Return sentences that say when, how long and why there was no book."""
        sentences = []
        duration = (self._newest - self._first) / SECOND
        if self._begun - self._first > LATE:
            sentences.append(
                f"The book begins at {self._at(self._begun)}: no snapshot came before, so nothing "
                f"before was used."
            )
        if self._losses:
            sentences.append(
                f"There is no book for {self._missing_ns / SECOND:,.1f} of {duration:,.0f} s: "
                f"it was lost {_times(self._losses)}, first at {self._at(self._lost_at)}."
            )
        if self._begun and self._missing_since is not None:
            rest = (self._newest - self._missing_since) / SECOND
            sentences.append(
                f"The book was lost at {self._at(self._missing_since)}, and no snapshot follows: "
                f"the last {rest:,.0f} of {duration:,.0f} s were not used."
            )
        if sentences and self._why:
            sentences.append(f"Why it was lost the first time: {self._why}")
        return sentences

    def _at(self, time: int) -> str:
        """Return a time as hh:mm:ss since the first record."""
        minutes, seconds = divmod((time - self._first) // SECOND, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:02}:{minutes:02}:{seconds:02}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
