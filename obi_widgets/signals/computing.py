"""Computing the signal that settings choose."""

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
    """Return the chosen signal of every state.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings
        The signal's name and parameters.

    Returns
    -------
    ndarray of float64, shape (T,)
        In the signal's unit, + for a rise. NaN where the signal has no value, see
        `Signal.compute`.

    Raises
    ------
    HistoryError, SettingsError
        An argument of the wrong type, or a user's function that returns a wrong shape.

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
