"""What a signal is: a pure function of a history and its own parameters.

A signal declares its name, its unit and range, its parameters, what it needs of a history, and how
far back it looks. Whatever shows, judges or exports one asks the declaration, and computes it by
`Signal.compute`.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload

import numpy as np

from obi_widgets.checks import flag, integer, kind, number, real, several, text
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.parameters import Band, Levels, Parameter, check_all, declared_by
from obi_widgets.signals import chunks, registry
from obi_widgets.signals.coverage import LevelsUsed, without_value
from obi_widgets.signals.insight import Insight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.rows import Newest
    from obi_widgets.history.writer import HistoryWriter

    Floats = NDArray[np.float64]
    NewestBy = Callable[[Mapping[str, Any]], Callable[[Newest], float]]
    Lookback = str | float | Callable[[Mapping[str, Any]], float]

Needs = Literal["touch", "levels", "flow", "trades", "context"]
NEEDS = ("touch", "levels", "flow", "trades", "context")


LONGEST = 30 * 86_400.0
"""Seconds of a look-back."""


class HasValues(Protocol):
    """Settings, as far as a signal looks at them."""

    @property
    def signal(self) -> Signal:
        """The signal that they choose."""

    def values_of(self, signal: Signal) -> Mapping[str, Any]:
        """Return the values that they have for parameters of a signal."""


class Signal:
    """A function of a history, with what is needed to use it anywhere. Made by `signal`.

    Calling it computes it: ``queue_imbalance(history)``, ``depth_z(history, window=60)``, or
    ``imbalance(history, settings)`` with the values that the settings have for its parameters.

    Attributes
    ----------
    name : str
        What settings and files call it.
    unit : str
        Of its values; empty for none.
    range : tuple of float, optional
        The least and the greatest value that it can have; None for no bounds.
    needs : frozenset of {"touch", "levels", "flow", "trades", "context"}
        What of a history it reads: best prices and sizes, further levels, order flow, trades, or
        the venue's mark price, funding rate and open interest.
    parameters : dict of str to Parameter
        By name, in order.
    threshold : float
        Where a threshold on its values starts.
    title : str
        Its name on a screen.
    description : str
        The first sentence of its docstring.
    checked : bool
        Whether what its function returns is checked, see `signal`.
    insight : Insight
        Which levels it uses, and what its parameters do just now.
    """

    def __init__(
        self,
        function: Callable[..., Floats],
        *,
        name: str,
        parameters: Mapping[str, Parameter],
        unit: str = "",
        range: tuple[float, float] | None = None,  # noqa: A002
        needs: Needs | Iterable[Needs] = "levels",
        lookback: Lookback = 0.0,
        threshold: float | None = None,
        checked: bool = True,
        insight: type[Insight] = Insight,
    ) -> None:
        self.name = name
        self.unit = unit
        self.range = _as_range(range)
        self.needs = _as_needs(needs)
        self.parameters = dict(parameters)
        self.function = function
        self._lookback = lookback
        self.checked = checked
        self.insight = insight(self)
        self._newest_by: NewestBy | None = None
        high = max(map(abs, self.range)) if self.range else math.inf
        if threshold is None:
            threshold = 0.4 * high if self.range else 2.0
        if not 0 < real(threshold) <= high or math.isinf(real(threshold)):
            raise SettingsError(
                f"threshold = {quoted(threshold)} is not possible.",
                f"Give a number above 0, up to {high:g}." if range else "Give a number above 0.",
            )
        self.threshold = float(threshold)
        self._check_lookback()
        functools.update_wrapper(self, function, updated=())
        first = (inspect.getdoc(function) or "").partition("\n\n")[0]
        self.description = " ".join(first.split())
        self.title = title_of(name)

    def _check_lookback(self) -> None:
        back = self._lookback
        if isinstance(back, str) and back not in self.parameters:
            raise SettingsError(
                f"{self.name} looks back by {quoted(back)}, which is none of its parameters.",
                "Give the name of one, or seconds.",
            )
        if not isinstance(back, str) and not callable(back):
            number("lookback", back, 0, LONGEST, "seconds")

    def __repr__(self) -> str:
        said = [f"{self.range[0]:g} to {self.range[1]:g}"] if self.range else []
        said += [self.unit] if self.unit else []
        parameters = f": {', '.join(self.parameters)}" if self.parameters else ""
        return f"<Signal {self.name}{parameters}{'; ' if said else ''}{' '.join(said)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return registry.find, (self.name,)  # in another process it has to be known by then

    def __call__(
        self, history: History, settings: HasValues | None = None, **values: object
    ) -> Floats:
        """Return the signal of every state, shape (T,); see `compute`."""
        if settings is not None:
            values = {**_as_settings(settings).values_of(self), **values}
        return self.compute(as_history(history), self.check(values))

    def check(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Return a value of each parameter, its default where none is given.

        Raises
        ------
        SettingsError
            A name that is not a parameter, or a value that is not possible.
        """
        _as_values(values)
        return check_all(self.parameters, values, f"The signal {self.name}")

    def lookback(self, values: Mapping[str, Any]) -> float:
        """Return how many seconds back from a state it looks, 0 for the state alone."""
        _as_values(values)
        back = self._lookback
        if callable(back):
            return float(back(values))
        return float(values[back] if isinstance(back, str) else back)

    def levels_used(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return which levels its value rests on."""
        _as_values(values)
        if "levels" not in self.needs:
            return LevelsUsed(1)
        depths, bands = (
            [values[name] for name, one in self.parameters.items() if isinstance(one.kind, kind)]
            for kind in (Levels, Band)
        )
        depth = None if not depths or None in depths else max(depths)
        band = None if not bands or None in bands else max(bands)
        return LevelsUsed(depth, band)

    def computes_as(self, other: Signal) -> bool:
        """Return whether another signal gives the same, given the same values of parameters."""
        kind("other", other, Signal, "Give a signal, as obi.imbalance.")
        return self is other

    def first_needed(self, history: History, values: Mapping[str, Any], row: int) -> int:
        """Return the first row that the signal of a row, and of all later ones, is computed from.

        ``compute(history[first:])`` gives them to the bit what ``compute(history)`` gives.
        """
        row = integer("row", row, 0, len(as_history(history)))
        return chunks.first_needed(history, self.lookback(values), row)

    # -- computing -------------------------------------------------------------------------

    def compute(self, history: History, values: Mapping[str, Any], first: int = 0) -> Floats:
        """Return the signal of every state, or of those from one on.

        Parameters
        ----------
        history : History
            T states.
        values : mapping
            A value of each parameter; see `check`.
        first : int
            Leave out the states before this one. The others have the values that they have when
            all are computed: so a history that was appended to is followed.

        Returns
        -------
        ndarray of float64, shape (T - first,)
            NaN where the book was not in sync, where the look-back reaches before the first state
            or into a gap, and where it rests on levels that are not kept, or in a strict history
            are not known.

        Raises
        ------
        HistoryError, SettingsError
            A function that returns another shape, no numbers, or infinite ones.
        """
        history = as_history(history)
        first = integer("first", first, 0, len(history))
        wanted = history[first:] if first else history
        seconds = self.lookback(values)
        if seconds:
            out = chunks.compute(lambda part: self._call(part, values), history, seconds, first)
        else:
            out = self._call(wanted, values)
        missing = without_value(wanted, self.levels_used(values))
        if missing is not None:
            out[missing] = np.nan
        return out

    def _call(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Return what the function gives, checked; NaN where the book was not in sync."""
        found = self.function(history, **values)
        if not self.checked:
            return found
        try:
            array = np.array(found, np.float64)
        except (TypeError, ValueError):
            raise SettingsError(
                f"The signal {self.name} returned a {type(found).__name__}.",
                "Return an array with a number for each state.",
            ) from None
        if array.shape != history.time.shape:
            raise HistoryError(
                f"The signal {self.name} returned the shape {array.shape}, and the history has "
                f"{history.time.shape}.",
                "Return a number for each state.",
            )
        if np.isinf(array).any():
            raise SettingsError(
                f"The signal {self.name} is infinite in row {int(np.argmax(np.isinf(array)))}.",
                "Return NaN where there is no value.",
            )
        array[history.lost] = np.nan
        return array

    def settled(self, history: History, values: Mapping[str, Any]) -> int:
        """Return the first state from which on values are those of a history that began earlier.

        Before it a look-back reaches before the first state, or a chunk was cut by it.
        """
        return chunks.settled(as_history(history), self.lookback(values))

    def computes_newest(self, make: NewestBy) -> NewestBy:
        """Have a function make what computes the newest state faster than `compute` does.

        Parameters
        ----------
        make : callable
            Takes a value of each parameter, and returns a function of a state.
        """
        if not callable(make):
            raise SettingsError(f"{quoted(make)} is not a function.", "Give a function of values.")
        self._newest_by = make
        return make

    def newest_by(self, values: Mapping[str, Any]) -> Callable[[HistoryWriter], float]:
        """Return what computes the signal of the newest state that a writer was given.

        What depends on the values alone is computed once, here.

        Parameters
        ----------
        values : mapping
            A value of each parameter.

        Returns
        -------
        callable
            Takes a `HistoryWriter` and returns a float: NaN without a state. A state that waits for
            its interval to end counts too.
        """
        _as_values(values)
        if self._newest_by is not None:
            fast = self._newest_by(values)

            def newest(writer: HistoryWriter) -> float:
                state = writer.newest()
                return np.nan if state is None else fast(state)

            return newest
        looks_back = bool(self.lookback(values))

        def compute(writer: HistoryWriter) -> float:
            state = writer.newest()
            if state is None:
                return np.nan
            history = writer.history(waiting=True) if looks_back else state.history()
            return float(self.compute(history, values, len(history) - 1)[-1])

        return compute


def _as_needs(needs: object) -> frozenset[Needs]:
    found = {needs} if isinstance(needs, str) else set(several("needs", needs))
    if not found or not found <= set(NEEDS):
        raise SettingsError(
            f"needs = {quoted(needs)} is not possible.",
            f"Give one or several of {', '.join(map(repr, NEEDS))}.",
        )
    return cast("frozenset[Needs]", frozenset(found))


def _as_range(given: object) -> tuple[float, float] | None:
    if given is None:
        return None
    low, high = map(real, given) if isinstance(given, tuple) and len(given) == 2 else (0, 0)
    if not -math.inf < low < high < math.inf:
        raise SettingsError(
            f"range = {quoted(given)} is not possible.",
            "Give the least and the greatest value, as (-1, 1), or None.",
        )
    return low, high


def compute(history: History, settings: HasValues) -> Floats:
    """Return the signal that the settings choose, of every state.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings
        Which signal, and the values of its parameters.

    Returns
    -------
    ndarray of float64, shape (T,)
        In the signal's unit, + for a rise. NaN where there is no value, see `Signal.compute`.

    Raises
    ------
    HistoryError, SettingsError
        No history, or no settings; a function of a user's that returns something else.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> settings = obi.Settings(signal=obi.zscore(obi.imbalance, window=10))
    >>> obi.compute(history, settings).shape == history.time.shape
    True
    """
    chosen = _as_settings(settings)
    return chosen.signal(history, chosen)


def _as_values(values: object) -> None:
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{quoted(values)} are no values of parameters.", 'Give them by name, as {"depth": 5}.'
        )


def _as_settings(settings: object) -> HasValues:
    if not hasattr(settings, "values_of"):
        raise SettingsError(
            f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
        )
    return cast("HasValues", settings)


def title_of(name: str) -> str:
    """Return the name of a signal on a screen."""
    return name.replace("_", " ").capitalize()


@overload
def signal(function: Callable[..., Floats]) -> Signal: ...
@overload
def signal(
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,
    needs: Needs | Iterable[Needs] = "levels",
    lookback: Lookback = 0.0,
    threshold: float | None = None,
    name: str = "",
    checked: bool = True,
    insight: type[Insight] = Insight,
) -> Callable[[Callable[..., Floats]], Signal]: ...
def signal(
    function: Callable[..., Floats] | None = None,
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,  # noqa: A002
    needs: Needs | Iterable[Needs] = "levels",
    lookback: Lookback = 0.0,
    threshold: float | None = None,
    name: str = "",
    checked: bool = True,
    insight: type[Insight] = Insight,
) -> Signal | Callable[[Callable[..., Floats]], Signal]:
    """Make a signal of a function.

    Parameters
    ----------
    function : callable
        Takes a `History` of T states and keyword-only parameters; returns T numbers, + for a rise.
        What it returns for a state depends on that state and on those within its look-back, never
        on a later one. Each parameter has a kind as its annotation, and a default.
    unit : str
        Of the values, as ``"sd"`` or ``"bps"``; empty for none.
    range : tuple of float, optional
        The least and the greatest possible value; None for no bounds.
    needs : {"levels", "touch", "flow", "trades", "context"}, or several of them
        What of the history it reads. One that needs the touch only is computed faster.
    lookback : str, float or callable
        How far back it looks, seconds: a number, the name of the parameter that says so, or a
        function of all values. 0 for the state alone.
    threshold : float, optional
        Where a threshold on its values starts; 0.4 of the range or, without one, 2.
    name : str
        What settings and files call it; the function's name when left out.
    checked : bool
        Whether what the function returns is checked for its shape, for infinite values, and made
        NaN where the book was not in sync. False for a function that sees to that itself.
    insight : type of Insight
        What tells which levels it uses and what its parameters do just now; what its declaration
        says when left out.

    Returns
    -------
    Signal

    Raises
    ------
    SettingsError
        A parameter without a kind or default, a name that is no identifier, or another argument
        that is not possible.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> @obi.signal(unit="bps", needs="touch")
    ... def half_spread(history):
    ...     return 5e3 * history.spread / history.mid
    >>> half_spread
    <Signal half_spread; bps>
    """
    if function is None:
        return functools.partial(
            signal,
            unit=unit,
            range=range,
            needs=needs,
            lookback=lookback,
            threshold=threshold,
            name=name,
            checked=checked,
            insight=insight,
        )
    if not callable(function):
        raise SettingsError(
            f"A {type(function).__name__} is not a function.",
            "Write @obi.signal above a function of a history.",
        )
    text("unit", unit, "Give it as one writes it behind a number, as 'bps'.")
    text("name", name, "Give an identifier.")
    flag("checked", checked)
    if not (isinstance(insight, type) and issubclass(insight, Insight)):
        raise SettingsError(f"{quoted(insight)} is no class of insights.", "Leave insight out.")
    name = name or getattr(function, "__name__", "")
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        raise SettingsError(
            f"{quoted(name)} cannot be the name of a signal.",
            "Use small letters, digits and underscores; give name= for a lambda.",
        )
    made = Signal(
        function, name=name, parameters=declared_by(function), unit=unit, range=range,
        needs=needs, lookback=lookback, threshold=threshold, checked=checked, insight=insight,
    )  # fmt: skip
    registry.register(made)
    return made
