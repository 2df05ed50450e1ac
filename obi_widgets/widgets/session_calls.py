"""The calls of a lab that its session answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike

    from obi_widgets.calibration.signal_comparison import Comparison
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.presentation.reading.reading import Reading
    from obi_widgets.session.session import Session
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal


class SessionCalls:
    """The part of a lab that asks its session."""

    @property
    def _session(self) -> Session:
        raise NotImplementedError

    @property
    def settings(self) -> Settings:
        """Current settings. Assigning to an attribute moves its slider."""
        return self._session.settings

    @settings.setter
    def settings(self, values: Settings) -> None:
        self._session.settings.update(values)

    @property
    def history(self) -> History:
        """The book states so far: a `History` that later states do not change."""
        return self._session.history

    def to_frame(self, *, levels: int = 1) -> pd.DataFrame:
        """Return a DataFrame of the book states and the signal, see `Session.to_frame`."""
        return self._session.to_frame(levels=levels)

    def read(self, time: object) -> Reading:
        """Return the state of the market at a time, see `Session.read`."""
        return self._session.read(time)

    def health(self) -> Health:
        """Return the health of the feed now, see `Session.health`."""
        return self._session.health()

    def pause(self) -> None:
        """Freeze the screen. New data are still kept."""
        self._session.pause()

    def resume(self) -> None:
        """Show the newest data again, after `pause`."""
        self._session.resume()

    def export(self, path: str | Path) -> Path:
        """Save the settings, the data they were tuned on, and the calibration's figures.

        Parameters
        ----------
        path : str or Path
            Ends in ``.toml`` or ``.json``; or in ``.py`` for a strategy file, see
            `obi_widgets.export_strategy`. An existing file is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            If the name has another ending, or the file cannot be written.
        HistoryError
            If a strategy file is asked for before the first state.
        """
        return self._session.export(path)

    def compare_with(self, settings: Settings | Parameters | None) -> None:
        """Compare the present settings with others, see `Session.compare_with`."""
        self._session.compare_with(settings)

    def compare(
        self,
        signals: Iterable[Signal | str | Settings | Parameters]
        | Mapping[str, Signal | str | Settings | Parameters]
        | None = None,
        *,
        horizons: ArrayLike | None = None,
        level: float = 0.95,
    ) -> Comparison:
        """Compare signals on the states so far, see `Session.compare`; each counts as tried."""
        return self._session.compare(signals, horizons=horizons, level=level)

    def link(self) -> str:
        """Return a text that opens the same again, see `Session.link`."""
        return self._session.link()
