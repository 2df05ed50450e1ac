"""Signals that are shown below the settings' signal. They decide no entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.checks import text
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.signal import Signal

if TYPE_CHECKING:
    import threading

    from obi_widgets.settings.settings import Settings

MOST = 3
"""Signals that can be stacked."""


class Stacked:
    """The part of a session that keeps the stacked signals. Each change wakes the publisher."""

    settings: Settings
    _wake: threading.Event
    _stacked: tuple[Parameters, ...] = ()

    @property
    def signals(self) -> tuple[Parameters, ...]:
        """The settings' signal, which alone decides entries, and the stacked signals below it."""
        return self.settings.parameters, *self._stacked

    @property
    def stacked(self) -> tuple[Parameters, ...]:
        """The stacked signals, with their parameters and thresholds."""
        return self._stacked

    def add_signal(
        self, signal: Signal | str, *, threshold: float | None = None, **parameters: object
    ) -> Parameters:
        """Show another signal below the settings' signal. It decides no entries.

        Parameters
        ----------
        signal : Signal or str
            ``obi.queue_imbalance``, your own, or a name.
        threshold : float, optional
            Where its zones begin, in its unit; the signal's default if left out.
        **parameters
            Values of the signal's parameters; the defaults if left out.

        Returns
        -------
        obi_widgets.Parameters
            What is shown.

        Raises
        ------
        SettingsError
            If the signal or a value is not possible, if it is shown already, or if three are.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.add_signal("queue_imbalance").signal
        <Signal queue_imbalance; -1 to 1>
        >>> len(session.signals)
        2
        >>> session.close()
        """
        added = Parameters(signal, threshold=threshold, **parameters)  # type: ignore[arg-type]
        if added in self._stacked:
            raise SettingsError(
                f"{added.signal.name} is shown already with these values.",
                "Give other parameters, or another signal.",
            )
        if len(self._stacked) >= MOST:
            raise SettingsError(
                f"{MOST} signals are stacked already.", "Remove one with remove_signal(name)."
            )
        self._stacked = (*self._stacked, added)
        self._wake.set()
        return added

    def remove_signal(self, signal: Signal | str) -> None:
        """Show a stacked signal no longer; of several with the same name, none.

        Parameters
        ----------
        signal : Signal or str
            The signal, or its name.

        Raises
        ------
        SettingsError
            If it is not among the stacked signals.
        """
        name = (
            signal.name if isinstance(signal, Signal) else text("signal", signal, "Give its name.")
        )
        kept = tuple(one for one in self._stacked if one.signal.name != name)
        if len(kept) == len(self._stacked):
            shown = ", ".join(one.signal.name for one in self._stacked) or "none"
            raise SettingsError(
                f"{quoted(name)} is not a stacked signal.", f"Stacked signals: {shown}."
            )
        self._stacked = kept
        self._wake.set()
