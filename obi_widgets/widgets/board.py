"""The board: many markets, a line each, and the lab of one of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets

from obi_widgets.checks import UNSET, Unset
from obi_widgets.errors import ArgumentError, ObiError, counted, quoted
from obi_widgets.feeds.options import Options
from obi_widgets.presentation.board.board_frame import BoardFrame, BoardMaker
from obi_widgets.presentation.board.board_texts import board_state, board_still
from obi_widgets.presentation.board.compared import MOST
from obi_widgets.presentation.texts import formatting
from obi_widgets.session.board import BoardSession
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.board_data import BoardData
from obi_widgets.widgets.compared_signals import ComparedSignals
from obi_widgets.widgets.lab import Lab
from obi_widgets.widgets.panel import Panel, StateWidget, sessions_held
from obi_widgets.widgets.reachability import forget_outputs
from obi_widgets.widgets.settings import SettingsWidget

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from obi_widgets.history.columns import History
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.session.session import Session
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal
    from obi_widgets.widgets.page import Changes

log = logging.getLogger(__name__)


class _Table(StateWidget):
    _esm = asset(
        "nodes.js", "hints.js", "theme.js", "place.js", "sparkline.js", "board_cards.js",
        "board_columns.js", "board.js",
    )  # fmt: skip
    _css = asset("hints.css", "board.css", "board_cards.css")


class Board(BoardData, Panel):
    """Many markets: a line each, with state, mid, spread, signal, age, and mid over some minutes.

    Make it the last line of a cell to show it. A click on a line opens the lab of its market, on
    the same running feed; "Board" or Escape leads back. All markets share the settings. A market
    that cannot be followed says why in its line, and the others go on.

    Markets are sorted by a click on a head: again every five seconds, but never while the mouse or
    the focus is on a line. Markets without a fresh book come last. With cards, the strongest comes
    first, and lines are sorted every ten seconds.

    Parameters
    ----------
    sources : iterable of str or Path
        Markets as ``venue:SYMBOL``, ``sim:SYMBOL`` or paths of recordings. One thread reads all of
        them.
    settings : Settings, optional
        Settings of all markets; defaults if left out. They are used, not copied.
    signal : Signal or str, optional
        Signal to start with, if no settings are given.
    speed : float or None
        Recordings only: playback speed, 1 is the original speed; None loads all at once.
    levels : int
        Levels to keep on each side of each book; 1 to 1,000.
    history_seconds : float
        Length of the past to keep, seconds. An hour of ten states a second takes 14 MB a market
        with 20 levels, and 28 MB with 50. Then old states are dropped, and memory stays the same.
    interval : float
        Seconds between two book states that are kept; 0 keeps every state.
    strict, refresh_at
        See `Session`.
    edge : float, optional
        Simulated markets only: see `Session`.
    seed : int, optional
        Simulated markets only: the first one has this seed, the second one the next number, and so
        on. Random if left out.
    warmup : float, optional
        Simulated markets only: seconds of past data to start with, 60 if left out.
    cards : {"scalp", "day", "swing"}, optional
        Show a decision card of this mode in each line, see `cards`. None if left out: a card takes
        some 3 MB a market, and says nothing before its longest window and an hour more are filled.
    past : mapping of str to History, optional
        By source: states from before, such as a recording, so that cards need not wait for them.

    Raises
    ------
    ArgumentError
        If the sources are no list of texts, if there are none, or if a market is named twice; or if
        the past is of other markets.
    SettingsError
        If the signal is unknown, if both settings and a signal are given, if a number is out of its
        range, or if no source has a use for an option.

    Examples
    --------
    >>> board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=30)
    >>> board.wait(100)
    >>> board.to_frame()["symbol"].tolist()
    ['BTC-PERP', 'ETH-PERP']
    >>> len(board["sim:ETH-PERP"].history) >= 100
    True
    >>> board.settings.depth = 5
    >>> board.close()
    """

    css_class = "obi-board"

    def __init__(
        self,
        sources: Iterable[str | Path],
        *,
        settings: Settings | None = None,
        signal: Signal | str | None = None,
        speed: float | Unset | None = UNSET,
        levels: int = 20,
        history_seconds: float = 3600.0,
        interval: float = 0.1,
        strict: bool = False,
        refresh_at: float = 0.5,
        edge: float | None = None,
        seed: int | None = None,
        warmup: float | None = None,
        cards: str | None = None,
        past: Mapping[str, History] | None = None,
    ) -> None:
        options = Options(
            speed, levels, history_seconds, interval, strict, refresh_at, None, edge, seed, warmup
        )
        self._board = board = BoardSession(
            sources, settings=settings, signal=signal, options=options, cards=cards, past=past
        )
        self._lab: Lab | None = None
        # What stands there before the first frame.
        first = BoardMaker().make(
            board.followed(), board.settings.parameters, board.seconds, mode=board.cards.mode
        )
        self._table = _Table(state=board_state(first) | {"windows": _windows(board)})
        self._table.on_msg(self._do)
        self._controls: SettingsWidget | None = None  # made when it is first unfolded
        self._opener = ipywidgets.Button(tooltip="Settings of all markets")
        self._opener.add_class("obi-unfold")
        self._opener.on_click(self._turn)
        self._fold = ipywidgets.VBox([self._opener])
        self._fold.add_class("obi-board-settings")
        self._beside = ComparedSignals(first, self._turn_chart, self._do)
        self._stage = ipywidgets.VBox([])
        self._stage.add_class("obi-stage")
        self._unfold(unfolded=False)
        super().__init__(board, [self._table, self._beside, self._fold, self._stage])

    def __repr__(self) -> str:
        names = self._board.sources
        shown = ", ".join(map(repr, names[:3])) + (", …" if len(names) > 3 else "")
        many = counted(len(names), "market")
        return f"Board({many}: {shown})"

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Wait until each market has a number of states.

        Markets that have failed or ended are not waited for.

        Parameters
        ----------
        states : int
            Number of states of each market, at most as many as are kept.
        timeout : float, optional
            Longest wait for all of them, seconds. If left out, the wait ends when a market has no
            new state for 30 s.

        Raises
        ------
        ObiError
            If a market that has not ended has fewer states at the end, or if every market has
            failed. It says which, and why.
        SettingsError
            If more states are asked for than are kept, or the timeout is out of range.
        """
        self._board.wait(states, timeout=timeout)
        if self._still is not None:
            self._still.renew()

    # -- what is shown ---------------------------------------------------------------------

    @property
    def window(self) -> float:
        """Length of the lines of mid, seconds; 1 to the longest window that is kept."""
        return self._board.seconds

    @window.setter
    def window(self, seconds: float) -> None:
        self._board.seconds = seconds

    @property
    def lab(self) -> Lab | None:
        """The lab that is shown in the place of the lines; None if there is none."""
        return self._lab

    def open_lab(self, source: str | Path) -> Lab:
        """Show the lab of a market in the place of the lines.

        Parameters
        ----------
        source : str or Path
            The market. It is not connected again.

        Returns
        -------
        Lab
            Closing it, or `back`, leads back to the lines. The market goes on.

        Raises
        ------
        ObiError
            If the board has no such market, or why it could not be opened; or if the board was
            closed.

        Examples
        --------
        >>> board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=10)
        >>> lab = board.open_lab("sim:ETH-PERP")
        >>> lab.session is board["sim:ETH-PERP"]
        True
        >>> board.back()
        >>> board.close()
        """
        session = self._board.session(source)
        self._check_open()
        if self._lab is not None and self._lab.session is session:
            return self._lab
        self.back()
        name = next(name for name, one in self._board.sessions.items() if one is session)
        self._lab = _MarketLab(session, self)
        self._stage.children = (self._lab,)
        self._fold.layout.display = "none"  # the lab has these settings, too
        self._beside.layout.display = "none"
        self._board.opened = name
        return self._lab

    def compare(self, sources: Iterable[str] | None = None) -> None:
        """Show the signals of several markets on one chart, with how far apart they are.

        They stand where they arrived here: event clocks of two venues are not comparable. Each line
        is a mean, over a 300th of the window.

        Parameters
        ----------
        sources : iterable of str, optional
            At most six markets; the first ones that are not over if left out. An empty list hides
            the chart.

        Raises
        ------
        ArgumentError
            If these are no list, or more than six.
        ObiError
            If the board has no such market, or was closed.

        Examples
        --------
        >>> board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=10)
        >>> board.compare()
        >>> board.compared
        ('sim:BTC-PERP', 'sim:ETH-PERP')
        >>> board.close()
        """
        if sources is None:
            running = [n for n, one in self.sessions.items() if one.market.state != "closed"]
            sources = (running or list(self.sessions))[:MOST]
        if isinstance(sources, str) or not isinstance(sources, Iterable):
            raise ArgumentError(f"{quoted(sources)} is no list of sources.", "Give a list.")
        sessions = [self[source] for source in sources]
        if len(sessions) > MOST:
            raise ArgumentError(f"{len(sessions)} signals on one chart.", f"Give at most {MOST}.")
        self._check_open()
        self._board.compared = tuple(name for name, one in self.sessions.items() if one in sessions)
        self._beside.show(shown=bool(self._board.compared))

    @property
    def compared(self) -> tuple[str, ...]:
        """Sources of the markets whose signals one chart shows; none if it is not shown."""
        return self._board.compared

    def _check_open(self) -> None:
        """Refuse what needs further frames of the board."""
        if self._board.closed:
            raise ObiError(
                "The board was closed.",
                "Make a new one. obi.Lab(board[source]) shows what was kept of a market.",
            )

    def _turn_chart(self, _: object = None) -> None:
        if not self._board.closed:  # of a click nobody would see the error
            self.compare([] if self.compared else None)

    def back(self) -> None:
        """Show the lines again; has no effect if they are shown."""
        lab, self._lab = self._lab, None
        if lab is None:
            return
        self._stage.children = ()
        self._fold.layout.display = self._beside.layout.display = None
        self._board.opened = None
        lab.close()

    def _do(self, _: object, content: dict[str, Any], __: object) -> None:
        """Run the action of a click. Errors are shown; an exception would not be seen."""
        try:
            match content.get("do"):
                case "open":
                    self.open_lab(self.sources[int(content["market"])])
                case "back":
                    self.back()
                case "leads":
                    self._board.look_for_leads()
                case "cards":
                    self.cards = content["mode"] or None
                case "window":
                    self.window = float(content["seconds"])
        except (ObiError, IndexError, ValueError) as error:
            self._board.tell(str(error))
        except Exception as error:
            log.exception("The board could not do what was clicked.")
            self._board.tell(f"That failed: {error!r}. Please report this.")

    def _turn(self, _: object = None) -> None:
        self._unfold(unfolded=not self._unfolded)

    def _unfold(self, *, unfolded: bool) -> None:
        self._unfolded = unfolded
        if unfolded and self._controls is None:
            self._controls = SettingsWidget(self._board.settings, alone=False)
            self._fold.children = (self._opener, self._controls)
        if self._controls is not None:
            self._controls.layout.display = None if unfolded else "none"
        self._opener.description = f"{'▾' if unfolded else '▸'} Settings of all markets"

    def _changes(self, frame: BoardFrame) -> Changes:
        """Yield what a frame shows."""
        lines = tuple(row.spark.mid for row in frame.rows)
        beyond = tuple(row.spark.beyond for row in frame.rows)
        ends = [row.spark.end // 1_000_000 for row in frame.rows]
        yield (
            self._table,
            {
                "state": board_state(frame) | {"windows": _windows(self._board)},
                "lines": lines,
                "beyond": beyond,
                "ends": ends,
            },
        )
        yield from self._beside.changes(frame)

    def _drawing(self, frame: BoardFrame) -> Still:
        return board_still(frame)

    # -- the end ---------------------------------------------------------------------------

    def held(self) -> bool:
        """Whether a variable may refer to this, to one of its sessions, or to a part of one."""
        return sessions_held(list(self.sessions.values()), [self, self._board])

    def close(self) -> None:
        """Stop all feeds and both threads, and close all widgets of the board.

        The histories stay readable through a variable of the board.
        """
        if self.comm is not None:
            self.back()
            self._board.detach(self)
            self._board.close()
            if self._controls is not None:
                self._controls.close()  # it observes the settings, which may outlive the board
            forget_outputs([self._board, *self.sessions.values()])
        super().close()


class _MarketLab(Lab):
    """The lab of a market of a board: when it is closed, the board shows its lines again."""

    def __init__(self, session: Session, board: Board) -> None:
        self._of = board
        super().__init__(session)

    def close(self) -> None:
        super().close()
        if self._of.lab is self:
            self._of.back()


def _windows(board: BoardSession) -> list[tuple[float, str, str]]:
    """Return the lengths to choose from: seconds, short name, and long name."""
    return [(seconds, *formatting.window(seconds)) for seconds in board.windows]
