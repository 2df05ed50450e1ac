"""Holding the log of a paper run against what a backtest does on a recording of the same time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.history.given import as_history
from obi_widgets.paper.backtest import backtest
from obi_widgets.paper.causes import NOT_EXPLAINED, Causes
from obi_widgets.paper.log import read_log
from obi_widgets.paper.matching import DIFFERS, ONLY_BACKTEST, ONLY_LOG, SAME, Pair, pairs
from obi_widgets.paper.seconds import seconds_of
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.trade_list import utc_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.paper.log import Logged, PaperLog
    from obi_widgets.settings.settings import Settings

WORDS = (SAME, ONLY_LOG, ONLY_BACKTEST, DIFFERS)


@dataclass(frozen=True)
class Reconciliation:
    """A paper run's log, held against a backtest, decision by decision.

    Attributes
    ----------
    table : DataFrame
        A row a decision: ``what`` (``"same"``, ``"only in log"``, ``"only in backtest"`` or
        ``"differs"``), ``side`` (+1 or −1); of each of ``log`` and ``backtest`` with that prefix:
        ``time`` of the decision, ``entry_time``, ``exit_time`` (UTC), ``entry_price``,
        ``exit_price`` (quote currency), ``size`` (share of the whole size, 0 to 1) and ``ended``;
        ``differs`` (what does, as text) and ``cause``. NaT, NaN and empty text where there is none.
    counts : dict of str to int
        How many rows each ``what`` has.
    not_explained : int
        Number of differences without a cause.
    seconds : int
        Seconds of event time that the log or the recording has.
    seconds_differ : int
        Of these, how many did not have the same book, levels and trades in both.
    notes : tuple of str
        What else is to be known.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.paper.log import LogWriter
    >>> from obi_widgets.paper.run import begin_of, PaperRun
    >>> history, settings = obi.simulate(seconds=60, seed=1), obi.Parameters(threshold=0.4)
    >>> run, writer = PaperRun(settings), LogWriter("log.jsonl")
    >>> writer.write([begin_of(history, settings)])
    >>> writer.write([*run.extend(history, obi.compute(history, settings)), *run.end()])
    >>> writer.close()
    >>> found = obi.reconcile("log.jsonl", history)
    >>> isinstance(found, obi.Reconciliation), found.counts["differs"]
    (True, 0)
    """

    table: pd.DataFrame
    counts: dict[str, int]
    not_explained: int
    seconds: int
    seconds_differ: int
    notes: tuple[str, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether there is no difference, or each has a cause."""
        return not self.not_explained

    @property
    def differences(self) -> int:
        """Number of rows that are not the same."""
        return sum(self.counts.values()) - self.counts[SAME]

    def __str__(self) -> str:
        """Return the result as sentences."""
        every = sum(self.counts.values())
        if not every:
            said = "Neither the log nor the backtest has an entry."
        elif not self.differences:
            said = f"All {every:,} decisions are the same in the log and in the backtest."
        else:
            parts = ", ".join(f"{self.counts[one]:,} {one}" for one in WORDS[1:])
            said = f"Of {every:,} decisions, {self.counts[SAME]:,} are the same; {parts}. "
            said += (
                "Each difference is explained."
                if self.explained
                else f"{self.not_explained:,} of the differences are not explained."
            )
        seen = (
            f"The data were the same in all {self.seconds:,} seconds."
            if not self.seconds_differ
            else f"The data differed in {self.seconds_differ:,} of {self.seconds:,} seconds."
        )
        return " ".join([said, seen, *self.notes])


def reconcile(
    log: str | Path, history: History, settings: Settings | Parameters | None = None
) -> Reconciliation:
    """Compare the log of a paper run with what `entries` gives on a recording of the same time.

    Decisions with the same time and side belong together. A difference is explained only by what
    the log shows: the data of the two differed at that time or within what the settings look back
    (a gap, a new connection, states that came late or not at all), it lies before or after the
    other one's data, the settings differ, or it follows from a difference that is explained.

    Parameters
    ----------
    log : str or Path
        The file that ``obi-widgets paper`` wrote.
    history : History
        States of a recording. Load it with the levels and the interval of the log.
    settings : Settings or Parameters, optional
        Settings of the backtest. By default those of the log.

    Returns
    -------
    Reconciliation

    Raises
    ------
    RecordingError
        If the log cannot be read, or a line of it is damaged.
    HistoryError
        If the history has no state, or is of another market or of another time.
    SettingsError
        If ``settings`` are no settings.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.paper.log import LogWriter
    >>> from obi_widgets.paper.run import begin_of, PaperRun
    >>> history, settings = obi.simulate(seconds=60, seed=1), obi.Parameters(threshold=0.4)
    >>> run, writer = PaperRun(settings), LogWriter("paper.jsonl")
    >>> writer.write([begin_of(history, settings)])
    >>> writer.write([*run.extend(history, obi.compute(history, settings)), *run.end()])
    >>> writer.close()
    >>> found = obi.reconcile("paper.jsonl", history)
    >>> found.explained, found.differences
    (True, 0)
    """
    found, history = read_log(log), as_history(history)
    if not len(history):
        raise HistoryError("The history has no state.", "Load the recording of the paper run.")
    _refuse_other_market(found, history)
    _refuse_other_time(found, history)
    parameters = found.parameters if settings is None else Parameters.of(settings)
    tested = backtest(history, parameters)
    seconds = seconds_of(history, tested.decided)
    every = pairs(found.entries, tested.entries)
    causes = Causes(found, history, seconds)
    other = _other_settings(found, history, parameters)
    whys = [other if pair.what != SAME else "" for pair in every] if other else []
    whys = whys or causes.explain(every)
    counts = Counter(pair.what for pair in every)
    return Reconciliation(
        table=_table(every, whys),
        counts={one: counts[one] for one in WORDS},
        not_explained=whys.count(NOT_EXPLAINED),
        seconds=len(found.seconds.keys() | seconds.keys()),
        seconds_differ=len(causes.roots),
        notes=_notes(found, other),
    )


def _refuse_other_market(log: PaperLog, history: History) -> None:
    instrument = history.instrument
    market = f"{instrument.venue}:{instrument.symbol}"
    if log.begin.get("market") != market:
        raise HistoryError(
            f"The log is of {log.begin.get('market')}, and the history of {market}.",
            "Give a recording of the log's market.",
        )


def _refuse_other_time(log: PaperLog, history: History) -> None:
    first, last = int(history.time[0]), int(history.time[-1])
    if last >= log.first and first <= log.last:
        return
    spans = [
        " to ".join(f"{utc_of(np.array([one], np.int64))[0]:%Y-%m-%d %H:%M:%S}" for one in span)
        for span in ((log.first, log.last), (first, last))
    ]
    raise HistoryError(
        f"The log is of {spans[0]} UTC, and the history of {spans[1]} UTC: they do not overlap.",
        "Give a recording of the time of the paper run.",
    )


def _other_settings(log: PaperLog, history: History, parameters: Parameters) -> str:
    """Return in what the backtest's settings are others than the log's; empty if in nothing."""
    one, other = log.parameters.as_table(), parameters.as_table()
    differ = [
        f"{name} {one.get(name)!r} in the log, {other.get(name)!r} here"
        for name in one.keys() | other.keys()
        if one.get(name) != other.get(name)
    ]
    for name in ("levels", "interval", "strict"):
        kept, here = log.begin.get(name), getattr(history, name)
        if kept != here:
            differ.append(f"{name} {kept!r} in the log, {here!r} here")
    return f"settings differ: {'; '.join(sorted(differ))}" if differ else ""


def _notes(log: PaperLog, other: str) -> tuple[str, ...]:
    notes = list[str]()
    if other:
        notes.append(f"{other[0].upper()}{other[1:]}.")
    if not log.whole:
        notes.append("The log has no end: the paper run was killed, or goes on.")
    return tuple(notes)


def _table(every: Sequence[Pair], whys: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, object] = {
        "what": [pair.what for pair in every],
        "side": np.array([pair.either.side for pair in every], np.int64),
    }
    for name, some in (
        ("log", [pair.logged for pair in every]),
        ("backtest", [pair.tested for pair in every]),
    ):
        columns[f"{name}_time"] = _times(some, "decided")
        columns[f"{name}_entry_time"] = _times(some, "entered")
        columns[f"{name}_exit_time"] = _times(some, "exited")
        for column, field in (("entry_price", "entry_price"), ("exit_price", "exit_price"),
                              ("size", "weight")):  # fmt: skip
            values = [np.nan if one is None else getattr(one, field) for one in some]
            columns[f"{name}_{column}"] = np.array(values, float)
        columns[f"{name}_ended"] = ["" if one is None else one.ended for one in some]
    columns["differs"] = [", ".join(pair.differs) for pair in every]
    columns["cause"] = [*whys]
    return pd.DataFrame(columns)


def _times(some: Sequence[Logged | None], field: str) -> pd.DatetimeIndex:
    times = [0 if one is None else getattr(one, field) for one in some]
    return utc_of(np.array(times, np.int64))
