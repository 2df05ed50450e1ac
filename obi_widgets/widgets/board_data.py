"""What a board knows of its markets, as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from obi_widgets.calibration.lead_lag import aligned, correlations, lead_lag
from obi_widgets.errors import ArgumentError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.session.board import BoardSession
    from obi_widgets.session.session import Session
    from obi_widgets.settings.settings import Settings


class BoardData:
    """The part of a board that returns the sessions of its markets, and tables of them."""

    _board: BoardSession

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, in the given order."""
        return self._board.sources

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The session of each market by its source, without sources that could not be opened.

        A session has the market's history, `Session.to_frame`, `Session.on_alert` and all else.
        Closing it stops this market alone.
        """
        return self._board.sessions

    def __getitem__(self, source: str | Path) -> Session:
        """Return the session of a market: ``board["sim:BTC-PERP"].history``.

        Raises
        ------
        ObiError
            If the board has no such market, or why it could not be opened.
        """
        return self._board.session(source)

    @property
    def settings(self) -> Settings:
        """Settings of all markets. Assigning to an attribute changes all lines."""
        return self._board.settings

    @settings.setter
    def settings(self, values: Settings) -> None:
        self._board.settings.update(values)

    @property
    def cards(self) -> str | None:
        """Mode of the decision cards in the lines; None for none. May be set.

        Once they were shown, cards go on in the background: shown again, or in a mode that was
        shown before, they need not wait.

        Examples
        --------
        >>> board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=10)
        >>> board.cards = "scalp"
        >>> board.cards
        'scalp'
        >>> board.close()
        """
        mode = self._board.cards.mode
        return None if mode is None else mode.name

    @cards.setter
    def cards(self, mode: str | None) -> None:
        self._board.show_cards(mode)

    def to_frame(self) -> pd.DataFrame:
        """Return the newest values, a row each market.

        Returns
        -------
        DataFrame
            The index has the sources. Columns: ``symbol``, ``venue``, ``state``, ``reason`` (text);
            ``time`` (of the newest state, UTC), ``age`` (seconds since the book last changed),
            ``mid`` (quote currency), ``spread_bps``, one named like the signal and ``threshold``
            (the signal's unit), ``side`` (+1 or −1 beyond the threshold, else 0), ``since``
            (seconds for which it has been beyond), and ``change_bps`` over the window of the lines.
            Floats are NaN where there is no value. A source that could not be opened has the state
            ``error``.

            Where cards are shown, further columns: ``card`` (its state, see `obi_widgets.Card`;
            ``waiting`` before the first, ``failed`` if there is an error, empty of a source that
            could not be opened), ``card_reason`` (why it has no figures), ``direction``,
            ``strength``, ``agreement``, ``confidence``; and of each window, by its seconds,
            ``value_60`` and ``band_60``.

        Examples
        --------
        >>> board = obi.Board(["sim:BTC-PERP", "sim:NONE"], seed=3, warmup=10)
        >>> board.wait(50)
        >>> board.to_frame().loc["sim:NONE", "state"]
        'error'
        >>> board.close()
        """
        return self._board.to_frame()

    def lead_lag(
        self,
        sources: Iterable[str] | None = None,
        *,
        of: str = "mid",
        step: float = 0.1,
        longest: float = 3.0,
    ) -> pd.DataFrame:
        """Return which market leads, pair by pair, as far as the clocks allow.

        Parameters
        ----------
        sources : iterable of str, optional
            Two markets or more; all that have states if left out.
        of, step, longest
            See `obi_widgets.lead_lag`, which also tells what is returned and raised. The signal is
            that of the settings.
        """
        chosen = self._histories(sources)
        return lead_lag(chosen, self.settings, of=of, step=step, longest=longest)

    def correlations(
        self, sources: Iterable[str] | None = None, *, of: str = "mid", step: float = 1.0
    ) -> pd.DataFrame:
        """Return how alike the markets move, pair by pair, see `obi_widgets.correlations`.

        Parameters
        ----------
        sources : iterable of str, optional
            As for `lead_lag`.
        of, step
            See `obi_widgets.correlations`.
        """
        return correlations(self._histories(sources), self.settings, of=of, step=step)

    def aligned(
        self, sources: Iterable[str] | None = None, *, of: str = "signal", step: float = 0.1
    ) -> pd.DataFrame:
        """Return the signals of the markets by one clock, see `obi_widgets.aligned`.

        Parameters
        ----------
        sources : iterable of str, optional
            As for `lead_lag`.
        of, step
            See `obi_widgets.aligned`.

        Examples
        --------
        >>> board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=5)
        >>> board.wait(60)
        >>> board.aligned().columns.tolist()
        ['sim:BTC-PERP', 'sim:ETH-PERP', 'divergence']
        >>> board.close()
        """
        return aligned(self._histories(sources), self.settings, of=of, step=step)

    def _histories(self, sources: Iterable[str] | None) -> dict[str, History]:
        """Return the histories of these markets, or of all that have states."""
        if sources is None:
            return {name: one.history for name, one in self.sessions.items() if one.has_data}
        if isinstance(sources, str) or not isinstance(sources, Iterable):
            raise ArgumentError(f"{quoted(sources)} is no list of sources.", "Give a list.")
        return {str(name): self[name].history for name in sources}
