"""Kinds of parameters: which values are possible, in which unit, and in which steps a slider moves.

A signal, an entry rule or an execution declares its parameters with these kinds. Settings use them
to check values, and widgets use them to make controls::

    def imbalance(history, *, depth: Levels(1, 50) = 10, band_bps: Bps(0, 50, off="no band") = None)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, cast

from obi_widgets.checks import as_float, range_text
from obi_widgets.checks import text as as_text
from obi_widgets.errors import SettingsError, quoted, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind:
    """Base class of the kinds: which values a parameter may have."""

    allowed: str
    """The possible values, as the end of the sentence "Give …"."""

    def _converted(self, value: object) -> Any:  # noqa: ANN401
        """Return a value converted to the type that settings store.

        Raises
        ------
        ValueError
            If the value is not possible.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Kind):
    """A finite number within bounds.

    Parameters
    ----------
    low, high : float
        The smallest and the largest possible value, both included.
    unit : str
        The unit, as it is written behind a number. Empty for none.
    off : str
        What None means, such as ``"no band"``. Empty if None is not possible.
    slider : tuple of float, optional
        Smallest value, largest value and step of a slider, in the same unit. The range may be
        narrower than ``low`` to ``high``. If None is possible, it may start below ``low``: there
        the slider stands for None. By default the range is ``low`` to ``high``, with round steps.

    Raises
    ------
    SettingsError
        If the bounds are not numbers, not in order, or outside the range that the kind allows; or
        if the slider does not fit them.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Number(0.5, 20, "sd").allowed
    'a number from 0.5 to 20 sd'
    """

    possible: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The range within which ``low`` and ``high`` must lie."""

    low: float
    high: float
    unit: str = ""
    off: str = field(default="", kw_only=True)
    slider: tuple[float, float, float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        least, greatest = self.possible
        # What is no number becomes NaN, and no comparison with NaN is true.
        if not least <= as_float(self.low) < as_float(self.high) <= greatest:
            raise SettingsError(
                f"Bounds of {quoted(self.low)} to {quoted(self.high)} are not possible.",
                f"Give the lower one first; {range_text(least, greatest, self.unit)}.",
            )
        as_text("unit", self.unit, "Give the text to write behind a number, such as 'bps'.")
        as_text("off", self.off, "Say what None means, such as 'no band'.")
        slider = self.slider
        if slider is None:
            return
        three = isinstance(slider, tuple) and len(slider) == 3
        low, high, step = map(as_float, slider if three else (0, 0, 0))
        least = -math.inf if self.off else self.low  # below `low` the slider stands for None
        if not (least <= low < high <= self.high and step > 0):
            raise SettingsError(
                f"A slider of {quoted(slider)} is not possible.",
                "Give its smallest value, its largest value and its step; both values have to be "
                "possible ones.",
            )

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """The possible values, as the end of the sentence "Give …"."""
        text = f"a number from {self.low:g} to {self.high:g}{self.unit and ' ' + self.unit}"
        return text + (self.off and f", or None for {self.off}")

    @property
    def steps(self) -> tuple[float, float, float]:
        """Smallest value, largest value and step of a slider, in the parameter's unit."""
        if self.slider is not None:
            return self.slider
        # The largest power of ten that gives 200 steps or more, and of which `low` is a multiple:
        # the values of the slider are then round.
        largest = math.floor(math.log10((self.high - self.low) / 200))
        for exponent in range(largest, largest - 9, -1):
            step = 10.0**exponent
            if abs(self.low / step - round(self.low / step)) < 1e-6:
                return self.low, self.high, step
        return self.low, self.high, 10.0**largest

    def _converted(self, value: object) -> float | None:
        """Return the number as a float, or None where that is possible."""
        if value is None and self.off:
            return None
        try:
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            number = float(cast("float", value)) if is_number else math.nan
        except OverflowError:
            number = math.nan
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True)
class Levels(Number):
    """A number of price levels a side, counted from the best price. Default: 1 to 50.

    A signal with such a parameter uses no level beyond it. So the coverage of its values is known.
    Parameters and attributes are those of `Number`; ``low`` and ``high`` lie within 1 to 1,000.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Levels(1, 20).allowed
    'a number from 1 to 20 levels'
    """

    possible = (1, 1000)
    low: float = 1
    high: float = 50
    unit: str = "levels"

    def _converted(self, value: object) -> int | None:
        """Return the number as an int, or None where that is possible."""
        return _whole(super()._converted(value))


@dataclass(frozen=True)
class Count(Number):
    """A whole number of something, such as entries. Parameters and attributes are as of `Number`.

    Unlike `Levels` it says nothing of the book.
    """

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """The possible values, as the end of the sentence "Give …"."""
        return super().allowed.replace("a number", "a whole number", 1)

    def _converted(self, value: object) -> int | None:
        """Return the number as an int, or None where that is possible."""
        return _whole(super()._converted(value))


def _whole(number: float | None) -> int | None:
    if number is not None and number != int(number):
        raise ValueError
    return None if number is None else int(number)


@dataclass(frozen=True)
class Seconds(Number):
    """A length of time, in seconds of the exchange's clock. Default: 0.1 s to a day.

    Parameters and attributes are those of `Number`; ``low`` and ``high`` lie within 30 days.
    """

    possible = (0, 30 * 86_400)
    low: float = 0.1
    high: float = 86_400
    unit: str = "seconds"


@dataclass(frozen=True)
class Bps(Number):
    """A number of basis points (1 bps = 0.01 %). Default: 0 to 10,000.

    Parameters and attributes are those of `Number`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Bps(0, 50, off="no limit").allowed
    'a number from 0 to 50 bps, or None for no limit'
    """

    low: float = 0
    high: float = 10_000
    unit: str = "bps"


@dataclass(frozen=True)
class Band(Bps):
    """A distance from mid, in basis points.

    A signal with such a parameter uses no level beyond it. So the coverage of its values is known.
    Parameters and attributes are those of `Number`; ``low`` and ``high`` lie within 0 to 10,000.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Band(0, 50, off="no band").allowed
    'a number from 0 to 50 bps, or None for no band'
    """

    possible = (0, 10_000)


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words.

    Parameters
    ----------
    *words : str
        The possible values.

    Raises
    ------
    SettingsError
        If there is no word, or one of them is not a str.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Choice("size", "value").allowed
    "'size' or 'value'"
    """

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        if not words or not all(isinstance(word, str) and word for word in words):
            raise SettingsError(
                f"A choice of {quoted(words)} is not possible.",
                "Give words, such as Choice('size', 'value').",
            )
        object.__setattr__(self, "words", words)

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """The possible values, as the end of the sentence "Give …"."""
        return " or ".join(map(repr, self.words))

    def _converted(self, value: object) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return value


@dataclass(frozen=True)
class Parameter:
    """A parameter of a signal, an entry rule or an execution, as it was declared.

    Attributes
    ----------
    name : str
        The name in code, such as ``"hold_seconds"``.
    kind : Kind
        The possible values: `Levels`, `Seconds`, `Bps`, `Band`, `Count`, `Number` or `Choice`.
    default : object
        The value when none is given.
    description : str
        One or two sentences from the docstring, shown as a tooltip. May be empty.
    label : str
        The name on the screen. If empty, `title` makes one from ``name``.
    """

    name: str
    kind: Kind
    default: Any
    description: str = ""
    label: str = ""

    def check(self, value: object) -> Any:  # noqa: ANN401
        """Return a value converted to the type that settings store.

        Raises
        ------
        SettingsError
            If the value is not possible.
        """
        try:
            return self.kind._converted(value)
        except ValueError:
            raise SettingsError(
                f"{self.name} = {quoted(value)} is not possible.", f"Give {self.kind.allowed}."
            ) from None

    @property
    def title(self) -> str:
        """The name on the screen, such as ``"Hold"`` for ``hold_seconds``."""
        if self.label:
            return self.label
        words = re.sub(r"_(bps|seconds)$", "", self.name).replace("_", " ")
        return words[:1].upper() + words[1:]


def check_all(
    parameters: Mapping[str, Parameter], values: Mapping[str, object], of: str
) -> dict[str, Any]:
    """Return a checked value for each parameter: the given one, or its default.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The declared parameters.
    values : mapping of str to object
        The given values by name.
    of : str
        The owner of the parameters, for an error.

    Raises
    ------
    SettingsError
        If a value is not possible, or a name is not that of a parameter.
    """
    for name in values:
        if name not in parameters:
            raise SettingsError(
                f"{of} has no parameter {quoted(name)}.",
                suggest(name, parameters) if parameters else "Give it none.",
            )
    return {
        name: parameter.check(values[name]) if name in values else parameter.default
        for name, parameter in parameters.items()
    }
