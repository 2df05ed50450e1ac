"""Parameters: the values of settings at one moment, which computations take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import SettingsError, quoted
from obi_widgets.parameters import Choice, Number, Parameter
from obi_widgets.signals import registry
from obi_widgets.signals.signal import Signal
from obi_widgets.trading.decisions import first_needed
from obi_widgets.trading.declared import (
    DECELERATION_SECONDS,
    ENTERING,
    EXECUTION,
    FEE,
    FEES,
    FIXED,
    LEAST_WEIGHT,
    LEAVING,
    MAKER_FEE,
    OWN,
    QUANTILE_WINDOW,
    STRENGTH,
    TRANSITION,
    TRANSITION_SECONDS,
    WEIGHING,
)
from obi_widgets.trading.declared import PARAMETERS as OF_TRADING
from obi_widgets.trading.fees import fees as fees_of
from obi_widgets.trading.gates.gates import Gates
from obi_widgets.trading.thresholds import seconds_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from obi_widgets.history.columns import History
    from obi_widgets.signals.coverage import LevelsUsed
    from obi_widgets.trading.declared import Chosen, HasChosen

THRESHOLD_IS = Parameter(
    "threshold_is",
    Choice("value", "quantile"),
    "value",
    "Whether the threshold is a value of the signal, or a quantile of its recent values.",
)

GATES = "gates"
"""Name of the setting that says where an entry may begin."""

HIGHEST = 1e15
"""Highest threshold of a signal without bounds."""


def as_signal(signal: object) -> Signal:
    """Return a signal, given itself or by its name.

    Raises
    ------
    SettingsError
        An unknown name, something else, or a signal with a parameter whose name is that of a
        setting of every signal.
    """
    if isinstance(signal, Signal):
        for name in signal.parameters:
            if name in (*OF_TRADING, "signal", "threshold", "threshold_is", GATES):
                raise SettingsError(
                    f"The signal {signal.name} has a parameter {name}, which is the name of a "
                    "setting of every signal.",
                    "Give the parameter another name.",
                )
        return signal
    if isinstance(signal, str):
        return as_signal(registry.find(signal))
    raise SettingsError(
        f"signal = {quoted(signal)} is not possible.",
        "Give a signal, as obi.imbalance, or the name of one.",
    )


def gates_of(given: Any) -> Gates:  # noqa: ANN401
    """Return gates, given as such, or as `Gates` takes them."""
    return given if isinstance(given, Gates) else Gates(given)


def usual_fees(fees: str) -> tuple[float, float]:
    """Return the defaults of ``fee_bps`` and ``maker_fee_bps`` for a choice of ``fees``."""
    if fees == OWN:
        return float(FEE.default), float(MAKER_FEE.default)
    known = fees_of(fees)
    return known.taker_bps, known.maker_bps


def threshold_of(signal: Signal, threshold_is: str) -> Parameter:
    """Return the declaration of a signal's threshold: range, unit and default."""
    said = "Long above it, short below its negative."
    if threshold_is == "quantile":
        said = "Quantile of the signal's distance from 0: long or short beyond it."
        return Parameter("threshold", Number(0, 1, slider=(0.5, 1, 0.01)), 0.95, said)
    if signal.range is None:
        kind = Number(0, HIGHEST, signal.unit, slider=(0, 2.5 * signal.threshold, 0.01))
    else:
        high = max(map(abs, signal.range))
        kind = Number(0, high, signal.unit, slider=(0, high, high / 100))
    return Parameter("threshold", kind, signal.threshold, said)


@dataclass(frozen=True, init=False, eq=False)
class Parameters:
    """The values of `Settings` at one moment. They cannot be changed.

    The parameters and errors are those of `Settings`. Values of the signal's own parameters are
    attributes: ``parameters.decay``. If the threshold is a value, ``quantile_window`` always has
    its default, since nothing depends on it. So have ``transition_seconds`` without the rule, and
    ``deceleration_seconds`` without the exit, ``stop_by`` without a stop, and ``least_weight`` if
    neither size nor stop is by strength.

    Examples
    --------
    >>> parameters = obi.Parameters(decay=0.2)
    >>> parameters.replace(threshold=0.5).threshold
    0.5
    """

    signal: Signal
    values: tuple[tuple[str, Any], ...]
    threshold: float
    threshold_is: str
    hold_seconds: float
    entry_rule: str
    transition_seconds: float
    most_per_hour: int | None
    exit_fade: float | None
    exit_flip: str
    exit_deceleration: float | None
    deceleration_seconds: float
    stop_bps: float | None
    target_bps: float | None
    size_by: str
    stop_by: str
    least_weight: float
    price: str
    fees: str
    fee_bps: float
    execution: str
    wait_seconds: float
    maker_fee_bps: float
    latency_ms: float
    slippage_bps: float | None
    size: float | None
    quantile_window: float
    gates: Gates

    def __init__(
        self,
        signal: Signal | str = "imbalance",
        *,
        threshold: float | None = None,
        threshold_is: str = "value",
        hold_seconds: float = 20.0,
        price: str = "touch",
        fees: str = OWN,
        fee_bps: float | None = None,
        maker_fee_bps: float | None = None,
        execution: str = "taker",
        wait_seconds: float = 5.0,
        latency_ms: float = 0.0,
        slippage_bps: float | None = None,
        size: float | None = None,
        quantile_window: float = 600.0,
        entry_rule: str = "beyond",
        transition_seconds: float = 60.0,
        most_per_hour: int | None = None,
        exit_fade: float | None = None,
        exit_flip: str = "off",
        exit_deceleration: float | None = None,
        deceleration_seconds: float = 5.0,
        stop_bps: float | None = None,
        target_bps: float | None = None,
        size_by: str = "fixed",
        stop_by: str = "fixed",
        least_weight: float = 0.25,
        gates: Mapping[Any, Mapping[str, object]] | Iterable[Any] | None = None,
        **values: object,
    ) -> None:
        signal = as_signal(signal)
        threshold_is = THRESHOLD_IS.check(threshold_is)
        allowed = threshold_of(signal, threshold_is)
        usual_fee, usual_maker_fee = usual_fees(FEES.check(fees))
        given = {
            "hold_seconds": hold_seconds,
            "price": price,
            "fees": fees,
            "fee_bps": usual_fee if fee_bps is None else fee_bps,
            "maker_fee_bps": usual_maker_fee if maker_fee_bps is None else maker_fee_bps,
            "execution": execution,
            "wait_seconds": wait_seconds,
            "latency_ms": latency_ms,
            "slippage_bps": slippage_bps,
            "size": size,
            "quantile_window": quantile_window,
            "entry_rule": entry_rule,
            "transition_seconds": transition_seconds,
            "most_per_hour": most_per_hour,
            "exit_fade": exit_fade,
            "exit_flip": exit_flip,
            "exit_deceleration": exit_deceleration,
            "deceleration_seconds": deceleration_seconds,
            "stop_bps": stop_bps,
            "target_bps": target_bps,
            "size_by": size_by,
            "stop_by": stop_by,
            "least_weight": least_weight,
        }
        checked = {
            "signal": signal,
            "values": tuple(signal.check(values).items()),
            "threshold_is": threshold_is,
            "threshold": allowed.default if threshold is None else allowed.check(threshold),
            **{name: OF_TRADING[name].check(value) for name, value in given.items()},
            GATES: gates_of(gates),
        }
        if threshold_is == "value":
            checked["quantile_window"] = QUANTILE_WINDOW.default
        if checked["entry_rule"] != TRANSITION:
            checked["transition_seconds"] = TRANSITION_SECONDS.default
        if checked["exit_deceleration"] is None:
            checked["deceleration_seconds"] = DECELERATION_SECONDS.default
        if checked["stop_bps"] is None:
            checked["stop_by"] = FIXED
        if STRENGTH not in (checked["size_by"], checked["stop_by"]):
            checked["least_weight"] = LEAST_WEIGHT.default
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if not name.startswith("_"):
            for key, value in self.__dict__.get("values", ()):
                if key == name:
                    return value
        raise AttributeError(f"These parameters have no {name}.")

    def __eq__(self, other: object) -> bool:
        # Two transforms that differ only in their defaults are told apart by the values.
        return self is other or (
            isinstance(other, Parameters)
            and self.as_table() == other.as_table()
            and self.signal.computes_as(other.signal)
        )

    def __hash__(self) -> int:
        return hash((self.signal.name, self.values, self.threshold, self.hold_seconds))

    @classmethod
    def of(cls, settings: HasChosen | Chosen) -> Parameters:
        """Return the current values of `Settings`, or the given `Parameters`.

        Raises
        ------
        SettingsError
            If it is neither.
        """
        if isinstance(settings, Parameters):
            return settings
        parameters = getattr(settings, "parameters", None)
        if not isinstance(parameters, Parameters):
            raise SettingsError(
                f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
            )
        return parameters

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name, in the order of `Settings`."""
        return {
            "signal": self.signal,
            **dict(self.values),
            "threshold": self.threshold,
            "threshold_is": self.threshold_is,
            "hold_seconds": self.hold_seconds,
            **{
                setting.name: getattr(self, setting.name)
                for setting in (*ENTERING, *LEAVING, *WEIGHING)
            },
            "price": self.price,
            "fees": self.fees,
            "fee_bps": self.fee_bps,
            "maker_fee_bps": self.maker_fee_bps,
            **{setting.name: getattr(self, setting.name) for setting in EXECUTION},
            "quantile_window": self.quantile_window,
            GATES: self.gates,
        }

    def as_table(self) -> dict[str, Any]:
        """Return the values as files have them: by name, with the name of the signal.

        ``quantile_window`` is left out if the threshold is a value. Entry rule, exits, size by
        strength, execution and fees are left out at their defaults, and gates if there is none, so
        that seals from before these settings existed keep their hash.
        """
        table = {**self.as_dict(), "signal": self.signal.name, GATES: self.gates.as_table()}
        optional = (*ENTERING, *LEAVING, *WEIGHING, *EXECUTION, FEES, MAKER_FEE)
        unused = [setting.name for setting in optional if table[setting.name] == setting.default]
        if self.threshold_is == "value":
            unused.append(QUANTILE_WINDOW.name)
        if not self.gates:
            unused.append(GATES)
        return {name: value for name, value in table.items() if name not in unused}

    @property
    def declared(self) -> dict[str, Parameter]:
        """The declarations of all parameters by name: the signal's own, then those of trading."""
        threshold = threshold_of(self.signal, self.threshold_is)
        return {**self.signal.parameters, "threshold": threshold, **OF_TRADING}

    def replace(self, **changes: Any) -> Parameters:  # noqa: ANN401
        """Return a copy with some values changed; changed ``fees`` also set the fees in bps."""
        values = self.as_dict()
        if changes.get(FEES.name, self.fees) != self.fees:
            del values[FEE.name], values[MAKER_FEE.name]
        return Parameters(**{**values, **changes})

    def values_of(self, signal: Signal) -> dict[str, Any]:
        """Return the values of a signal's parameters, by name."""
        return {name: value for name, value in self.values if name in signal.parameters}

    @property
    def of_signal(self) -> tuple[Signal, tuple[tuple[str, Any], ...]]:
        """The signal and the values of its parameters: all that its values depend on."""
        return self.signal, self.values

    @property
    def lookback(self) -> float:
        """Seconds that the signal looks back."""
        return self.signal.lookback(dict(self.values))

    def first_needed(self, history: History, row: int) -> int:
        """Return the first row that is needed to compute the entries from a row on."""
        if row >= len(history):
            return row
        row = first_needed(history, self, row)
        since = history.time[row] - round(seconds_before(self) * 1e9)
        begin = max(int(np.searchsorted(history.time, since, "right")) - 1, 0)
        begin = min(begin, self.gates.first_needed(history, row))
        return self.signal.first_needed(history, dict(self.values), min(begin, row))

    @property
    def levels_used(self) -> LevelsUsed:
        """Levels of the book that the signal uses."""
        return self.signal.levels_used(dict(self.values))
