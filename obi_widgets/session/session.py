"""One source, followed: its feed, its history, the newest signal, and frames for whoever looks.

Two threads: one reads, with an event loop of its own; one publishes. Neither is the kernel's, so
that a cell that runs for long stops neither. A slider assigns to `Settings` and returns; the
publisher sees the newest values and recomputes.

What runs does not hold the session. One that is dropped without `close` is collected, and its
publisher, which looks for it ten times a second, then ends the feed.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from obi_widgets.checks import UNSET, Unset, flag, instance, text
from obi_widgets.checks import path as as_path
from obi_widgets.errors import SealError, SettingsError
from obi_widgets.feeds import open_feed
from obi_widgets.presentation.time_range import windows
from obi_widgets.presentation.viewport import Looking
from obi_widgets.session.background_calibration import Calibrator
from obi_widgets.session.export import export, found_of
from obi_widgets.session.life import Life
from obi_widgets.session.publisher import Publisher, View
from obi_widgets.session.sealing import Sealing
from obi_widgets.session.states import Listeners
from obi_widgets.session.trials import Tried
from obi_widgets.session.waiting import wait_for
from obi_widgets.settings.files import TAKES
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from obi_widgets.calibration.sealed import SealedTest
    from obi_widgets.feeds import Source
    from obi_widgets.history.columns import History
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.session.states import NewState
    from obi_widgets.settings.provenance import Findings
    from obi_widgets.signals.signal import Signal


class Session(Looking):
    """Follows one source.

    Parameters
    ----------
    source : str, Path or iterable of paths
        See `obi_widgets.feeds.open_feed`.
    settings : Settings, optional
        The defaults when left out.
    signal : Signal or str, optional
        Which signal to begin with, where no settings are given: ``obi.imbalance`` or one of your
        own, or its name.
    speed : float or None
        Of a recording: how many times as fast as it was, 1 when left out; None for at once.
    levels : int
        Levels a side to keep.
    history_seconds : float
        How much of the past to keep at least, seconds. Where six hours, a day or a week are kept,
        charts offer to show them.
    interval : float
        Seconds between the states that are kept; 0 keeps every one.
    strict : bool
        Whether there is no signal where it would rest on levels beyond what a snapshot covered.
    refresh_at : float
        The share of the prices that a snapshot covered, 0 to 1: with less than that left on a
        side, a new snapshot is asked for.
    market : str, optional
        ``venue:SYMBOL`` of a recording that does not say what it is.
    edge : float, optional
        Of the simulated exchange: bps that its hidden pressure moves mid by, 1 when left out; 0
        for none.
    seed : int, optional
        Of the simulated exchange: the same seed gives the same market; a new one each time when
        left out.
    warmup : float, optional
        Of the simulated exchange: seconds of the past to begin with, 300 when left out.

    Attributes
    ----------
    windows : tuple of float
        Seconds of the windows that one chooses from.
    tried : Tried
        The settings whose results this session has shown or exported. What is computed from its
        history elsewhere is not among them: count it with ``session.tried.add(parameters)``.
    calibrator : Calibrator
        Calibrates for who shows it.
    publisher : Publisher
        Shows frames to views.
    sealing : Sealing
        Opens sealed tests, and follows the newest.

    Raises
    ------
    SourceError
        A source that is neither a known venue nor a file.
    RecordingError
        A recording that cannot be read.
    SettingsError
        A signal that is not known or stands beside settings, or a number that is out of its range.
    """

    def __init__(
        self,
        source: Source,
        *,
        settings: Settings | None = None,
        signal: Signal | str | None = None,
        speed: float | Unset | None = UNSET,
        levels: int = 50,
        history_seconds: float = 3600.0,
        interval: float = 0.1,
        strict: bool = False,
        refresh_at: float = 0.5,
        market: str | None = None,
        edge: float | None = None,
        seed: int | None = None,
        warmup: float | None = None,
    ) -> None:
        instance("settings", settings, (Settings, type(None)), "Give obi.Settings(...).")
        if settings is not None and signal is not None:
            raise SettingsError(
                "Settings and a signal were given.",
                "Give one: settings have a signal of their own.",
            )
        if settings is None:
            settings = Settings() if signal is None else Settings(signal)
        self.settings = settings
        self.feed = open_feed(
            source, speed=speed, levels=levels, history_seconds=history_seconds,
            interval=interval, strict=strict, refresh_at=refresh_at, market=market, edge=edge,
            seed=seed, warmup=warmup,
        )  # fmt: skip
        self.windows = windows(history_seconds)
        self.market = self.feed.market
        super().__init__(self.windows[1])
        self.tried = Tried()
        session = weakref.ref(self)

        def found() -> None:
            if (there := session()) is not None:
                there.refresh()

        self.calibrator = Calibrator(self.tried, found)
        self.publisher = Publisher(self, self._wake)
        self.sealing = Sealing(self.market, self.feed.kind, self.settings)

        def tell(note: str) -> None:
            if (there := session()) is not None:
                there.tell(note)

        self._listeners = Listeners(self.market, self.settings, tell)
        self._life = Life(
            self.feed, self.settings, self.publisher,
            (self._listeners, self.calibrator, self.sealing), self._wake,
        )  # fmt: skip

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start both threads, unless they have been."""
        self._life.start()

    def close(self) -> None:
        """End both threads, and with them every socket and task. What was kept stays readable."""
        self._life.close()

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._life.closed

    def end_if_forgotten(self) -> None:
        """End when nobody has looked for long, and only the platform holds what shows it.

        Called by the publisher's thread.
        """
        self._life.end_if_forgotten()

    # -- what is known ---------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The book states so far."""
        return self.market.history()

    def to_frame(self, *, levels: int = 1) -> pd.DataFrame:
        """Return a DataFrame of the states so far, with the signal of the settings.

        Parameters
        ----------
        levels : int
            See `History.to_frame`.

        Returns
        -------
        DataFrame
            As of `History.to_frame`, with a column that has the signal's name.
        """
        history, p = self.history, self.settings.parameters
        return history.to_frame({p.signal.name: p.signal(history, p)}, levels=levels)

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Return when the history has so many states, however long that takes while they come.

        A wait of more than two seconds shows how many came, how many a second, and how long the
        rest will take.

        Parameters
        ----------
        states : int
            How many; up to those that are kept, see ``history_seconds``. A live market gives one an
            ``interval``: ten a second, where nothing else was chosen.
        timeout : float, optional
            Seconds to wait at most. When left out, until no new state has come for 30 s.

        Raises
        ------
        VenueError
            When it does not come to that: with the reason that is known, or with the time that the
            rest would take.
        SettingsError
            More states than are kept, or a timeout that is not possible.
        """
        self.start()
        wait_for(self.market, states, timeout)

    def on_state(self, callback: Callable[[NewState], object]) -> Callable[[], None]:
        """Call a function for each state that is kept from now on.

        It is called on a thread of its own, one state after the other in their order, and never
        keeps the feed waiting. States wait for it as long as the history keeps them: of a function
        that is slower than that some are left out, and the screen says how many. What it raises is
        logged and shown on the screen, and it is called for the next state.

        Parameters
        ----------
        callback : callable
            Takes a state: its ``time`` and ``received`` (nanoseconds UTC), ``bid``, ``ask`` and
            ``mid``, its ``signal`` by the settings as they stand, and ``history``, the state alone
            with its levels.

        Returns
        -------
        callable
            Without arguments: ends it. It also ends with the session.

        Raises
        ------
        ArgumentError
            What cannot be called.

        Examples
        --------
        >>> session = Session("sim:BTC-PERP")  # doctest: +SKIP
        >>> stop = session.on_state(lambda state: print(state.time, state.signal))  # doctest: +SKIP
        >>> stop()  # doctest: +SKIP
        """
        stop = self._listeners.add(callback)
        self.start()
        return stop

    def provenance(self) -> Provenance | None:
        """Return what the settings have been tuned on so far; None before the first state."""
        return self.shown().provenance

    def findings(self) -> Findings | None:
        """Return what calibration says of the settings so far; None before the first state.

        It is of all states, or of the part that is selected.
        """
        return found_of(self, self.shown(), self.settings.parameters)

    def export(self, path: str | Path, *, replace: bool = True) -> Path:
        """Save the settings with what they were tuned on, and what calibration says of them.

        Parameters
        ----------
        path : str or Path
            ``.toml`` or ``.json``; ``.py`` for a strategy file, see `obi_widgets.export_strategy`.
        replace : bool
            Whether an existing file is replaced; otherwise a number is put behind its name.

        Returns
        -------
        Path
            Where they are.

        Raises
        ------
        SettingsError
            A name that ends otherwise, or a place that cannot be written to.
        HistoryError
            A strategy file before the first state.
        """
        path, replace = as_path(path, TAKES), flag("replace", replace)
        return export(self, path, replace=replace)

    # -- the sealed test -------------------------------------------------------------------

    def seal(self, path: str | Path | None = None, *, clip_bps: float | None = None) -> SealedTest:
        """Seal the settings as they stand, and judge them by what follows, and only that.

        From the newest state on, the entries of these settings are judged as they come, by bounds
        that hold however often one looks. Changing a setting breaks the seal: what was found until
        then is kept, and marked as broken. What is looked at can be changed freely. What the test
        has come to goes with every export.

        Parameters
        ----------
        path : str or Path, optional
            The file that it is kept in, ``.json``, written within a second of each trade. In the
            folder ``seals`` when left out. Where there is one already, of the same settings and
            market, it is gone on with; what came in between was not seen, and is not judged.
        clip_bps : float, optional
            Where gains and losses are cut for the exact bound, bps; 0.1 to 10,000. The largest of
            the entries so far, rounded up, when left out; 100 where there are fewer than 30.

        Returns
        -------
        SealedTest

        Raises
        ------
        SealError
            A session that has ended; a file that is damaged, of a broken test, of other settings
            or another market; a place that cannot be written to; a cut that is not possible.

        Examples
        --------
        >>> session = Session("sim:BTC-PERP")  # doctest: +SKIP
        >>> session.wait(3000)  # doctest: +SKIP
        >>> test = session.seal()  # doctest: +SKIP
        >>> test.verdict  # doctest: +SKIP
        'not yet decided'
        """
        if self.closed:
            raise SealError("The session was closed.", "Make a new one, and seal there.")
        test = self.sealing.open(path, clip_bps)
        self.start()  # after it: of a recording that is played at once nothing is missed
        self.refresh()
        return test

    @property
    def sealed(self) -> SealedTest | None:
        """The sealed test that was opened last, also a broken one; None where none was."""
        return self.sealing.test

    # -- frames ----------------------------------------------------------------------------

    def attach(self, view: View) -> None:
        """Show frames there, from now on; start if that has not been done."""
        instance("view", view, View, "Give a widget, or what shows frames as obi.Lab does.")
        self.publisher.attach(view)
        self.start()

    def detach(self, view: View) -> None:
        """Show no more frames there."""
        instance("view", view, View, "Give what was attached.")
        self.publisher.detach(view)

    def refresh(self) -> None:
        """Show a frame also where nothing of it has changed: there is more to show with it."""
        self.publisher.refresh()

    def tell(self, note: str) -> None:
        """Show a sentence for ten seconds, or until the next one; empty for none."""
        text("note", note, "Give a sentence.")
        self.publisher.tell(note)
