"""Signals of a session side by side, each counted as tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.session.background_calibration import part
from obi_widgets.session.stacked import Stacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from obi_widgets.calibration.signal_comparison import Comparison
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal


class Comparing(Stacked):
    """The part of a session that compares signals on its own states."""

    tried: Tried

    @property
    def selected(self) -> Span | None:
        """The part that calibration uses, nanoseconds UTC; None for all states."""
        raise NotImplementedError

    def shown(self) -> History:
        """Return the states that the screen shows."""
        raise NotImplementedError

    def compare(
        self,
        signals: Iterable[Signal | str | Settings | Parameters]
        | Mapping[str, Signal | str | Settings | Parameters]
        | None = None,
        *,
        horizons: ArrayLike | None = None,
        level: float = 0.95,
    ) -> Comparison:
        """Compare signals on the states so far, see `obi_widgets.compare`.

        All states are used, or the part chosen with `select`. Each signal counts as tried: for the
        p values here, and for each calibration, export and comparison of this session that follows.

        Parameters
        ----------
        signals : iterable or mapping, optional
            Signals or names of them, `Settings` or `Parameters`. If left out, the settings' signal
            and those that `add_signal` put beside it, without gauges, which have no direction.
        horizons : array_like of float, optional
            Seconds; those of `obi_widgets.compare` if left out.
        level : float
            Level of the confidence intervals, 0.5 to 0.999.

        Returns
        -------
        obi_widgets.Comparison
            Its ``tried`` is the number of all settings that this session has tried.

        Raises
        ------
        SettingsError
            As `obi_widgets.compare`; and if a signal is a function or an array, which a session
            cannot count.
        HistoryError
            Before the first state.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=120)
        >>> session.wait(1000)
        >>> found = session.compare(["imbalance", "queue_imbalance"], horizons=(1, 5))
        >>> found.tried
        2
        >>> session.compare(["micro_price"], horizons=(1, 5)).tried
        3
        >>> session.close()
        """
        from obi_widgets.calibration.compare import chosen_signals, compare
        from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS

        if signals is None:
            signals = [one for one in self.signals if one.signal.directional]
        chosen = chosen_signals(signals)
        for one in chosen:
            if one.signal is not None:
                raise SettingsError(
                    f"{one.name} is a function or an array, which a session cannot count as tried.",
                    "Make a signal of it with @obi.signal; or call obi.compare(session.history, "
                    "..., tried=...), and count it yourself.",
                )
        # Data may come, and the part may change meanwhile: take both once.
        selected = self.selected
        states = part(self.shown(), selected)
        if not len(states):
            raise HistoryError("There is no book state yet.", "Wait for some: session.wait(1000).")
        tried = max(self.tried.add(one.parameters, selected) for one in chosen)
        return compare(
            states,
            {one.name: one.parameters for one in chosen},
            horizons=DEFAULT_HORIZONS if horizons is None else horizons,
            level=level,
            tried=max(tried, len(chosen)),  # several may differ in nothing that is tested
        )
