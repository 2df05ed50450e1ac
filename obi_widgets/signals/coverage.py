"""States whose signal needs more levels than the history keeps, or than the book knew.

A signal of depth N uses the N best levels of both sides; a band limits these to the levels within
a distance from mid. A depth of None without a band uses all levels that are kept.

A signal that needs levels that are not *kept* has no value (NaN). A signal that uses levels beyond
those *known* of the book (`History.reach`) is *inferred*: it has a value, unless the history is
strict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.parameters import Band, Levels
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.parameters import Parameter

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

ROUNDING = 1 + 2e-7
"""Relative tolerance of reach, a float32, so that the level at its edge counts as known."""

LEVEL_CHOICES = (50, 100, 200, 500, 1000)
"""Levels a side that an error may advise."""


class LevelsUsed(NamedTuple):
    """The levels that a signal uses.

    Attributes
    ----------
    depth : int or None
        Levels a side; None for all that are kept or lie in the band.
    band_bps : float or None
        Largest distance from mid, bps; None for no band.
    """

    depth: int | None = None
    band_bps: float | None = None


def levels_declared(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> LevelsUsed:
    """Return the levels that parameters of the kinds `Levels` and `Band` choose.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The declared parameters.
    values : mapping
        A value of each.
    """
    depths, bands = (
        [values[name] for name, one in parameters.items() if isinstance(one.kind, kind)]
        for kind in (Levels, Band)
    )
    depth = None if not depths or None in depths else max(depths)
    band = None if not bands or None in bands else max(bands)
    return LevelsUsed(depth, band)


class HasLevels(Protocol):
    """Settings, as far as their signal's levels matter."""

    @property
    def levels_used(self) -> LevelsUsed:
        """The levels that the signal uses."""


def kept_suffice(levels: int, used: LevelsUsed) -> bool:
    """Return whether a signal never needs more levels than so many kept ones."""
    if used.depth is None:
        return used.band_bps is None
    return used.depth <= levels


def without_value(history: History, used: LevelsUsed) -> Flags | None:
    """Return the states that must have no signal; None if there are none.

    Parameters
    ----------
    history : History
        T states.
    used : LevelsUsed
        The levels that the signal uses.

    Returns
    -------
    ndarray of bool, shape (T,), optional
        True where the signal needs levels that are not kept; in a strict history also where it is
        inferred.
    """
    missing = None if kept_suffice(history.levels, used) else beyond_kept(history, used)
    if history.strict:
        guessed = inferred(history, used)
        missing = guessed if missing is None else missing | guessed
    return missing


def beyond_kept(history: History, used: LevelsUsed) -> Flags:
    """Return the states whose signal needs levels that are not kept, shape (T,).

    A side with fewer levels than are kept is complete, as far as the book knew it.
    """
    if kept_suffice(history.levels, used):
        return np.zeros(len(history), bool)
    ticks, sizes = history.rank(history.levels - 1)
    more = sizes > 0
    if used.band_bps is not None:
        more &= ticks < ticks_within(history, used.band_bps)  # a further level may lie in the band
    return np.asarray(more.any(axis=0) & ~np.isnan(history.mid))


def inferred(history: History, settings: LevelsUsed | HasLevels) -> Flags:
    """Return the states whose signal uses levels beyond the known range of the book.

    A snapshot covers a range of prices. Beyond it the book knows only levels that changed since,
    and there may be others.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings or LevelsUsed
        The levels that the signal uses.

    Returns
    -------
    ndarray of bool, shape (T,)
        True where the signal is inferred; in a strict history it is NaN there.

    Raises
    ------
    HistoryError, SettingsError
        No history, or no settings.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> int(obi.inferred(history, obi.Settings(depth=10)).sum())
    0
    """
    history = as_history(history)
    used = settings if isinstance(settings, LevelsUsed) else getattr(settings, "levels_used", None)
    if not isinstance(used, LevelsUsed):
        raise SettingsError(
            f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
        )
    limited = np.isfinite(history.reach)
    if not limited.any():
        return np.zeros(len(history), bool)
    known = np.zeros_like(limited)
    if used.band_bps is not None:
        known |= history.reach * ROUNDING >= used.band_bps
    within = ticks_within(history, history.reach * ROUNDING)
    if used.depth is not None:
        ticks, sizes = history.rank(min(used.depth, history.levels) - 1)
        known |= (sizes > 0) & (ticks <= within)
    elif used.band_bps is None:
        known |= _deepest(history) <= within
    return np.asarray((limited & ~known).any(axis=0))


def ticks_within(history: History, bps: float | NDArray[np.float32]) -> Floats:
    """Return the ticks from each side's best to a distance from mid, rounded down, shape (2, T)."""
    mid = (history.bid + history.ask) * 0.5
    tick_bps = 1e4 * history.tick_size / mid
    half_spread = 5e3 * (history.ask - history.bid) / mid
    return np.asarray(np.floor((bps + EDGE - half_spread) / tick_bps) + np.zeros((2, 1)))


def _deepest(history: History) -> NDArray[np.unsignedinteger]:
    """Return the distance of each side's last kept level from its best, ticks, shape (2, T)."""
    out = np.empty((2, len(history)), np.uint32)
    for rows, block in history.chunks():
        out[:, rows] = block.ticks.max(axis=1)
    return out


class Beyond(NamedTuple):
    """The states of a history whose signal needs levels that are not kept.

    Attributes
    ----------
    bps : ndarray of float64, shape (N,)
        Distance from mid of the last kept level of the nearer side, bps, in each of these states.
    reach : ndarray of float32, shape (N,)
        Distance up to which both sides are known there, bps.
    with_mid : int
        States of the history with both sides.
    levels : int
        Levels a side that it keeps.
    arrays : bool
        Whether it was made from arrays.
    """

    bps: Floats
    reach: NDArray[np.float32]
    with_mid: int
    levels: int
    arrays: bool

    @classmethod
    def of(cls, history: History, used: LevelsUsed) -> Beyond | None:
        """Return these states of a history; None if none ever needs more levels than are kept."""
        if kept_suffice(history.levels, used):
            return None
        rows = np.flatnonzero(beyond_kept(history, used))
        ticks, _ = history.rank(history.levels - 1)
        away = ticks[:, rows] * history.tick_size + (history.ask - history.bid)[rows] / 2
        return cls(
            np.asarray(1e4 * (away / history.mid[rows]).min(axis=0)),
            history.reach[:, rows].min(axis=0),
            int(np.count_nonzero(~np.isnan(history.mid))),
            history.levels,
            not history.instrument.venue,
        )


@dataclass(frozen=True)
class Shortfall:
    """Settings that need more levels than the history keeps.

    Attributes
    ----------
    fraction : float
        Fraction of the states with both sides that have no signal for this reason, 0..1.
    bps : float
        Median distance from mid of the last kept level, over these states, bps.
    levels : int
        Levels a side that are kept.
    needed : int or None
        Levels a side that the settings need; None when that is more than can be kept, or more
        than the venue sends.
    used : LevelsUsed
        The levels that the signal uses.
    arrays : bool
        Whether the history was made from arrays.
    """

    fraction: float
    bps: float
    levels: int
    needed: int | None
    used: LevelsUsed
    arrays: bool = False

    @classmethod
    def of(cls, history: History, used: LevelsUsed) -> Shortfall | None:
        """Return the shortfall of a history; None if every state has the levels it needs."""
        return cls.of_all([Beyond.of(history, used)], used)

    @classmethod
    def of_all(cls, parts: Iterable[Beyond | None], used: LevelsUsed) -> Shortfall | None:
        """Return the shortfall of histories that follow each other, with as many levels each."""
        some = [part for part in parts if part is not None]
        if not sum(len(part.bps) for part in some):
            return None
        first = some[0]
        bps = float(np.median(np.concatenate([part.bps for part in some])))
        wanted = math.inf if used.depth is None else float(used.depth)
        if used.band_bps is not None and bps > 0:
            wanted = min(wanted, first.levels * used.band_bps / bps)
        needed = next((n for n in LEVEL_CHOICES if n >= wanted and n > first.levels), None)
        if first.arrays and wanted == used.depth:
            needed = used.depth  # a table has any number of columns
        if np.median(np.concatenate([part.reach for part in some])) <= bps * ROUNDING:
            needed = None  # all known levels are kept already
        return cls(
            float(sum(len(part.bps) for part in some) / sum(part.with_mid for part in some)),
            bps,
            first.levels,
            needed,
            used,
            arrays=first.arrays,
        )

    @property
    def setting(self) -> str:
        """The setting that needs more: ``"band_bps"`` or ``"depth"``."""
        return "depth" if self.used.band_bps is None else "band_bps"

    @property
    def sentence(self) -> str:
        """What the setting needs, how far the kept levels reach, and what to do."""
        p = self.used
        what = f"A depth of {p.depth}" if p.band_bps is None else f"A band of {p.band_bps:g} bps"
        kept = f"the {self.levels} levels kept, which span {self.bps:.2g} bps"
        if self.levels == 1:
            kept = "the only level kept"
        most = "1" if self.levels == 1 else f"at most {self.levels}"
        less = f"choose a depth of {most}" if p.band_bps is None else "choose a narrower band"
        if self.needed is None:
            remedy = less
        elif self.arrays:
            remedy = f"{less}, or give {self.needed} levels a side"
        else:
            remedy = f"open with levels={self.needed}"
        return f"{what} reaches beyond {kept}: {remedy}."
