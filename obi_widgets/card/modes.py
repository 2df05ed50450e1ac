"""Modes of the decision card: which windows it has, and at which horizon it is judged."""

from __future__ import annotations

from dataclasses import dataclass

from obi_widgets.checks import choice
from obi_widgets.settings.presets import BUILT_IN


@dataclass(frozen=True)
class Mode:
    """A mode of the decision card; it shares its name with a preset of settings.

    Attributes
    ----------
    name : str
        ``"scalp"``, ``"day"`` or ``"swing"``.
    windows : tuple of float
        Short, middle and long window, seconds.
    horizon : float
        Seconds after which the direction is judged.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=40, seed=1)
    >>> obi.cards(history, mode="day").mode
    Mode(name='day', windows=(60.0, 300.0, 3600.0), horizon=60.0)
    """

    name: str
    windows: tuple[float, float, float]
    horizon: float


def mode_of(name: str) -> Mode:
    """Return a mode by its name.

    Raises
    ------
    SettingsError
        If there is no such mode.
    """
    of = BUILT_IN[choice("mode", name, tuple(BUILT_IN))]
    return Mode(name, of.windows, of.horizon)
