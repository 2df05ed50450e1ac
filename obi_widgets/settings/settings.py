"""The one place where settings live: validated, observable, saved and loaded.

A slider is a view of one of these traits; an export is a dump of them; an import is their
validation.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import traitlets
from traitlets import HasTraits

from obi_widgets.checks import kind as of_kind
from obi_widgets.checks import path as as_path
from obi_widgets.checks import real
from obi_widgets.errors import SettingsError, quoted, suggest
from obi_widgets.settings.provenance import (
    Findings,
    Provenance,
    Sealed,
    from_tables,
    refuse_others,
    sealed_of,
    to_tables,
)

if TYPE_CHECKING:
    from pathlib import Path

    from obi_widgets.signals.signal import Signal

TAKES = "Settings are kept as .toml or .json."

FORMAT = 1
"""The version of the files that `Settings.save` writes."""

LARGEST_FILE = 256 * 1024
"""Bytes: a file that `Settings.save` writes has some thousands."""

MOST_DOTS = 200
"""In a line of TOML."""

DEEPEST = 16
"""Tables and lists within each other: in a file that `Settings.save` writes there are four."""

Weighting = Literal["size", "notional"]
Price = Literal["touch", "mid"]


@dataclass(frozen=True)
class Parameters:
    """The values of `Settings` at one moment: what computations take.

    See `Settings` for their meaning.
    """

    decay: float = 0.1
    depth: int | None = 10
    band_bps: float | None = None
    weighting: Weighting = "size"
    threshold: float = 0.4
    hold_seconds: float = 20.0
    price: Price = "touch"
    fee_bps: float = 5.0

    @classmethod
    def of(cls, settings: Settings | Parameters) -> Parameters:
        """Return the values of settings that may change.

        Raises
        ------
        SettingsError
            Anything else.
        """
        if isinstance(settings, Parameters):
            return settings
        if not isinstance(settings, Settings):
            raise SettingsError(
                f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
            )
        return settings.parameters

    def values_of(self, signal: Signal) -> dict[str, Any]:
        """Return the values for parameters of a signal."""
        return {name: getattr(self, name) for name in signal.parameters if hasattr(self, name)}


class Setting(traitlets.TraitType[Any, Any]):
    """A trait whose refusal says what was wrong and what would be right."""

    def __init__(self, default: Any, allowed: str) -> None:  # noqa: ANN401
        super().__init__(default)
        self.allowed = allowed

    def refuse(self, value: object) -> SettingsError:
        """Return the error for a value that is not allowed."""
        return SettingsError(
            f"{self.name} = {quoted(value)} is not possible.", f"Give {self.allowed}."
        )


class Number(Setting):
    """A finite number within a range; None where that means that it is off."""

    def __init__(
        self, default: float | None, low: float, high: float, unit: str, *, off: str = ""
    ) -> None:
        allowed = f"a number from {low:g} to {high:g}{unit and ' ' + unit}"
        super().__init__(default, allowed + (off and f", or None for {off}"))
        self.low, self.high, self.off = low, high, off

    def validate(self, obj: HasTraits, value: object) -> float | None:  # noqa: ARG002
        """Return the number as a float."""
        if value is None and self.off:
            return None
        number = real(value)
        if not self.low <= number <= self.high:
            raise self.refuse(value)
        return number


class Depth(Number):
    """A number of levels, or None for all."""

    def validate(self, obj: HasTraits, value: object) -> int | None:
        """Return the number as an int."""
        number = super().validate(obj, value)
        if number is not None and number != int(number):
            raise self.refuse(value)
        return None if number is None else int(number)


class Choice(Setting):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        super().__init__(words[0], " or ".join(map(repr, words)))
        self.words = words

    def validate(self, obj: HasTraits, value: object) -> object:  # noqa: ARG002
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            raise self.refuse(value)
        return value


class Settings(HasTraits):
    """What the imbalance is computed with, and what entries it would have made.

    Every attribute is a trait: assigning validates, ``observe`` tells of changes. Assigning is
    safe from any thread.

    Parameters
    ----------
    decay : float
        Per bp of distance from mid, 0 to 100: a level's weight is exp(−decay · distance).
    depth : int or None
        Levels a side, 1 to 50; None for all that are kept.
    band_bps : float or None
        Only levels within this distance from mid count, bps; None for no band.
    weighting : {"size", "notional"}
        What a level weighs before decay: its size, or its size times its price.
    threshold : float
        0 to 1: long above it, short below its negative.
    hold_seconds : float
        How long an entry is held, in event time; 0.1 to 86,400.
    price : {"touch", "mid"}
        What an entry pays: the touch (long in at the ask, out at the bid), or mid.
    fee_bps : float
        Fee of one side of a trade, bps of its value; negative is a rebate. −100 to 1,000.

    Raises
    ------
    SettingsError
        A name that is not a setting, or a value out of its range.
    """

    decay = Number(0.1, 0, 100, "per bp")
    depth = Depth(10, 1, 50, "levels", off="all levels")
    band_bps = Number(None, 0.001, 10_000, "bps", off="no band")
    weighting = Choice("size", "notional")
    threshold = Number(0.4, 0, 1, "")
    hold_seconds = Number(20.0, 0.1, 86_400, "seconds")
    price = Choice("touch", "mid")
    fee_bps = Number(5.0, -100, 1_000, "bps")

    provenance: Provenance | None = None
    """What a loaded file was tuned on; None for settings that were not loaded."""

    findings: Findings | None = None
    """What calibration had said of a loaded file's; None where nothing is told."""

    sealed: Sealed | None = None
    """What a loaded file told of a sealed test; None where nothing is told."""

    _told_of: Parameters | None = None  # which ones

    _names: ClassVar[tuple[str, ...]] = tuple(Parameters.__dataclass_fields__)

    def __init__(self, **values: Any) -> None:  # noqa: ANN401
        for name in values:
            self._check_name(name)
        super().__init__(**values)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            self._check_name(name)
        super().__setattr__(name, value)

    def _check_name(self, name: str) -> None:
        if name not in self._names:
            raise SettingsError(f"There is no setting {quoted(name)}.", suggest(name, self._names))

    @property
    def parameters(self) -> Parameters:
        """The values at this moment."""
        return Parameters(**{name: getattr(self, name) for name in self._names})

    def values_of(self, signal: Signal) -> dict[str, Any]:
        """Return the values at this moment for parameters of a signal."""
        return self.parameters.values_of(signal)

    def update(self, values: Settings | Parameters) -> None:
        """Take all values from other settings."""
        for name, value in asdict(Parameters.of(values)).items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        values = asdict(self.parameters)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.parameters == other.parameters

    __hash__ = HasTraits.__hash__

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
        path = as_path(path, TAKES)
        kind = _kind(path)
        of_kind("provenance", provenance, (Provenance, type(None)), "Give a Provenance.")
        of_kind("findings", findings, (Findings, type(None)), "Give report.findings.")
        of_kind("sealed", sealed, (Sealed, type(None)), "Give test.summary().")
        # TOML has no null: a setting that is off is left out, and off is its default when read.
        settings = {k: v for k, v in asdict(self.parameters).items() if v is not None}
        if self.depth is None:
            settings["depth"] = "all"
        nothing = provenance is None and findings is None and sealed is None
        if nothing and self.parameters == self._told_of:
            provenance, findings, sealed = self.provenance, self.findings, self.sealed
        refuse_others(self.parameters, provenance, findings)
        document: dict[str, Any] = {"format": FORMAT, "settings": settings}
        document |= to_tables(provenance, findings, sealed)
        if kind == ".toml":
            import tomli_w

            text = tomli_w.dumps(document)
        else:
            text = json.dumps(document, indent=2) + "\n"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be written: {error.strerror}.", "Choose another place."
            ) from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> Settings:
        """Read a file that `save` wrote, or that was written by hand.

        Raises
        ------
        SettingsError
            A file that is not readable as such, of a newer version, or with a setting that is
            unknown or not possible.
        """
        path = as_path(path, TAKES)
        kind = _kind(path)
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
            document = _parse(data, kind)
        except FileNotFoundError:
            raise SettingsError(f"There is no file {str(path)!r}.", "Check the path.") from None
        except (ValueError, OSError) as error:
            raise SettingsError(
                f"{path.name} cannot be read as {kind[1:].upper()}: {error}.",
                "Mend it there, or export the settings again.",
            ) from error
        try:
            return cls._from_document(document)
        except SettingsError as error:
            raise SettingsError(f"{path.name}: {error.what}", error.advice) from error

    @classmethod
    def _from_document(cls, document: object) -> Settings:
        if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
            raise SettingsError(
                "There is no table 'settings' in it.", "Put the settings under [settings]."
            )
        version = document.get("format", FORMAT)
        if not isinstance(version, int) or version > FORMAT:
            raise SettingsError(
                f"It is of format {quoted(version)}, and this package reads up to {FORMAT}.",
                "Update with: pip install -U obi-widgets.",
            )
        values = dict(document["settings"])
        if values.get("depth") == "all":
            values["depth"] = None
        settings = cls(**values)
        told = settings.parameters
        settings.provenance, settings.findings = from_tables(document, told)
        if "sealed_test" in document:
            settings.sealed = sealed_of(document["sealed_test"])
        settings._told_of = told
        return settings


def _parse(data: bytes, kind: str) -> object:
    """Return what the bytes of a file say.

    Raises
    ------
    ValueError
        What is no TOML or JSON, is too large, or nests too deep.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE:,} bytes")
    text = data.decode("utf-8-sig")  # some editors put a mark in front
    too_deep = f"tables and lists in it lie more than {DEEPEST} deep within each other"
    # A dotted key nests as well, and to read it takes as long as the square of its parts.
    if kind == ".toml" and any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise ValueError(too_deep)
    try:
        document: object = tomllib.loads(text) if kind == ".toml" else json.loads(text)
    except RecursionError:  # both parsers call themselves
        raise ValueError(too_deep) from None
    layer = [document]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for one in layer:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        layer = inner
    if any(isinstance(one, dict | list) for one in layer):
        raise ValueError(too_deep)
    return document


def _kind(path: Path) -> str:
    if path.suffix not in (".toml", ".json"):
        raise SettingsError(f"{path.name!r} ends in {path.suffix!r}.", TAKES)
    return path.suffix
