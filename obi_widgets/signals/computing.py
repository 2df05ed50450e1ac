"""The signal that settings choose, computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.signals.signal_checks import check_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.signals.signal import HasValues

    Floats = NDArray[np.float64]


def compute(history: History, settings: HasValues) -> Floats:
    """Return the signal that the settings choose, of every state.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings
        Which signal, and the values of its parameters.

    Returns
    -------
    ndarray of float64, shape (T,)
        In the signal's unit, + for a rise. NaN where there is no value, see `Signal.compute`.

    Raises
    ------
    HistoryError, SettingsError
        No history, or no settings; a function of a user's that returns something else.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> settings = obi.Settings(signal=obi.zscore(obi.imbalance, window=10))
    >>> obi.compute(history, settings).shape == history.time.shape
    True
    """
    check_settings(settings)
    return settings.signal(history, settings)
