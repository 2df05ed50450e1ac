"""Making frames, with the axes and pixel columns that are kept between two frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.charts.downsampling import steps
from obi_widgets.presentation.charts.equity import EquityMaker
from obi_widgets.presentation.charts.pixel_columns import Columns, Mid
from obi_widgets.presentation.charts.signal_line import SignalLine, SignalLines
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.frames.frame import Covered, Frame, Reach
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.layers.chart_layers import Appearance, LayerMaker
from obi_widgets.presentation.reading.entry_details import EntryDetails, row_of
from obi_widgets.presentation.reading.ladder import Ladder
from obi_widgets.presentation.reading.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.charts.time_range import TimeRange
    from obi_widgets.presentation.reading.analysis import Analysis
    from obi_widgets.presentation.reading.comparison import Compared
    from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
    from obi_widgets.presentation.reading.signal_values import SignalValues
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.crossing import Alert

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAX_CHECKED = 36_000
"""Newest states of the window, at most, that are checked for levels that are not known."""


class FrameMaker:
    """Makes frames of an analysis, and keeps axes and notes steady between frames."""

    def __init__(self) -> None:
        self._window: Window | None = None
        self._axis: Axis | None = None
        self._axis_for: tuple[float, float] = (0.0, 0.0)
        self._reach: Reach | None = None
        self._reach_for: object = None
        self._reach_of: Parameters | None = None
        self._covered: Kept[Covered] = Kept()
        self._price, self._price_of = Columns(), object()
        self._signal = SignalLines()
        self._stacked: dict[SignalValues, SignalLines] = {}
        self._reader = Reader()
        self._entry: EntryDetails | None = None
        self._entry_for: object = None
        self._layers = LayerMaker()
        self._equity = EquityMaker()

    def make(
        self,
        analysis: Analysis,
        *,
        instrument: Instrument,
        state: State,
        has_book: bool,
        detail: str,
        advice: str,
        note: str,
        paused: bool,
        age: float,
        rate: float,
        time_range: TimeRange,
        cursor: Cursor | None = None,
        pointed: PointedEntry | None = None,
        selected: Span | None = None,
        told: int = 0,
        lag: float = np.nan,
        late: float = np.nan,
        replay: bool = False,
        appearance: Appearance | None = None,
        sealed_at: int | None = None,
        stacked: Sequence[SignalValues] = (),
        other: Compared | None = None,
        watching: bool = False,
        watched: float | None = None,
        alerts: tuple[Alert, ...] = (),
        alert_count: int = 0,
        health: Health | None = None,
    ) -> Frame:
        """Return the frame of this moment; ``has_book`` is that of `Market`."""
        history = analysis.history
        oldest, newest = 0, 0
        if len(history):
            oldest, newest = int(history.time[0]), int(history.time[-1])
        window_seconds = time_range.seconds
        window = Window.ending(time_range.right_edge(oldest, newest), window_seconds)
        if window == self._window:  # the same object is quickly known to be the same
            window = self._window
        self._window = window
        if self._price_of is not analysis:
            self._price.forget()
            self._layers.forget()
            self._price_of = analysis
        price = steps(history.time, Mid(history), window, self._price, history.start)
        shown = has_book or state == "closed" or paused
        has_numbers = len(history) > 0 and shown
        price_range = self._range(price[1], history, window_seconds)
        reading = None
        if cursor is not None:
            reading = self._reader.read(analysis, stacked, cursor.time(window))
        layers = self._layers.make(
            history, analysis.parameters, window, price_range, appearance or Appearance(),
            read=None if reading is None or reading.number < 0 else reading.number - history.start,
            has_book=has_numbers,
        )  # fmt: skip
        signal = self._signal.make(
            analysis, history, analysis.signal, analysis.parameters, window, analysis.trouble,
            shown=has_numbers,
        )  # fmt: skip
        return Frame(
            instrument=instrument,
            state=state,
            replay=replay,
            detail=detail,
            advice=advice,
            paused=paused,
            note=note,
            told=told,
            parameters=analysis.parameters,
            tick_size=history.tick_size,
            mid=float(history.bid[-1] + history.ask[-1]) / 2 if has_numbers else np.nan,
            spread=float(history.ask[-1] - history.bid[-1]) if has_numbers else np.nan,
            signals=(signal, *self._stack(stacked, window, shown=has_numbers)),
            age=age,
            lag=lag,
            late=late,
            rate=rate,
            states=len(history),
            seconds=(newest - oldest) / 1e9,
            window=window,
            window_seconds=window_seconds,
            price=price,
            price_range=price_range,
            looking_back=time_range.end is not None,
            trades=analysis.trades,
            results=analysis.results,
            beyond=analysis.beyond,
            ladder=Ladder.of(history if has_numbers else history[:0], analysis.parameters),
            reach=self._judge(history if has_numbers else history[:0], analysis.parameters, window),
            history=history,
            selected=selected,
            trouble=analysis.trouble or analysis.untold,
            cursor=cursor,
            reading=reading,
            pointed=pointed,
            entry=self._details(analysis, pointed, closed=state == "closed"),
            layers=layers,
            front=analysis.front,
            cap=analysis.cap,
            untold=analysis.untold,
            equity=self._equity.make(
                analysis.trades, analysis.front_trades, window, newest, sealed_at
            ),
            other=other,
            watching=watching,
            watched=watched,
            alerts=alerts,
            alert_count=alert_count,
            health=health,
        )

    def _details(
        self, analysis: Analysis, pointed: PointedEntry | None, *, closed: bool
    ) -> EntryDetails | None:
        """Return the details of an entry; computed again while it may change."""
        trades, history = analysis.trades, analysis.history
        row = None if pointed is None else row_of(trades, pointed.time)
        if row is None:
            return None
        is_open = not (trades.exit_time[row] or trades.lost[row] or trades.missed[row])
        newest = history.start + len(history) if is_open else history.start
        of = (trades, row, newest, closed)
        before = self._entry_for
        same = isinstance(before, tuple) and before[0] is trades and before[1:] == of[1:]
        if self._entry is None or not same:
            self._entry = EntryDetails.at(
                row, trades, history, analysis.signal, analysis.parameters, closed=closed
            )
            self._entry_for = of
        return self._entry

    def _stack(
        self, stacked: Sequence[SignalValues], window: Window, *, shown: bool
    ) -> list[SignalLine]:
        """Return the lines of the stacked signals."""
        makers = self._stacked
        self._stacked = {one: makers.get(one) or SignalLines() for one in stacked}
        return [
            lines.make(
                one, one.history, one.signal, one.parameters, window, one.trouble, shown=shown
            )
            for one, lines in self._stacked.items()
        ]

    def _judge(self, history: History, parameters: Parameters, window: Window) -> Reach:
        """Return the effects of parameters, at most once a second: figures must not flicker."""
        second = int(history.time[-1]) // 1_000_000_000 if len(history) else 0
        what = (parameters, second, window.end - window.start, history.strict)
        if self._reach is None or self._reach_for != what:
            notes = self._reach.notes if self._reach and self._reach_of == parameters else {}
            warned = [name for name, note in notes.items() if note.warning]
            first, last = np.searchsorted(history.time, window[:2]).tolist()
            shown, used = slice(max(first, last - MAX_CHECKED), last), parameters.levels_used
            covered = self._covered.of(  # a slider of decay leaves it as it is
                used, second, window, history.strict,
                make=lambda: Covered.of(history[shown], used),
            )  # fmt: skip
            self._reach = Reach.of(history, parameters, covered, warned)
            self._reach_for, self._reach_of = what, parameters
        return self._reach

    def _range(
        self, values: Floats, history: History, window_seconds: float
    ) -> tuple[float, float]:
        what = (history.tick_size, window_seconds)
        if self._axis is None or self._axis_for != what:
            self._axis = Axis(least=12 * history.tick_size)
            self._axis_for = what
        return self._axis.follow(values)
