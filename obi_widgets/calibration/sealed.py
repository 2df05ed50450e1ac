"""The sealed test: settings are fixed at a time, and judged only by the trades that follow.

Settings that were chosen on a record cannot be tested on that record. Here they are sealed with a
hash and a time, so that nothing can be chosen afterwards. The mean gain of the later trades has
confidence bounds that stay valid when one looks after every trade; see
`obi_widgets.calibration.confidence_sequence`.
"""

from __future__ import annotations

import time
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration import sealed_file
from obi_widgets.calibration.seal import Seal, Seen, clock, sha256_of
from obi_widgets.calibration.track_record import ABOVE, BELOW, PLACES, UNDECIDED, TrackRecord, worst
from obi_widgets.checks import choice, instance, text
from obi_widgets.checks import path as as_path
from obi_widgets.errors import counted
from obi_widgets.history.given import as_history
from obi_widgets.history.provenance import utc
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import Sealed, known
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.post_only import QUEUES, has_trades, queues_of, refuse_without_trades
from obi_widgets.trading.sizing import sized

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings
    from obi_widgets.trading.post_only import Queue

__all__ = ["ABOVE", "BELOW", "UNDECIDED", "SealedTest"]


class SealedTest:
    """Test of sealed settings on the trades after the seal.

    Made by `obi_widgets.Session.seal`, the button under the calibration, or
    `obi_widgets.sealed_test`. Its trades are the entries of the sealed settings from the first
    state after the seal, one position at a time, as in `obi_widgets.entries`. Each is judged by its
    net gain in bps, after the fees of both sides; with ``size_by="strength"``, in bps of the whole
    size: the gain times the trade's weight, since the bounds are of a plain mean. A trade that a
    gap ended is not judged, since its result is unknown.

    The mean gain is *above zero* if both lower bounds are above 0: the asymptotic bound, and the
    exact bound on gains and losses that are each clipped. It is *below zero* if both upper bounds
    are below 0, and otherwise *not yet decided*. The probability that either claim is ever wrong is
    at most 5 %, however often one looks: exactly if no gain or loss exceeds the clip, else
    asymptotically in the number of trades. See `obi_widgets.calibration.confidence_sequence` for
    formulas and sources.

    Post-only orders are judged twice, as last and as first in the queue, and the worse of the two
    results is the result of the test. So it is *above zero* only if both are, and wrong in that
    with a probability of at most 5 %. It is *below zero* if one of them is: at most 5 % for each.

    Attributes
    ----------
    seal : Seal
        What was sealed.
    path : Path or None
        The file of the test.
    opened : int
        Number of sealed tests ever opened on this market in the same folder and session. The best
        of many is above zero by chance more often than 5 % of the time.
    trades : list of Judged
        The judged trades: ``entry_time``, ``exit_time`` (nanoseconds UTC), ``side`` (+1 long,
        −1 short), ``net_bps``.
    lost : int
        Number of entries that a gap ended.
    missed : int
        Number of orders that were not filled.
    unseen : list of (int, int)
        Event times, nanoseconds UTC, between which no data were seen, as when nothing ran.
    broken : str
        When and why the test ended; empty while it runs.
    decided, decided_after : str, int
        The first verdict, and the number of trades that it took; empty and 0 before.

    Examples
    --------
    See `obi_widgets.sealed_test`.
    """

    def __init__(self, seal: Seal, path: Path | None = None) -> None:
        instance("seal", seal, Seal, "Call session.seal() or obi.sealed_test(...).")
        self.seal = seal
        self.path = as_path(path) if path is not None else None
        self.opened = seal.number
        self.records = tuple(TrackRecord(seal, queue) for queue in queues_of(seal.settings))
        self.unseen: list[tuple[int, int]] = []
        self.broken = ""
        self.seen: Seen | None = None
        self.lock = RLock()  # a slider ends the test in one thread while another thread judges
        self.changes = 0  # number of changes, to know whether the file is up to date

    def __repr__(self) -> str:
        verdict = f"broken, {self.verdict}" if self.broken else self.verdict
        count = counted(len(self.trades), "trade")
        return f"<SealedTest {self.seal.market or 'a market without a name'}, {count}, {verdict}>"

    # -- judging ---------------------------------------------------------------------------

    def update(self, history: History) -> int:
        """Judge the states that are new, each once.

        Parameters
        ----------
        history : History
            History of the same market. If it lacks the state that was judged last, the time in
            between is added to ``unseen``, and not judged.

        Returns
        -------
        int
            Number of trades that were added; for post-only orders, to both bounds together.

        Raises
        ------
        HistoryError
            If it is no history.
        """
        history = as_history(history)
        with self.lock:
            if self.broken:
                return 0
            p = self.seal.settings
            if p.execution == "post_only" and not has_trades(history):
                if not history.trades.streamed:
                    refuse_without_trades(history)
                return 0  # these states are judged once the first trade is seen
            first = self._first(history)
            if first >= len(history):
                return 0
            before = sum(len(record.trades) for record in self.records)
            for record in self.records:
                record.drop_unknown_order(history)
            needed = [record.first_needed(history, first) for record in self.records]
            begin = min(p.first_needed(history, first), *needed)
            # All states of its time, since `StateKey` counts them.
            begin = int(np.searchsorted(history.time, history.time[begin], side="left"))
            rows, first = history[begin:], first - begin
            decided = decisions(rows, p.signal(rows, p), p, first)
            for record in self.records:
                self.changes += record.extend(rows, decided, first)
            self.seen = Seen.of(history, len(history) - 1)
            return sum(len(record.trades) for record in self.records) - before

    def _first(self, history: History) -> int:
        """Return the first row that is new; add to ``unseen`` what is missing before it."""
        time, seen = history.time, self.seen
        first = int(np.searchsorted(time, self.seal.sealed_at, side="right"))
        if seen is None:
            return first
        row = seen.key.row_in(history)
        if row >= 0 and Seen.of(history, row) == seen:
            return max(first, row + 1)
        first = max(first, int(np.searchsorted(time, seen.time, side="right")))
        if first < len(time):
            self.unseen.append((seen.time, int(time[first])))
            for record in self.records:
                record.drop_held()
            self.changes += 1
        return first

    def stop(self, why: str) -> None:
        """End the test, giving the reason in words; its results stay."""
        why = text("why", why, "Give the reason in words.")
        with self.lock:
            if not self.broken:
                at = self.seen.time if self.seen is not None else time.time_ns()
                self.broken = f"Broken at {clock(at)}: {why}."
                self.changes += 1

    def follow_settings(self, settings: Settings | Parameters) -> None:
        """End the test if the settings differ from the sealed ones."""
        now, sealed = Parameters.of(settings), self.seal.settings
        if now == sealed:
            return
        before, after = ({**one.as_dict(), "signal": one.signal.name} for one in (sealed, now))
        for name in (*before, *after):
            if after.get(name) != before.get(name):
                self.stop(f"{name} changed from {before.get(name)!r} to {after.get(name)!r}")
                return
        if sha256_of(now.signal) != self.seal.signal_sha256:
            self.stop(f"the source of {now.signal.name} changed")

    # -- results ---------------------------------------------------------------------------

    @property
    def _record(self) -> TrackRecord:
        """The trades that are judged: for post-only orders, of the worse bound."""
        return worst(self.records)

    @property
    def trades(self) -> list[Any]:  # noqa: D102 of `Judged`; see the class
        return self._record.trades

    @property
    def lost(self) -> int:  # noqa: D102
        return self._record.lost

    @property
    def missed(self) -> int:  # noqa: D102
        return self._record.missed

    @property
    def decided(self) -> str:  # noqa: D102
        return self._record.decided

    @property
    def decided_after(self) -> int:  # noqa: D102
        return self._record.decided_after

    @property
    def verdict(self) -> str:
        """``"above zero"``, ``"below zero"`` or ``"not yet decided"``; by both bounds, now."""
        return self._record.verdict

    @property
    def unseen_seconds(self) -> float:
        """Total time since the seal without data, seconds."""
        return sum(end - start for start, end in self.unseen) / 1e9

    @property
    def reason(self) -> str:
        """The figures that the verdict rests on, in words."""
        return self._record.reason

    @property
    def remarks(self) -> tuple[str, ...]:
        """Limitations of the test, one sentence each."""
        found, record = [self.broken] if self.broken else [], self._record
        if len(self.records) > 1:
            places = "; ".join(one.in_words() for one in self.records)
            found.append(
                "Orders are post-only, and the tape does not tell their place in the queue. "
                f"{places.capitalize()}. The worse result is judged: {PLACES[record.queue]}."
            )
        if self.opened > 1:
            found.append(
                f"This is number {self.seal.number} of {self.opened} sealed tests on this market: "
                "each may be wrong by chance."
            )
        if self.seal.source == "recording":
            found.append(
                "The data are a recording: whoever sealed may have known the later prices."
            )
        if self.seal.source == "given":
            found.append(
                "The books were given by the user's own code: whoever sealed may have known the "
                "later prices."
            )
        if self.seal.settings.price == "mid":
            found.append("Trades are at mid: no spread is paid.")
        if sized(self.seal.settings):
            found.append("Gains are in bps of the whole size: a smaller trade counts for less.")
        if record.clipped.n_clipped:
            many = f"{record.clipped.n_clipped:,}"
            found.append(f"Trades beyond ±{self.seal.clip_bps:g} bps: {many}.")
        if record.lost:
            found.append(f"A gap ended {record.lost:,} more trades. They are not judged.")
        if record.missed:
            found.append(
                f"{record.missed:,} orders were not filled. They are not counted as trades."
            )
        if self.unseen:
            found.append(
                f"For {self.unseen_seconds:,.0f} s there were no data, so nothing was judged."
            )
        return tuple(found)

    def summary(self) -> Sealed:
        """Return the results that go into every export; unknown figures are None.

        Returns
        -------
        Sealed
        """
        with self.lock:
            seal, record = self.seal, self._record
            mean, clipped, traded = record.mean, record.clipped, bool(record.trades)
            low, high = mean.interval
            return Sealed(
                verdict=record.verdict,
                reason=" ".join([self.reason, *self.remarks]),
                market=seal.market,
                source=seal.source,
                sha256=seal.sha256,
                sealed_at=utc([seal.sealed_at])[0] if seal.sealed_at else "",
                judged_to=utc([self.seen.time])[0] if self.seen is not None else "",
                trades=len(record.trades),
                seals_opened=self.opened,
                seal_number=seal.number,
                error=seal.error,
                burn_in=seal.burn_in,
                clip_bps=seal.clip_bps,
                lost=record.lost,
                unseen_seconds=self.unseen_seconds,
                decided=record.decided,
                decided_after=record.decided_after,
                broken=self.broken,
                mean_bps=known(mean.mean) if traded else None,
                interval_low=known(low),
                interval_high=known(high),
                low_bps=known(mean.low),
                high_bps=known(mean.high),
                clipped_mean_bps=known(clipped.mean),
                clipped_low_bps=known(clipped.low) if traded else None,
                clipped_high_bps=known(clipped.high) if traded else None,
                queue=record.queue if len(self.records) > 1 else "",
            )

    def to_frame(self, queue: Queue | None = None) -> pd.DataFrame:
        """Return the judged trades, one row each.

        Parameters
        ----------
        queue : {"back", "front"}, optional
            Place of post-only orders in the queue; the worse of both if left out. It changes
            nothing for a taker.

        Returns
        -------
        DataFrame
            ``side`` (+1 long, −1 short), ``entry_time``, ``exit_time`` (UTC), ``net_bps``.

        Raises
        ------
        SettingsError
            If there is no such place in the queue.
        """
        if queue is None:
            return self._record.to_frame()
        choice("queue", queue, QUEUES)
        of_queue = {record.queue: record for record in self.records}
        return of_queue.get(queue, self.records[0]).to_frame()

    # -- files -----------------------------------------------------------------------------

    def save(self, path: str | Path | None = None) -> Path:
        """Write the test to a ``.json`` file; see `SealedTest.load`.

        The file is replaced as a whole, so that a crash leaves the old or the new one.

        Parameters
        ----------
        path : str or Path, optional
            The file; by default ``path`` of the test.

        Returns
        -------
        Path

        Raises
        ------
        SealError
            If there is no path, it does not end in ``.json``, or it cannot be written.
        """
        target = sealed_file.target_of(path, self.path)
        with self.lock:
            text = sealed_file.to_text(
                sealed_file.Saved(
                    self.seal, self.opened, self.broken, self.unseen, self.seen, self.records
                )
            )
        return sealed_file.save(self.seal, text, target)

    @classmethod
    def load(cls, path: str | Path) -> SealedTest:
        """Read a test that `save` wrote; all its results are the same to the bit.

        To continue the test, give the path to `obi_widgets.Session.seal`.

        Raises
        ------
        SealError
            If there is no such file, or it is no sealed test, of a newer version, or damaged. The
            file is not changed.
        """
        return sealed_file.load(path, cls._of)

    @classmethod
    def _of(cls, saved: sealed_file.Saved, path: Path) -> SealedTest:
        """Return the test of a file, whose trades were judged again, in their order."""
        test = SealedTest(saved.seal, path)
        test.opened, test.broken = saved.opened, saved.broken
        test.unseen, test.seen, test.records = saved.unseen, saved.seen, saved.records
        return test
