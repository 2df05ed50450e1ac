"""Transforms of signals, which are signals themselves: z-score, smoothing, change, sum.

A transform has the parameters of its signal, and its own. If both have a parameter of the same
name, the transform's own is prefixed with the transform's name: ``zscore_window``. The transform's
name is an expression, ``zscore(imbalance)``; settings and files store it.

Means are taken over states. Each state has the same weight, whatever the time between states.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import as_list
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.parameters import Number, Parameter, Seconds
from obi_widgets.signals import chunks
from obi_widgets.signals.coverage import LevelsUsed
from obi_widgets.signals.insight import Insight, LevelsInUse, Note, Weighing
from obi_widgets.signals.signal import Signal
from obi_widgets.signals.windows import before, trailing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

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

    def compute(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
        known = values[~np.isnan(values)]
        if not len(known):
            return values
        # Subtract a typical value first, so that the squares keep their digits.
        moved = values - known[0]
        mean, square = trailing(moved, time, seconds)
        variance = square - mean * mean
        # Rounding may leave a tiny variance where all values are equal.
        variance[variance <= 1e-12 * square] = np.nan
        return np.asarray((moved - mean) / np.sqrt(variance))

    return _over_window("zscore", signal, window, compute, unit="sd")


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
        return np.where(np.isnan(values), np.nan, trailing(values, time, seconds)[0])

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
        key = f"{_identifier(one)}_weight"
        parameter = Parameter(key, kind, None, f"Weight of {one} in the sum.")
        own[key] = Parameter(key, kind, parameter.check(weight), parameter.description)

    def combine(found: Sequence[Floats], _: History, values: Mapping[str, Any]) -> Floats:
        total = np.zeros(len(found[0]))
        for one, of_it in zip(names, found, strict=True):
            total += values[f"{_identifier(one)}_weight"] * of_it
        return total

    return Combined("sum", signals, own, combine)


class Combined(Signal):
    """A signal computed from other signals: it has their needs and their parameters.

    Parameters
    ----------
    transform : str
        Name of the transform. The signal's name is made of it and its parts: ``zscore(imbalance)``.
    parts : sequence of Signal
        The signals that it is computed from.
    own : mapping of str to Parameter
        The transform's own parameters.
    combine : callable
        Takes the parts' arrays, the history and the values of ``own``; returns an array.
    window : str
        Which parameter in ``own`` is its look-back, added to that of the parts; empty for none.
    unit, range
        See `Signal`.
    """

    def __init__(
        self,
        transform: str,
        parts: Sequence[Signal],
        own: Mapping[str, Parameter],
        combine: Callable[[Sequence[Floats], History, Mapping[str, Any]], Floats],
        *,
        window: str = "",
        unit: str = "",
        range: tuple[float, float] | None = None,  # noqa: A002
    ) -> None:
        self.transform, self.parts = transform, tuple(parts)
        self.own, self._combine, self._window = dict(own), combine, window
        parameters, self._names = {}, []
        for part in self.parts:
            names = {}
            for key, parameter in part.parameters.items():
                outer = (
                    f"{_identifier(part.name)}_{key}" if key in parameters or key in own else key
                )
                names[key] = outer
                parameters[outer] = Parameter(
                    outer, parameter.kind, parameter.default, parameter.description
                )
            self._names.append(names)

        def function(history: History, **values: Any) -> Floats:  # noqa: ANN401
            arrays = [part.compute(history, v) for part, v in self.parts_with_values(values)]
            return combine(arrays, history, {key: values[key] for key in self.own})

        named = ", ".join(part.name for part in self.parts)
        function.__doc__ = f"Return the {transform} of {named}."
        super().__init__(
            function,
            name=f"{transform}({named})",
            parameters={**parameters, **self.own},
            unit=unit,
            range=range,
            needs=frozenset().union(*(part.needs for part in self.parts)),
            lookback=self._look_back,
            directional=all(part.directional for part in self.parts),
            insight=CombinedInsight,
        )

    def parts_with_values(self, values: Mapping[str, Any]) -> list[tuple[Signal, dict[str, Any]]]:
        """Return each part with the values of its parameters."""
        return [
            (part, {inner: values[outer] for inner, outer in names.items()})
            for part, names in zip(self.parts, self._names, strict=True)
        ]

    def _look_back(self, values: Mapping[str, Any]) -> float:
        parts = max(part.lookback(own) for part, own in self.parts_with_values(values))
        return parts + (values[self._window] if self._window else 0.0)

    def reach(self, history: History, values: Mapping[str, Any], row: int) -> int:
        """Return the first state that a state's value depends on; −1 if it is before all.

        The parts look back from the state that stood when the own window began.
        """
        if self._window:
            row = chunks.standing(history, row, values[self._window])
        if row < 0:
            return row
        return min(part.reach(history, own, row) for part, own in self.parts_with_values(values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combined) and (
            (self.transform, self.parts, self.own) == (other.transform, other.parts, other.own)
        )

    def __hash__(self) -> int:
        return hash((self.transform, self.parts))

    def computes_as(self, other: Signal) -> bool:
        """Return whether another signal computes the same; its defaults may differ."""
        return (
            isinstance(other, Combined)
            and (self.transform, len(self.parts)) == (other.transform, len(other.parts))
            and all(one.computes_as(its) for one, its in zip(self.parts, other.parts, strict=True))
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return make, (self.transform, self.parts, {k: v.default for k, v in self.own.items()})

    def levels_used(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return the levels of the part that uses the most."""
        return max(
            (part.levels_used(given) for part, given in self.parts_with_values(values)),
            key=lambda used: (
                np.inf if used.band_bps is None and used.depth is None else used.band_bps or 0.0,
                used.depth or 0,
            ),
        )


class CombinedInsight(Insight):
    """The insights of a transform's parts, combined."""

    signal: Combined

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """Whether a part gives some levels less than their full size."""
        return any(part.insight.weighs for part in self.signal.parts)

    def weighings(self, values: Mapping[str, Any]) -> list[Weighing]:
        """Return how the levels of all parts are weighed; see `Insight.weighings`."""
        return [
            one
            for part, given in self.signal.parts_with_values(values)
            for one in part.insight.weighings(given)
        ]

    def notes(
        self,
        history: History,
        values: Mapping[str, Any],
        used: LevelsInUse,
        warned: Collection[str] = (),
    ) -> dict[str, Note]:
        """Return the notes on all parts' parameters; see `Insight.notes`."""
        found = {name: Note(one.description) for name, one in self.signal.own.items()}
        for (part, given), names in zip(
            self.signal.parts_with_values(values), self.signal._names, strict=True
        ):
            already = [inner for inner, outer in names.items() if outer in warned]
            told = part.insight.notes(history, given, used, already)
            found |= {names[inner]: note for inner, note in told.items()}
        return found


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


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


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
