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
from obi_widgets.calibration.confidence_sequence import AsymptoticSequence, ClippedSequence
from obi_widgets.calibration.seal import Judged, Seal, Seen
from obi_widgets.checks import instance, text
from obi_widgets.checks import path as as_path
from obi_widgets.errors import SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.history.provenance import utc
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import Sealed, known
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.entries import scan
from obi_widgets.trading.thresholds import compared
from obi_widgets.trading.trade_list import Held

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

UNDECIDED, ABOVE, BELOW = "not yet decided", "above zero", "below zero"
"""The verdicts."""


class SealedTest:
    """Test of sealed settings on the trades after the seal.

    Made by `obi_widgets.Session.seal`, the button under the calibration, or
    `obi_widgets.sealed_test`. Its trades are the entries of the sealed settings from the first
    state after the seal, one position at a time, as in `obi_widgets.entries`. Each is judged by its
    net gain in bps, after the fees of both sides. A trade that a gap ended is not judged, since its
    result is unknown.

    The mean gain is *above zero* if both lower bounds are above 0: the asymptotic bound, and the
    exact bound on gains and losses that are each clipped. It is *below zero* if both upper bounds
    are below 0, and otherwise *not yet decided*. The probability that either claim is ever wrong is
    at most 5 %, however often one looks: exactly if no gain or loss exceeds the clip, else
    asymptotically in the number of trades. See `obi_widgets.calibration.confidence_sequence` for
    formulas and sources.

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
        self.trades: list[Judged] = []
        self.lost = self.missed = 0
        self.unseen: list[tuple[int, int]] = []
        self.broken = ""
        self.decided, self.decided_after = "", 0
        self.mean = AsymptoticSequence(seal.error, seal.burn_in, seal.tuned_at)
        self.clipped = ClippedSequence(seal.clip_bps, seal.error)
        self.held: Held | None = None
        self.seen: Seen | None = None
        self.lock = RLock()  # a slider ends the test in one thread while another thread judges
        self.changes = 0  # number of changes, to know whether the file is up to date

    def __repr__(self) -> str:
        verdict = f"broken, {self.verdict}" if self.broken else self.verdict
        return f"<SealedTest {self.seal.market}, {len(self.trades):,} trades, {verdict}>"

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
            Number of trades that were added.

        Raises
        ------
        HistoryError
            If it is no history.
        """
        history = as_history(history)
        with self.lock:
            if self.broken:
                return 0
            first, p = self._first(history), self.seal.settings
            if first >= len(history):
                return 0
            before, begin = len(self.trades), p.first_needed(history, first)
            rows, first = history[begin:], first - begin
            decided = compared(rows, p.signal(rows, p), p, first)
            made = scan(rows, decided, p, first, self.held)
            self.held = made.held
            missed = int(np.count_nonzero(made.missed))
            self.missed += missed
            self.changes += missed
            for entry, leave, side, net, lost in zip(
                made.entry_time.tolist(), made.exit_time.tolist(), made.side.tolist(),
                made.net_bps.tolist(), made.lost.tolist(), strict=True,
            ):  # fmt: skip
                if lost:
                    self.lost += 1
                    self.changes += 1
                elif leave:
                    self._judge(Judged(entry, leave, side, net))
            self.seen = Seen.of(history, len(history) - 1)
            return len(self.trades) - before

    def _first(self, history: History) -> int:
        """Return the first row that is new; add to ``unseen`` what is missing before it."""
        time, seen = history.time, self.seen
        first = int(np.searchsorted(time, self.seal.sealed_at, side="right"))
        if seen is None:
            return first
        row = int(np.searchsorted(time, seen.time, side="left")) + seen.states - 1
        if row < len(time) and Seen.of(history, row) == seen:
            return max(first, row + 1)
        first = max(first, int(np.searchsorted(time, seen.time, side="right")))
        if first < len(time):
            self.unseen.append((seen.time, int(time[first])))
            self.lost += self.held is not None
            self.held = None
            self.changes += 1
        return first

    def _judge(self, trade: Judged) -> None:
        """Add a trade."""
        self.trades.append(trade)
        self.mean.add(trade.net_bps)
        self.clipped.add(trade.net_bps)
        self.changes += 1
        if not self.decided and (verdict := self.verdict) != UNDECIDED:
            self.decided, self.decided_after = verdict, len(self.trades)

    def stop(self, why: str) -> None:
        """End the test, giving the reason in words; its results stay."""
        why = text("why", why, "Give the reason in words.")
        with self.lock:
            if not self.broken:
                at = self.seen.time if self.seen is not None else time.time_ns()
                self.broken = f"Broken at {_clock(at)}: {why}."
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
        if _sha256(now.signal) != self.seal.signal_sha256:
            self.stop(f"the source of {now.signal.name} changed")

    # -- results ---------------------------------------------------------------------------

    @property
    def verdict(self) -> str:
        """``"above zero"``, ``"below zero"`` or ``"not yet decided"``; by both bounds, now."""
        # A rejected mean is not possible itself, so a bound of 0 is enough for the clipped one.
        if self.mean.low > 0 and self.clipped.low >= 0:
            return ABOVE
        if self.mean.high < 0 and self.clipped.high <= 0:
            return BELOW
        return UNDECIDED

    @property
    def unseen_seconds(self) -> float:
        """Total time since the seal without data, seconds."""
        return sum(end - start for start, end in self.unseen) / 1e9

    @property
    def reason(self) -> str:
        """The figures that the verdict rests on, in words."""
        n, mean, clipped = len(self.trades), self.mean, self.clipped
        if not n:
            return "No trade has been closed since the seal."
        count = "1 trade" if n == 1 else f"{n:,} trades"
        sentences = [f"{count} since the seal made {mean.mean:+.2f} bps net on average."]
        if n < self.seal.burn_in:
            sentences.append(f"There is no decision before {self.seal.burn_in} trades.")
        else:
            confidence = f"{100 * (1 - self.seal.error):g} % confidence, however often you look"
            sentences.append(
                f"The mean is at least {mean.low:+.2f} and at most {mean.high:+.2f} bps "
                f"(each with {confidence}, if trades are many)."
            )
        sentences.append(
            f"With each gain and loss cut at ±{clipped.clip:g} bps, the mean is at least "
            f"{clipped.low:+.2f} and at most {clipped.high:+.2f} bps (exact for any number)."
        )
        if self.decided and self.decided != self.verdict:
            sentences.append(f"After {self.decided_after:,} trades it was {self.decided}.")
        return " ".join(sentences)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Limitations of the test, one sentence each."""
        found = [self.broken] if self.broken else []
        if self.opened > 1:
            found.append(
                f"This is number {self.seal.number} of {self.opened} sealed tests on this market: "
                "each may be wrong by chance."
            )
        if self.seal.source == "recording":
            found.append(
                "The data are a recording: whoever sealed may have known the later prices."
            )
        if self.seal.settings.price == "mid":
            found.append("Trades are at mid: no spread is paid.")
        if self.clipped.n_clipped:
            found.append(f"Trades beyond ±{self.seal.clip_bps:g} bps: {self.clipped.n_clipped:,}.")
        if self.lost:
            found.append(f"A gap ended {self.lost:,} more trades. They are not judged.")
        if self.missed:
            found.append(f"{self.missed:,} orders were not filled. They are not counted as trades.")
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
            seal, mean, clipped = self.seal, self.mean, self.clipped
            low, high = mean.interval
            traded = bool(self.trades)
            return Sealed(
                verdict=self.verdict,
                reason=" ".join([self.reason, *self.remarks]),
                market=seal.market,
                source=seal.source,
                sha256=seal.sha256,
                sealed_at=utc([seal.sealed_at])[0] if seal.sealed_at else "",
                judged_to=utc([self.seen.time])[0] if self.seen is not None else "",
                trades=len(self.trades),
                seals_opened=self.opened,
                seal_number=seal.number,
                error=seal.error,
                burn_in=seal.burn_in,
                clip_bps=seal.clip_bps,
                lost=self.lost,
                unseen_seconds=self.unseen_seconds,
                decided=self.decided,
                decided_after=self.decided_after,
                broken=self.broken,
                mean_bps=known(mean.mean) if traded else None,
                interval_low=known(low),
                interval_high=known(high),
                low_bps=known(mean.low),
                high_bps=known(mean.high),
                clipped_mean_bps=known(clipped.mean),
                clipped_low_bps=known(clipped.low) if traded else None,
                clipped_high_bps=known(clipped.high) if traded else None,
            )

    def to_frame(self) -> pd.DataFrame:
        """Return the judged trades, one row each.

        Returns
        -------
        DataFrame
            ``side`` (+1 long, −1 short), ``entry_time``, ``exit_time`` (UTC), ``net_bps``.
        """
        import pandas as pd

        columns: Any = zip(*self.trades, strict=True) if self.trades else ((), (), (), ())
        entry, leave, side, net = (list(one) for one in columns)
        frame: dict[str, Any] = {"side": np.array(side, np.int64)}
        for name, times in (("entry_time", entry), ("exit_time", leave)):
            stamps = np.array(times, np.int64).view("datetime64[ns]")
            frame[name] = pd.to_datetime(stamps, utc=True)
        return pd.DataFrame(frame | {"net_bps": np.array(net, float)})

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
                    self.seal, self.opened, self.broken, self.lost, self.missed, self.unseen,
                    self.seen, self.held, self.trades,
                )
            )  # fmt: skip
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
        """Return the test of a file: its trades are judged again, in their order."""
        test = SealedTest(saved.seal, path)
        for trade in saved.trades:
            test._judge(trade)
        test.opened, test.broken = saved.opened, saved.broken
        test.lost, test.missed = saved.lost, saved.missed
        test.unseen, test.seen, test.held = saved.unseen, saved.seen, saved.held
        test.changes = 0
        return test


def _sha256(signal: Signal) -> str:
    """Return the hash of a signal's source; text that equals no hash if the source is unknown."""
    try:
        return source_sha256(signal)
    except SettingsError:
        return "not known"


def _clock(at: int) -> str:
    return f"{str(np.datetime64(at, 'ns'))[:19].replace('T', ' ')} UTC"
