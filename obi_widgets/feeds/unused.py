"""What of a recording led to no book, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording.left_out import LeftOut

SECOND = 1_000_000_000  # ns

LATE = 10 * SECOND
"""A book that begins that long after the first frame is late: a snapshot comes within seconds."""

UNREADABLE = "unreadable"


class Unused:
    """Watches a recording being played, and tells at its end what was not used.

    Parameters
    ----------
    market : Market
        That it is played into.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._first = self._newest = 0  # steady times
        self._since: int | None = None  # when there was no book any more
        self._begun = 0  # when there was one for the first time
        self._without = self._times = 0  # between two books: ns, and how often
        self._lost_at, self._why = 0, ""  # the first time

    def note(self) -> None:
        """Take note of the market after a record, or many that kept the book."""
        now = self._market.steady_now
        if not now:
            return  # no record has been read
        if not self._first:
            self._first = self._since = now
        self._newest = now
        book = self._market.book
        there = book.bids.count > 0 or book.asks.count > 0
        if there and self._since is not None:
            if self._begun:
                self._without += now - self._since
                self._times += 1
            self._begun = self._begun or now
            self._since = None
        elif not there and self._since is None:
            self._since = now
            if not self._lost_at:
                self._lost_at, self._why = now, self._market.detail

    def tell(self, left_out: LeftOut) -> list[str]:
        """Tell the market what was not used, now that all has been played.

        Parameters
        ----------
        left_out : LeftOut
            What was not even read.

        Returns
        -------
        list of str
            Data of the book that are missing: to be warned of. What else was left out always is.
        """
        refused = self._market.refused
        missing = [*left_out.damage, *self._seconds()]
        if refused[UNREADABLE]:
            missing.append(f"Frames that were unreadable: {refused[UNREADABLE]:,}.")
        kinds = left_out.others
        named = [f"{name} {count:,}" for name, count in refused.items() if name != UNREADABLE]
        if named:
            kinds.append(f"Frames that were not used: {', '.join(named)}.")
        self._market.unused = (*missing, *kinds)
        return missing

    def _seconds(self) -> list[str]:
        """Return how long there was no book."""
        said = []
        whole = (self._newest - self._first) / SECOND
        if self._begun - self._first > LATE:
            said.append(
                f"The book begins at {self._at(self._begun)}: no snapshot came before, so nothing "
                f"before was used."
            )
        if self._times:
            said.append(
                f"There is no book for {self._without / SECOND:,.1f} of {whole:,.0f} s: "
                f"it was lost {_times(self._times)}, first at {self._at(self._lost_at)}."
            )
        if self._begun and self._since is not None:
            rest = (self._newest - self._since) / SECOND
            said.append(
                f"The book was lost at {self._at(self._since)}, and no snapshot follows: the last "
                f"{rest:,.0f} of {whole:,.0f} s were not used."
            )
        if said and self._why:
            said.append(f"Why it was lost the first time: {self._why}")
        return said

    def _at(self, time: int) -> str:
        """Return when it was, since the first record."""
        minutes, seconds = divmod((time - self._first) // SECOND, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:02}:{minutes:02}:{seconds:02}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
