"""Transforms of signals, which are signals themselves: z-score, smoothing, change, sum.

A transform has the parameters of its signal, and its own. If both have a parameter of the same
name, the transform's own is prefixed with the transform's name: ``zscore_window``. The transform's
name is an expression, ``zscore(imbalance)``; settings and files store it.

Means are taken over states. Each state has the same weight, whatever the time between states.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import as_list
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.parameters import Number, Parameter, Seconds
from obi_widgets.signals.combined import Combined, identifier
from obi_widgets.signals.signal import Signal
from obi_widgets.signals.windows import before, mean_of, standardised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

WINDOW = Seconds(1, 86_400, slider=(1, 3600, 1))
"""The kind of every transform's ``window``."""


def zscore(signal: Signal, window: float = 300.0) -> Signal:
    """Return a signal less its trailing mean, in trailing standard deviations.

    Parameters
    ----------
    signal : Signal
        The signal to transform.
    window : float
        Seconds over which mean and standard deviation are taken, the state itself included.

    Returns
    -------
    Signal
        In standard deviations ("sd"), without bounds. NaN until the window is full, and where the
        signal did not change within the window.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.zscore(obi.imbalance, window=60)
    <Signal zscore(imbalance): decay, depth, band_bps, weighting, window; sd>
    """
    return _over_window("zscore", signal, window, standardised, unit="sd")


def smooth(signal: Signal, window: float = 10.0) -> Signal:
    """Return the trailing mean of a signal.

    Parameters
    ----------
    signal : Signal
        The signal to transform.
    window : float
        Seconds over which the mean is taken, the state itself included.

    Returns
    -------
    Signal
        Unit and range are the signal's. NaN until the window is full.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.smooth(obi.queue_imbalance, window=5)
    <Signal smooth(queue_imbalance): window; -1 to 1>
    """

    def compute(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
        return np.where(np.isnan(values), np.nan, mean_of(values, time, seconds))

    return _over_window(
        "smooth", signal, window, compute, unit=_checked(signal).unit, range=signal.range
    )


def difference(signal: Signal, window: float = 10.0) -> Signal:
    """Return the change of a signal over a window.

    Parameters
    ----------
    signal : Signal
        The signal to transform.
    window : float
        Seconds. A state is compared with the last state at or before this long ago.

    Returns
    -------
    Signal
        In the unit of the signal, without bounds. NaN until the window is full.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.difference(obi.queue_imbalance, window=5)
    <Signal difference(queue_imbalance): window>
    """

    def compute(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
        return values - before(values, time, seconds)

    return _over_window("difference", signal, window, compute, unit=_checked(signal).unit)


def velocity(signal: Signal, window: float = 10.0) -> Signal:
    """Return the change of a signal over a window, per second.

    Parameters
    ----------
    signal : Signal
        The signal to transform.
    window : float
        Seconds. A state is compared with the last state at or before this long ago.

    Returns
    -------
    Signal
        In the unit of the signal per second, without bounds. NaN until the window is full.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.velocity(obi.queue_imbalance, window=5)
    <Signal velocity(queue_imbalance): window; /s>
    """

    def compute(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
        return (values - before(values, time, seconds)) / seconds

    unit = f"{_checked(signal).unit}/s"
    return _over_window("velocity", signal, window, compute, unit=unit)


def weighted_sum(signals: Sequence[Signal], weights: Sequence[float]) -> Signal:
    """Return the weighted sum of several signals.

    Parameters
    ----------
    signals : sequence of Signal
        The signals to add; no two of the same name.
    weights : sequence of float
        The default weight of each, −100 to 100. Each is a parameter, such as ``imbalance_weight``.

    Returns
    -------
    Signal
        Without unit or bounds. NaN where any of the signals is NaN.

    Raises
    ------
    SettingsError
        No signals, two of the same name, or a different number of weights.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.weighted_sum([obi.queue_imbalance, obi.trade_imbalance], [1.0, 0.5]).name
    'sum(queue_imbalance, trade_imbalance)'
    """
    signals, weights = as_list("signals", signals), as_list("weights", weights)
    names = [_checked(one).name for one in signals]
    if not names or len(set(names)) < len(names) or len(names) != len(weights):
        raise SettingsError(
            f"{len(weights)} weights do not fit the signals {', '.join(names) or '(none)'}.",
            "Give one signal or more, no two of the same name, and one weight for each.",
        )
    kind = Number(-100, 100, slider=(-2, 2, 0.05))
    own = {}
    for one, weight in zip(names, weights, strict=True):
        key = f"{identifier(one)}_weight"
        parameter = Parameter(key, kind, None, f"Weight of {one} in the sum.")
        own[key] = Parameter(key, kind, parameter.check(weight), parameter.description)

    def combine(found: Sequence[Floats], _: History, values: Mapping[str, Any]) -> Floats:
        total = np.zeros(len(found[0]))
        for one, of_it in zip(names, found, strict=True):
            total += values[f"{identifier(one)}_weight"] * of_it
        return total

    return Combined("sum", signals, own, combine)


def make(transform: str, parts: Sequence[Signal], own: Mapping[str, Any] | None = None) -> Signal:
    """Return the transform of this name, with values of its own parameters."""
    given = list((own or {}).values())
    if transform == "sum":
        return weighted_sum(parts, given or [1.0] * len(parts))
    if len(parts) != 1:
        raise SettingsError(
            f"{transform} takes one signal, and {len(parts)} were given.",
            "Use sum to combine several signals.",
        )
    over_window = {
        "zscore": zscore, "smooth": smooth, "difference": difference, "velocity": velocity,
    }[transform]  # fmt: skip
    return over_window(parts[0], *given)


def _made_by(signal: Combined) -> tuple[Any, ...]:
    return make, (
        signal.transform, signal.parts, {name: one.default for name, one in signal.own.items()},
    )  # fmt: skip


# A combined signal holds a function within a function, which pickle cannot store.
copyreg.pickle(Combined, _made_by)


def _checked(signal: Signal) -> Signal:
    if not isinstance(signal, Signal):
        raise SettingsError(
            f"{quoted(signal)} is not a signal.", "Give a signal, for example obi.imbalance."
        )
    return signal


def _over_window(
    transform: str,
    signal: Signal,
    window: float,
    compute: Callable[[Floats, NDArray[np.int64], float], Floats],
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,  # noqa: A002
) -> Signal:
    """Return a transform of one signal over a trailing window."""
    key = f"{transform}_window" if "window" in _checked(signal).parameters else "window"
    description = "Length of the trailing window in seconds. It includes the state itself."
    parameter = Parameter(key, WINDOW, None, description)
    own = {key: Parameter(key, WINDOW, parameter.check(window), description)}

    def combine(found: Sequence[Floats], history: History, values: Mapping[str, Any]) -> Floats:
        return compute(found[0], history.time, values[key])

    return Combined(transform, [signal], own, combine, window=key, unit=unit, range=range)
