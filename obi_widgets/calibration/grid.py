"""The grid of a sweep: its axes and their values, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.holdout import holdout
from obi_widgets.checks import as_list, choice, fraction
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings
from obi_widgets.signals.registry import fast_sweep
from obi_widgets.trading.declared import (
    COSTS,
    DECELERATION_SECONDS,
    ENTRY_RULE,
    EXIT_DECELERATION,
    LEAST_WEIGHT,
    PARAMETERS,
    QUANTILE_WINDOW,
    SIZE_BY,
    STOP,
    STOP_BY,
    STRENGTH,
    TRANSITION,
    TRANSITION_SECONDS,
)
from obi_widgets.trading.post_only import QUEUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from obi_widgets.history.columns import History
    from obi_widgets.trading.post_only import Queue

LAST = ("threshold", "hold_seconds")
"""The last two axes of every grid: the signal is computed once for all of their values."""

MAX_SETTINGS = 5_000_000
"""Largest number of settings in a grid."""

QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
"""Default thresholds if these are quantiles."""


@dataclass(frozen=True)
class Grid:
    """The settings of a sweep, checked.

    Attributes
    ----------
    parameters : Parameters
        The settings that all share. Their values of the axes are not used.
    axes : dict of str to tuple
        Values of each axis by name, in the order of a surface's axes: parameters of the signal,
        parameters of trading, ``threshold``, ``hold_seconds``.
    hold_out : float
        Fraction of each history's time that is held out at its end, 0..1.
    queue : {"worse", "back", "front"}
        Bound of post-only fills; "worse" is, in each cell, the one with the lower mean net gain.
    held_from : int, optional
        Time without gaps from which the states of a history are held out, nanoseconds since its
        first state; ``hold_out`` has no effect then.
    """

    parameters: Parameters
    axes: dict[str, tuple[Any, ...]]
    hold_out: float
    queue: str = "worse"
    held_from: int | None = None

    @property
    def posts(self) -> bool:
        """Whether some of the settings have post-only orders."""
        return "post_only" in self.axes.get("execution", (self.parameters.execution,))

    @property
    def queues(self) -> tuple[Queue, ...]:
        """The bounds of fills that are looked at; one if no order is post-only."""
        asked = tuple(queue for queue in QUEUES if self.queue in (queue, "worse"))
        return asked if self.posts else QUEUES[:1]

    @classmethod
    def of(
        cls,
        settings: Settings | Parameters | None,
        hold_out: float,
        axes: Mapping[str, Iterable[Any] | None],
        queue: str = "worse",
    ) -> Grid:
        """Return a grid of the axes that have values; see `obi_widgets.sweep`.

        Raises
        ------
        SettingsError
            If a name is no axis, a value is not possible, or there are too many settings.
        """
        parameters = Parameters.of(Settings() if settings is None else settings)
        hold_out = fraction("hold_out", hold_out)
        choice("queue", queue, ("worse", *QUEUES))
        given = {name: values for name, values in axes.items() if values is not None}
        several = (ENTRY_RULE, EXIT_DECELERATION, STOP, STOP_BY, SIZE_BY)
        for name in (one.name for one in several):  # looked at more than once
            if name in given:
                given[name] = as_list(name, given[name])
        checked = {
            name: values_of(name, given.get(name), parameters) for name in _names(given, parameters)
        }
        count = np.prod([len(values) for values in checked.values()], dtype=float)
        if count > MAX_SETTINGS:
            raise SettingsError(
                f"{count:,.0f} settings are too many.",
                f"Give up to {MAX_SETTINGS:,}: fewer values, or fewer axes.",
            )
        return cls(parameters, checked, hold_out, queue)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(map(len, self.axes.values()))

    def cut(self, history: History) -> int:
        """Return the first row that is held out."""
        elapsed = history.elapsed
        if self.held_from is not None:
            return int(np.searchsorted(elapsed - elapsed[:1], self.held_from))
        return int(holdout(elapsed, share=self.hold_out).out_of_sample.start)


def _names(given: Mapping[str, Iterable[Any]], parameters: Parameters) -> list[str]:
    """Return the axes of a grid, in order.

    A signal with a fast sweep always has the axes of that sweep: they cost nothing.
    """
    signal = parameters.signal
    costs = [one.name for one in COSTS]
    own, trading = list(signal.parameters), [n for n in PARAMETERS if n not in (*LAST, *costs)]
    if parameters.threshold_is == "value":
        trading.remove(QUANTILE_WINDOW.name)
    if TRANSITION not in given.get(ENTRY_RULE.name, (parameters.entry_rule,)):
        trading.remove(TRANSITION_SECONDS.name)
    decelerations = given.get(EXIT_DECELERATION.name, (parameters.exit_deceleration,))
    if all(one is None for one in decelerations):
        trading.remove(DECELERATION_SECONDS.name)
    if all(one is None for one in given.get(STOP.name, (parameters.stop_bps,))):
        trading.remove(STOP_BY.name)
    weighed = [*given.get(SIZE_BY.name, (parameters.size_by,))]
    if STOP_BY.name in trading:
        weighed += given.get(STOP_BY.name, (parameters.stop_by,))
    if STRENGTH not in weighed:
        trading.remove(LEAST_WEIGHT.name)
    for name in given:
        if name not in (*own, *trading, *LAST):
            raise SettingsError(
                f"{quoted(name)} is not an axis of a sweep of {signal.name}.",
                f"{_why(name)}Its parameters are {', '.join(own) or 'none'}; those of trading are "
                f"{', '.join((*LAST, *trading))}.",
            )
    fast = fast_sweep(signal)
    always = fast.AXES if fast is not None else ()
    return (
        [n for n in own if n in given or n in always] + [n for n in trading if n in given] + [*LAST]
    )


def _why(name: str) -> str:
    if name in [one.name for one in COSTS]:
        return "A fee moves all means alike: give it in settings. "
    if name == QUANTILE_WINDOW.name:
        return "A window has an effect only with threshold_is='quantile'. "
    if name == TRANSITION_SECONDS.name:
        return "It has an effect only with entry_rule='transition'. "
    if name == DECELERATION_SECONDS.name:
        return "It has an effect only with an exit_deceleration. "
    if name == STOP_BY.name:
        return "It has an effect only with a stop_bps. "
    if name == LEAST_WEIGHT.name:
        return "It has an effect only with size_by='strength' or stop_by='strength'. "
    return ""


def values_of(name: str, values: Iterable[Any] | None, parameters: Parameters) -> tuple[Any, ...]:
    """Return the values of an axis, checked; by default the value in the settings.

    Raises
    ------
    SettingsError
        If the values are no list, there are none, or one is not possible.
    """
    if values is None:
        return (getattr(parameters, name),)
    declared = parameters.declared[name]
    return tuple(declared.check(value) for value in as_list(name, values))


def thresholds_for(parameters: Parameters) -> list[float]:
    """Return nine default thresholds.

    For a signal with a range these are tenths of its largest absolute value, otherwise quarters of
    its default threshold, up to 2.25 times that; for quantiles they are `QUANTILES`.
    """
    if parameters.threshold_is == "quantile":
        return list(QUANTILES)
    signal = parameters.signal
    high = max(map(abs, signal.range)) if signal.range is not None else 2.5 * signal.threshold
    return [float(f"{high * n / 10:.9g}") for n in range(1, 10)]
