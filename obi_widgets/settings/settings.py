"""Settings: validated, observable, saved to files and loaded from them.

A slider shows one of these traits, an export writes them all, and an import validates them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits

from obi_widgets.errors import SettingsError, quoted, suggest
from obi_widgets.settings.parameters import (
    GATES,
    THRESHOLD_IS,
    Parameters,
    as_signal,
    threshold_of,
    usual_fees,
)
from obi_widgets.settings.presets import Presets
from obi_widgets.settings.saved import Saved
from obi_widgets.settings.traits import GatesTrait, Setting, SignalTrait, ThresholdTrait, class_for
from obi_widgets.settings.undo import Steps
from obi_widgets.trading.declared import FEES, OWN, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from obi_widgets.signals.coverage import LevelsUsed
    from obi_widgets.signals.signal import Signal

COMMON = ("signal", "threshold", "threshold_is", *PARAMETERS, GATES)
"""Names of the settings that exist for every signal."""


class Settings(Saved):
    """A signal, the values of its parameters, and the rules of its entries.

    Each parameter below is also an attribute, and so is each parameter of the signal:
    ``settings.decay = 0.2``. Assigning checks the value, and is safe from any thread. Attributes
    are traits, so ``settings.observe(function, "decay")`` calls a function after each change.
    Assigning another ``signal`` replaces the signal's parameters; those with the same name and
    kind keep their values.

    Parameters
    ----------
    signal : Signal or str
        A signal or its name: ``obi.imbalance``, ``"zscore(imbalance)"``, or your own.
    threshold : float, optional
        Long above it, short below its negative. In the signal's unit, or a quantile. The signal's
        default if left out; 0.95 for a quantile.
    threshold_is : {"value", "quantile"}
        ``"quantile"`` compares the signal's distance from 0 with the quantile, 0 to 1, of the same
        distance over the ``quantile_window`` before.
    hold_seconds : float
        Time from entry to exit, seconds of the exchange's clock; 0.1 to 86,400.
    price : {"touch", "mid"}
        Price of entry and exit: the touch (a long buys at the ask and sells at the bid), or mid.
    fees : str
        A venue whose fees apply (see `obi_widgets.fees`), or ``"own"``. A venue sets ``fee_bps``
        and ``maker_fee_bps`` to the fees of its lowest tier.
    fee_bps : float, optional
        Taker's fee of one side of a trade, bps of the value traded; −100 to 1,000. Negative is a
        rebate. If left out, the venue's fee, or 5 with ``fees="own"``.
    maker_fee_bps : float, optional
        Fee of one side of a trade that rested in the book, as ``fee_bps``; 2 with ``fees="own"``.
    execution : {"taker", "post_only"}
        ``"taker"`` orders take the other side's levels. ``"post_only"`` orders rest at the best
        price of their own side until trades fill them. Trades do not tell the place in the queue,
        so the fills have two bounds: both are shown, and the worse one is judged; see
        `obi_widgets.trading.post_only`. ``price`` has no effect on post-only orders.
    wait_seconds : float
        How long a post-only order rests until it is cancelled; 0.1 to 3,600. A taker then closes
        the position if the order was an exit.
    latency_ms : float
        Time from a decision until its order arrives, milliseconds of event time; 0 to 10,000. The
        order is executed on the first state at or after its arrival. Exits have the same latency.
    slippage_bps : float, optional
        Limit of an entry order: how much worse than the touch at the decision the price of any
        level that it needs may be, bps; 0 to 10,000. An order beyond the limit is cancelled, not
        chased. If left out, there is no limit. Exits have no limit.
    size : float, optional
        Size of an order, base units. It takes as many levels as it needs. An entry is filled whole
        or not at all; an exit larger than the kept levels is priced at the last of them beyond
        these. If left out, an order is so small that the touch fills it. With ``price="mid"`` the
        size has no effect.
    entry_rule : {"beyond", "crossing", "transition"}
        Where an entry may begin. ``"beyond"``: at each state beyond the threshold. ``"crossing"``:
        only where the state before was not beyond it on this side. ``"transition"``: only where the
        signal was last beyond the other side's threshold, within ``transition_seconds``. A state
        without a value makes what was before it unknown.
    transition_seconds : float
        Of transitions: how long ago the signal may have been beyond the other side, seconds; 0.1
        to 3,600. Without effect on other rules.
    most_per_hour : int, optional
        Cap on the positions of the market: no entry begins while so many were entered within the
        hour of event time before, 1 to 1,000. Orders that were not filled are not counted. If left
        out, there is no cap. Trades that are judged each on their own (`obi_widgets.calibrate`)
        have none.
    exit_fade : float, optional
        A position is left before its hold is over when the signal, with the position's sign, is
        below this share of the threshold; 0 to 1. If left out, there is no such exit.
    exit_flip : {"off", "on"}
        ``"on"`` leaves when the signal is beyond the threshold of the other side.
    exit_deceleration : float, optional
        Leaves when the signal, with the position's sign, has fallen within
        ``deceleration_seconds`` by more than this share of the threshold; 0.01 to 100. No position
        begins in such a state.
    deceleration_seconds : float
        Seconds within which the signal has to fall; 0.1 to 3,600.
    stop_bps, target_bps : float, optional
        Leaves when the price at which the position could be left is worse, or better, than its
        entry's by this much, bps before fees; 0.01 to 10,000. If left out, there is none. Every
        exit is decided at a state after the entry's; its order has the latency of any other, so a
        stop may lose more than its bps.
    size_by : {"fixed", "strength"}
        ``"strength"`` makes an entry the larger, the farther the signal is beyond the threshold:
        its weight goes from ``least_weight`` at the threshold to 1 at twice the threshold, or at
        the end of the signal's range, in ten steps. An order has that share of ``size``, and an
        entry counts in every mean by its weight: means are gains per unit of the value traded.
    stop_by : {"fixed", "strength"}
        ``"strength"`` takes the weight's share of ``stop_bps``: the stop of a weak entry is closer.
        Without effect without a stop.
    least_weight : float
        Weight of an entry at the threshold, 0.05 to 1. Without effect if size and stop are fixed.
    quantile_window : float
        Window of a quantile threshold: seconds before a state, without the state itself; 10 to
        86,400. There is no entry until the book has been in sync for the whole window.
    gates : mapping or iterable, optional
        Where an entry may begin: names of gates, each with its values, as
        ``{"spread": {"quantile": 0.9}, "hours": {}}``; see `obi_widgets.Gates`. Exits are the same
        with and without. None, the default, lets entries begin everywhere.
    **values
        Parameters of the signal, by name. Each signal has others, so they cannot be listed here:
        see ``settings.signal.parameters``. Those of the imbalance are ``decay`` (per bp),
        ``depth`` (levels, None for all), ``band_bps`` (bps, None for no band) and ``weighting``
        (``"size"`` or ``"notional"``), see `obi_widgets.imbalance`.

    Attributes
    ----------
    provenance : Provenance or None
        Data that a loaded file was tuned on; None if unknown.
    findings : Findings or None
        Calibration figures of a loaded file; None if it has none.
    sealed : Sealed or None
        Sealed test of a loaded file; None if it has none.

    Raises
    ------
    SettingsError
        If the signal has no setting of a name, or a value is out of its range.

    Examples
    --------
    >>> settings = obi.Settings(decay=0.2, threshold=0.5)
    >>> settings.depth = None
    >>> settings.signal = "zscore(imbalance)"
    >>> settings.decay, settings.depth, settings.window
    (0.2, None, 300.0)
    """

    signal = SignalTrait()
    threshold_is = Setting(THRESHOLD_IS)
    threshold = ThresholdTrait()
    hold_seconds = Setting(PARAMETERS["hold_seconds"])
    entry_rule = Setting(PARAMETERS["entry_rule"])
    transition_seconds = Setting(PARAMETERS["transition_seconds"])
    most_per_hour = Setting(PARAMETERS["most_per_hour"])
    exit_fade = Setting(PARAMETERS["exit_fade"])
    exit_flip = Setting(PARAMETERS["exit_flip"])
    exit_deceleration = Setting(PARAMETERS["exit_deceleration"])
    deceleration_seconds = Setting(PARAMETERS["deceleration_seconds"])
    stop_bps = Setting(PARAMETERS["stop_bps"])
    target_bps = Setting(PARAMETERS["target_bps"])
    size_by = Setting(PARAMETERS["size_by"])
    stop_by = Setting(PARAMETERS["stop_by"])
    least_weight = Setting(PARAMETERS["least_weight"])
    price = Setting(PARAMETERS["price"])
    fees = Setting(PARAMETERS["fees"])
    fee_bps = Setting(PARAMETERS["fee_bps"])
    maker_fee_bps = Setting(PARAMETERS["maker_fee_bps"])
    execution = Setting(PARAMETERS["execution"])
    wait_seconds = Setting(PARAMETERS["wait_seconds"])
    latency_ms = Setting(PARAMETERS["latency_ms"])
    slippage_bps = Setting(PARAMETERS["slippage_bps"])
    size = Setting(PARAMETERS["size"])
    quantile_window = Setting(PARAMETERS["quantile_window"])
    gates = GatesTrait()

    _lock: threading.RLock
    _before: dict[str, dict[str, Any]]  # by signal name: its values when it was last in use
    # The last `parameters`: the traits' values, all values by name, and what was made of them.
    _newest: tuple[dict[str, Any], dict[str, Any], Parameters] | None

    def __new__(cls, signal: Signal | str = "imbalance", **_: Any) -> Self:  # noqa: ANN401, D102
        chosen = as_signal(signal)
        settings: Self = super().__new__(class_for(Settings, chosen))
        settings._lock = threading.RLock()
        settings._before = {}
        settings._newest = None
        settings._trait_values["signal"] = chosen
        settings._trait_values["threshold"] = chosen.threshold
        return settings

    def __init__(
        self,
        signal: Signal | str = "imbalance",  # noqa: ARG002 __new__ uses it
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
        **values: Any,  # noqa: ANN401
    ) -> None:
        for name in values:
            self._check_name(name)
        super().__init__()
        self.threshold_is = threshold_is
        if threshold is not None:
            self.threshold = threshold
        self.hold_seconds, self.price, self.fees = hold_seconds, price, fees
        if fee_bps is not None:
            self.fee_bps = fee_bps
        if maker_fee_bps is not None:
            self.maker_fee_bps = maker_fee_bps
        self.execution, self.wait_seconds = execution, wait_seconds
        self.latency_ms, self.slippage_bps, self.size = latency_ms, slippage_bps, size
        self.quantile_window, self.gates = quantile_window, gates
        self.entry_rule, self.transition_seconds = entry_rule, transition_seconds
        self.most_per_hour = most_per_hour
        self.exit_fade, self.exit_flip = exit_fade, exit_flip
        self.exit_deceleration = exit_deceleration
        self.deceleration_seconds = deceleration_seconds
        self.stop_bps, self.target_bps = stop_bps, target_bps
        self.size_by, self.stop_by, self.least_weight = size_by, stop_by, least_weight
        for name, value in values.items():
            setattr(self, name, value)
        self._steps = Steps(self.parameters)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            self._check_name(name)
        if name == "threshold_is":
            self._replace({name: THRESHOLD_IS.check(value), **self._fitting(value)})
        elif name == "fees" and FEES.check(value) != OWN:
            fees = dict(zip(("fee_bps", "maker_fee_bps"), usual_fees(str(value)), strict=True))
            self._replace({name: value, **fees})
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"The signal {self.signal.name} has no parameter {name}.")

    def _check_name(self, name: str) -> None:
        known = [*self.signal.parameters, *COMMON]
        if name not in known:
            raise SettingsError(
                f"The signal {self.signal.name} has no setting {quoted(name)}.",
                suggest(name, known),
            )

    def _fitting(self, threshold_is: object) -> dict[str, Any]:
        """Return a new threshold if the present one is out of its new range."""
        allowed = threshold_of(self.signal, str(threshold_is))
        try:
            allowed.check(self.threshold)
        except SettingsError:
            return {"threshold": allowed.default}
        return {}

    def _choose(self, signal: Signal) -> None:
        """Change the signal; a parameter of the same name and kind keeps its value."""
        with self._lock:
            old, before = self.signal, self._values()
            if signal == old:
                return
            again = self._before.get(signal.name, {})
            values: dict[str, Any] = {"signal": signal}
            for name, parameter in signal.parameters.items():
                value = again.get(name, parameter.default)
                if name in old.parameters and old.parameters[name].kind == parameter.kind:
                    value = before[name]
                values[name] = parameter.check(value)
            if self.threshold_is == "value":
                values["threshold"] = again.get("threshold", signal.threshold)
        self._replace(values)

    def _replace(self, values: Mapping[str, Any]) -> None:
        """Set several values at once, then tell the observers: nobody sees a part of them.

        The values have been checked. With another signal, they include all its parameters.
        """
        with self._lock:
            old, before = self.signal, self._values()
            signal: Signal = values.get("signal", old)
            if signal != old:
                own = {name: before[name] for name in (*old.parameters, "threshold")}
                self._before[old.name] = own
                for name in old.parameters:
                    self._trait_values.pop(name, None)
                self.__class__ = class_for(Settings, signal)
            self._trait_values.update(values)
            after = self._values()
        for name, value in after.items():
            if name not in before or before[name] != value:
                self._notify_trait(name, before.get(name), value)

    def _values(self) -> dict[str, Any]:
        """Return all values by name; first those on which the others depend."""
        return {
            name: getattr(self, name)
            for name in ("signal", "threshold_is", *self.signal.parameters, *COMMON)
        }

    @property
    def parameters(self) -> Parameters:
        """A copy of all values, which does not change. The same object until a value changes."""
        with self._lock:
            if self._newest is not None and self._newest[0] == self._trait_values:
                return self._newest[2]  # asked for at each state and frame
            values = self._values()
            same = self._newest is not None and self._newest[1] == values
            found = self._newest[2] if self._newest is not None and same else Parameters(**values)
            self._newest = self._trait_values.copy(), values, found
            return found

    @property
    def levels_used(self) -> LevelsUsed:
        """Levels of the book that the signal uses."""
        return self.parameters.levels_used

    @property
    def presets(self) -> Presets:
        """Named values: ``settings.presets.apply("scalp")``, ``settings.presets.save("mine")``."""
        return Presets(self)

    def values_of(self, signal: Signal) -> dict[str, Any]:
        """Return the current values of a signal's parameters, by name."""
        wanted = as_signal(signal).parameters
        with self._lock:
            return {name: getattr(self, name) for name in self.signal.parameters if name in wanted}

    def update(self, values: Settings | Parameters) -> None:
        """Copy all values from other settings."""
        self._replace(Parameters.of(values).as_dict())

    def __repr__(self) -> str:
        given = self.parameters.as_table()
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.parameters == other.parameters

    __hash__ = HasTraits.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (
            self.parameters,
            self.provenance,
            self.findings,
            self.sealed,
            self._loaded,
        )


def _unpickle(parameters: Parameters, *attributes: Any) -> Settings:  # noqa: ANN401
    """Return settings from a pickle."""
    settings = Settings(**parameters.as_dict())
    settings.provenance, settings.findings, settings.sealed, settings._loaded = attributes
    return settings
