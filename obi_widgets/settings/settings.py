"""The one place where settings live: validated, observable, saved and loaded.

A slider is a view of one of these traits; an export is a dump of them; an import is their
validation.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits

from obi_widgets.checks import instance
from obi_widgets.checks import path as as_path
from obi_widgets.errors import SettingsError, quoted, suggest
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings import files
from obi_widgets.settings.parameters import THRESHOLD_IS, Parameters, as_signal, threshold_of
from obi_widgets.settings.provenance import (
    Findings,
    Sealed,
    from_tables,
    refuse_others,
    sealed_of,
    to_tables,
)
from obi_widgets.settings.traits import Setting, SignalTrait, ThresholdTrait, class_for
from obi_widgets.trading.declared import FEE, HOLD, PRICE, QUANTILE_WINDOW

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from obi_widgets.signals.coverage import LevelsUsed
    from obi_widgets.signals.signal import Signal

COMMON = (
    "signal", "threshold", "threshold_is", "hold_seconds", "price", "fee_bps", "quantile_window",
)  # fmt: skip
"""Settings that there are with every signal."""


class Settings(HasTraits):
    """Which signal is computed, with which parameters, and what entries it would have made.

    Every attribute is a trait: assigning validates, ``observe`` tells of changes. Assigning is
    safe from any thread. The parameters of the signal are attributes as well; another signal has
    others.

    Parameters
    ----------
    signal : Signal or str
        A signal, or the name of one: ``"imbalance"``, ``"zscore(imbalance)"``, your own.
    threshold : float, optional
        Long above it, short below its negative; in the signal's unit, or a quantile. The signal's
        own start when left out.
    threshold_is : {"value", "quantile"}
        What the threshold is: a value of the signal, or a quantile, 0 to 1, of the distances from
        0 that the signal lately had.
    hold_seconds : float
        How long an entry is held, in event time; 0.1 to 86,400.
    price : {"touch", "mid"}
        What an entry pays: the touch (long in at the ask, out at the bid), or mid.
    fee_bps : float
        Fee of one side of a trade, bps of its value; negative is a rebate. −100 to 1,000.
    quantile_window : float
        Of a quantile: the seconds before a state that it is taken over, the state itself left out;
        10 to 86,400. There is no entry until the book was in sync for so long.
    **values
        Parameters of the signal. Those of the imbalance are ``decay``, ``depth``, ``band_bps`` and
        ``weighting``: see `obi_widgets.imbalance`.

    Raises
    ------
    SettingsError
        A name that is not a setting of this signal, or a value out of its range.
    """

    signal = SignalTrait()
    threshold_is = Setting(THRESHOLD_IS)
    threshold = ThresholdTrait()
    hold_seconds = Setting(HOLD)
    price = Setting(PRICE)
    fee_bps = Setting(FEE)
    quantile_window = Setting(QUANTILE_WINDOW)

    provenance: Provenance | None = None
    """What a loaded file was tuned on; None for settings that were not loaded."""

    findings: Findings | None = None
    """What calibration had said of a loaded file's; None where nothing is told."""

    sealed: Sealed | None = None
    """What a loaded file told of a sealed test; None where nothing is told."""

    _told_of: Parameters | None = None  # which ones

    _lock: threading.RLock
    _before: dict[str, dict[str, Any]]  # values of the signals that were chosen before

    def __new__(cls, signal: Signal | str = "imbalance", **_: Any) -> Self:  # noqa: ANN401, D102
        chosen = as_signal(signal)
        settings: Self = super().__new__(class_for(Settings, chosen))
        settings._lock = threading.RLock()
        settings._before = {}
        settings._trait_values["signal"] = chosen
        settings._trait_values["threshold"] = chosen.threshold
        return settings

    def __init__(
        self,
        signal: Signal | str = "imbalance",  # noqa: ARG002 __new__ has it
        *,
        threshold: float | None = None,
        threshold_is: str = "value",
        hold_seconds: float = 20.0,
        price: str = "touch",
        fee_bps: float = 5.0,
        quantile_window: float = 600.0,
        **values: Any,  # noqa: ANN401
    ) -> None:
        for name in values:
            self._check_name(name)
        super().__init__()
        self.threshold_is = threshold_is
        if threshold is not None:
            self.threshold = threshold
        self.hold_seconds, self.price, self.fee_bps = hold_seconds, price, fee_bps
        self.quantile_window = quantile_window
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            self._check_name(name)
        super().__setattr__(name, value)
        if name == "threshold_is":
            self._fit_threshold()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"The signal {self.signal.name} has no parameter {name}.")

    def _check_name(self, name: str) -> None:
        known = [*self.signal.parameters, *COMMON]
        if name not in known:
            raise SettingsError(
                f"There is no setting {quoted(name)} of the signal {self.signal.name}.",
                suggest(name, known),
            )

    def _fit_threshold(self) -> None:
        """Have a threshold that is possible."""
        allowed = threshold_of(self.signal, self.threshold_is)
        try:
            allowed.check(self.threshold)
        except SettingsError:
            self.threshold = allowed.default

    def _choose(self, signal: Signal) -> None:
        """Take another signal; a parameter of the same name and kind keeps its value."""
        with self._lock:
            old, before = self.signal, self.parameters.as_dict()
            if signal == old:
                return
            self._before[old.name] = {**dict(self.parameters.values), "threshold": self.threshold}
            again = self._before.get(signal.name, {})
            for name in old.parameters:
                self._trait_values.pop(name, None)
            self.__class__ = class_for(Settings, signal)
            for name, parameter in signal.parameters.items():
                value = again.get(name, parameter.default)
                if name in old.parameters and old.parameters[name].kind == parameter.kind:
                    value = before[name]
                self._trait_values[name] = parameter.check(value)
            self._trait_values["signal"] = signal
            if self.threshold_is == "value":
                self._trait_values["threshold"] = again.get("threshold", signal.threshold)
            after = self.parameters.as_dict()
        for name, value in after.items():
            if name not in before or before[name] != value:
                self._notify_trait(name, before.get(name), value)

    @property
    def parameters(self) -> Parameters:
        """The values at this moment."""
        with self._lock:
            names = [*COMMON, *self.signal.parameters]
            return Parameters(**{name: getattr(self, name) for name in names})

    @property
    def levels_used(self) -> LevelsUsed:
        """Which levels the signal rests on."""
        return self.parameters.levels_used

    def values_of(self, signal: Signal) -> dict[str, Any]:
        """Return the values at this moment for parameters of a signal."""
        return self.parameters.values_of(as_signal(signal))

    def update(self, values: Settings | Parameters) -> None:
        """Take all values from other settings."""
        given = Parameters.of(values).as_dict()
        for name in ("signal", "threshold_is", *given):
            setattr(self, name, given[name])

    def __repr__(self) -> str:
        given = self.parameters.as_table()
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.parameters == other.parameters

    __hash__ = HasTraits.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.parameters, self.provenance, self.findings, self.sealed, self._told_of)

    # -- files -----------------------------------------------------------------------------

    def save(
        self,
        path: str | Path,
        *,
        provenance: Provenance | None = None,
        findings: Findings | None = None,
        sealed: Sealed | None = None,
    ) -> Path:
        """Write a ``.toml`` or ``.json`` file.

        Parameters
        ----------
        path : str or Path
            Where to; an existing file is replaced.
        provenance : Provenance, optional
            What the settings were tuned on; what the findings are of when left out.
        findings : Findings, optional
            What calibration said of them, ``report.findings``.
        sealed : Sealed, optional
            What a sealed test has come to, ``test.summary()``. When all three are left out, what a
            file had told of them that they were loaded from, if they are still the same. Without
            any the file says that they are not calibrated.

        Returns
        -------
        Path

        Raises
        ------
        SettingsError
            A name that ends otherwise, a place that cannot be written to, or findings that are of
            other settings, another market or another signal.
        """
        path = as_path(path, files.TAKES)
        files.kind_of(path)
        instance("provenance", provenance, (Provenance, type(None)), "Give a Provenance.")
        instance("findings", findings, (Findings, type(None)), "Give report.findings.")
        instance("sealed", sealed, (Sealed, type(None)), "Give test.summary().")
        parameters = self.parameters
        nothing = provenance is None and findings is None and sealed is None
        if nothing and parameters == self._told_of:
            provenance, findings, sealed = self.provenance, self.findings, self.sealed
        refuse_others(parameters, provenance, findings)
        files.write(path, parameters.as_table(), to_tables(provenance, findings, sealed))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Settings:
        """Read a file that `save` wrote, or that was written by hand.

        Raises
        ------
        SettingsError
            A file that is not readable as such, of a newer version, or with a signal or a setting
            that is unknown or not possible.
        """
        path = as_path(path, files.TAKES)
        values, document = files.read(path)
        try:
            settings = cls(**values)
            told = settings.parameters
            settings.provenance, settings.findings = from_tables(document, told)
            if "sealed_test" in document:
                settings.sealed = sealed_of(document["sealed_test"])
        except SettingsError as error:
            raise SettingsError(f"{path.name}: {error.what}", error.advice) from error
        settings._told_of = told
        return settings


def _again(parameters: Parameters, *told: Any) -> Settings:  # noqa: ANN401
    """Return settings that another process had."""
    settings = Settings(**parameters.as_dict())
    settings.provenance, settings.findings, settings.sealed, settings._told_of = told
    return settings
