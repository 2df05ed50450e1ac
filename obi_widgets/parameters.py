"""Kinds of parameters: which values are possible, in which unit, and how a slider steps.

A signal, an entry rule or an execution declares its parameters with these; settings check values
by them, and controls are made from them::

    def imbalance(history, *, depth: Levels(1, 50) = 10, band_bps: Bps(0, 50, off="no band") = None)
"""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast, get_args, get_origin

from obi_widgets.checks import as_float, range_text
from obi_widgets.checks import text as as_text
from obi_widgets.errors import SettingsError, quoted, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Kind:
    """What values a parameter may have."""

    allowed: str
    """The possible values, as the end of the sentence "Give …"."""

    def _kept(self, value: object) -> Any:  # noqa: ANN401
        """Return a value as it is kept.

        Raises
        ------
        ValueError
            When it is not possible.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Kind):
    """A finite number within bounds.

    Parameters
    ----------
    low, high : float
        The least and the greatest possible value.
    unit : str
        As it is written behind a number; empty for none.
    off : str
        What None means; empty where None is not possible.
    slider : tuple of float, optional
        Least, greatest and step of a control. It may leave out what is possible but rare. Where
        None is possible, it may begin below the least possible value, and is off there.
    """

    possible: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Between which its bounds lie."""

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
        as_text("unit", self.unit, "Give it as one writes it behind a number, as 'bps'.")
        as_text("off", self.off, "Say what None means, as 'no band'.")
        slider = self.slider
        if slider is None:
            return
        three = isinstance(slider, tuple) and len(slider) == 3
        low, high, step = map(as_float, slider if three else (0, 0, 0))
        least = -math.inf if self.off else self.low  # below the least value it is off
        if not (least <= low < high <= self.high and step > 0):
            raise SettingsError(
                f"A slider of {quoted(slider)} is not possible.",
                "Give its least and greatest value, which have to be possible ones, and its step.",
            )

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """The possible values, as the end of the sentence "Give …"."""
        text = f"a number from {self.low:g} to {self.high:g}{self.unit and ' ' + self.unit}"
        return text + (self.off and f", or None for {self.off}")

    @property
    def steps(self) -> tuple[float, float, float]:
        """Least, greatest and step of a control."""
        if self.slider is not None:
            return self.slider
        most = math.floor(math.log10((self.high - self.low) / 200))
        steps = (10.0**exponent for exponent in range(most, most - 9, -1))
        # So that the values between are round.
        step = next((one for one in steps if abs(self.low / one - round(self.low / one)) < 1e-6), 0)
        return self.low, self.high, step or 10.0**most

    def _kept(self, value: object) -> float | None:
        """Return the number as a float, or None where that is possible."""
        if value is None and self.off:
            return None
        try:
            real = isinstance(value, Real) and not isinstance(value, bool)
            number = float(cast("float", value)) if real else math.nan
        except OverflowError:
            number = math.nan
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True)
class Levels(Number):
    """A number of levels a side, best first: a signal that has one rests on no level beyond."""

    possible = (1, 1000)
    low: float = 1
    high: float = 50
    unit: str = "levels"

    def _kept(self, value: object) -> int | None:
        """Return the number as an int, or None where that is possible."""
        number = super()._kept(value)
        if number is not None and number != int(number):
            raise ValueError
        return None if number is None else int(number)


@dataclass(frozen=True)
class Seconds(Number):
    """A length of time, in seconds of the exchange's clock."""

    possible = (0, 30 * 86_400)
    low: float = 0.1
    high: float = 86_400
    unit: str = "seconds"


@dataclass(frozen=True)
class Bps(Number):
    """A number of basis points."""

    low: float = 0
    high: float = 10_000
    unit: str = "bps"


@dataclass(frozen=True)
class Band(Bps):
    """A distance from mid, bps: a signal that has one rests on no level beyond."""

    possible = (0, 10_000)


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words; the first one is the usual one."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        if not words or not all(isinstance(word, str) and word for word in words):
            raise SettingsError(
                f"A choice of {quoted(words)} is not possible.", "Give words, as ('size', 'value')."
            )
        object.__setattr__(self, "words", words)

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """The possible values, as the end of the sentence "Give …"."""
        return " or ".join(map(repr, self.words))

    def _kept(self, value: object) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return value


@dataclass(frozen=True)
class Parameter:
    """A parameter as it was declared.

    Attributes
    ----------
    name : str
        As in code.
    kind : Kind
        Which values are possible.
    default : object
        The value when none is given.
    description : str
        One or two sentences from the docstring; may be empty.
    label : str
        Its name on a screen; made of ``name`` when left out.
    """

    name: str
    kind: Kind
    default: Any
    description: str = ""
    label: str = ""

    def check(self, value: object) -> Any:  # noqa: ANN401
        """Return a value as it is kept.

        Raises
        ------
        SettingsError
            When it is not possible.
        """
        try:
            return self.kind._kept(value)
        except ValueError:
            raise SettingsError(
                f"{self.name} = {quoted(value)} is not possible.", f"Give {self.kind.allowed}."
            ) from None

    @property
    def title(self) -> str:
        """Its name on a screen."""
        if self.label:
            return self.label
        words = re.sub(r"_(bps|seconds)$", "", self.name).replace("_", " ")
        return words[:1].upper() + words[1:]


def declared_by(function: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters that a function declares: its keyword-only arguments.

    Parameters
    ----------
    function : callable
        Each of its keyword-only arguments has a default and a kind as its annotation, plain or in
        ``Annotated[type, kind]``.

    Raises
    ------
    SettingsError
        An argument without a kind or a default, or a default that is not possible.
    """
    name = getattr(function, "__name__", repr(function))
    described = described_in(inspect.getdoc(function) or "")
    found = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        try:
            kind = _kind_of(argument.annotation, getattr(function, "__globals__", {}))
        except (NameError, AttributeError, SyntaxError) as error:
            raise SettingsError(
                f"The annotation of {argument.name} in {name} cannot be read: {error}.",
                "Define at the top level what it names.",
            ) from None
        if kind is None:
            raise SettingsError(
                f"The parameter {argument.name} of {name} has no kind.",
                f"Annotate it, as in {argument.name}: obi.Seconds(1, 3600) = 60.",
            )
        if argument.default is inspect.Parameter.empty:
            raise SettingsError(
                f"The parameter {argument.name} of {name} has no default.", "Give it one."
            )
        parameter = Parameter(argument.name, kind, None, described.get(argument.name, ""))
        default = parameter.check(argument.default)
        found[argument.name] = Parameter(argument.name, kind, default, parameter.description)
    return found


def _kind_of(annotation: object, names: dict[str, Any]) -> Kind | None:
    if isinstance(annotation, str):  # as under "from __future__ import annotations"
        annotation = eval(annotation, names)  # the user's own code
    if isinstance(annotation, Kind):
        return annotation
    if get_origin(annotation) is Annotated:
        return next((one for one in get_args(annotation)[1:] if isinstance(one, Kind)), None)
    return None


def described_in(docstring: str) -> dict[str, str]:
    """Return what a docstring's section "Parameters" says of each parameter, in one line."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    if section is None:
        return {}
    found: dict[str, str] = {}
    for names, text in re.findall(
        r"^(\w[\w, ]*)(?: *:[^\n]*)?\n((?:[ \t]+[^\n]*\n?|\n)*)", section[1], re.M
    ):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split())
    return found


def check_all(
    parameters: Mapping[str, Parameter], values: Mapping[str, object], of: str
) -> dict[str, Any]:
    """Return a value of each parameter, its default where none is given.

    Raises
    ------
    SettingsError
        A value that is not possible, or a name that is not a parameter; ``of`` says whose.
    """
    for name in values:
        if name not in parameters:
            raise SettingsError(
                f"{of} has no parameter {quoted(name)}.",
                suggest(name, parameters) if parameters else "Give it none.",
            )
    return {
        name: one.check(values[name]) if name in values else one.default
        for name, one in parameters.items()
    }
