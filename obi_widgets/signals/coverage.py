"""Which states' signal rests on more levels than are kept, or than are known.

A signal of depth N rests on the N best levels of both sides; one with a band on the levels within
its distance from mid, of those up to its depth. A depth of None without a band means whatever
levels are kept.

Beyond the levels that are *kept* a signal would be another one, so it has no value. Beyond what
was *known* of the book when a level was kept (`History.reach`) a signal is *inferred*: it has a
value, unless the history is strict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

ROUNDED = 1 + 2e-7
"""Reach is a float32: without this the level at the edge itself might seem to lie beyond it."""

CHOICES = (50, 100, 200, 500, 1000)
"""Levels a side that are proposed."""


class LevelsUsed(NamedTuple):
    """Which levels a signal rests on.

    Attributes
    ----------
    depth : int or None
        Levels a side; None for all that are kept, or that lie in the band.
    band_bps : float or None
        The greatest distance from mid, bps; None for no band.
    """

    depth: int | None = None
    band_bps: float | None = None


class HasLevels(Protocol):
    """Settings, as far as the levels matter that their signal rests on."""

    @property
    def levels_used(self) -> LevelsUsed:
        """Which levels the signal rests on."""


def kept_suffice(levels: int, used: LevelsUsed) -> bool:
    """Return whether a signal can never reach beyond so many kept levels."""
    if used.depth is None:
        return used.band_bps is None
    return used.depth <= levels


def without_value(history: History, used: LevelsUsed) -> Flags | None:
    """Return which states must have no signal; None where all may have one.

    Parameters
    ----------
    history : History
        T states.
    used : LevelsUsed
        The levels that the signal rests on.

    Returns
    -------
    ndarray of bool, shape (T,), optional
        Those whose signal reaches beyond the kept levels; in a strict history also those whose
        signal is inferred.
    """
    none = None if kept_suffice(history.levels, used) else beyond_kept(history, used)
    if history.strict:
        guessed = inferred(history, used)
        none = guessed if none is None else none | guessed
    return none


def beyond_kept(history: History, used: LevelsUsed) -> Flags:
    """Return which states' signal reaches beyond the levels that are kept, shape (T,).

    A side that has fewer levels than are kept is complete, as far as it is known.
    """
    if kept_suffice(history.levels, used):
        return np.zeros(len(history), bool)
    ticks, sizes = history.rank(history.levels - 1)
    more = sizes > 0
    if used.band_bps is not None:
        more &= ticks < _ticks_within(history, used.band_bps)  # the next may be inside
    return np.asarray(more.any(axis=0) & ~np.isnan(history.mid))


def inferred(history: History, settings: LevelsUsed | HasLevels) -> Flags:
    """Return which states' signal rests on levels beyond what was known of the book.

    A snapshot covers a range of prices. Beyond it only levels that changed since have been told,
    and there may be others.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings, or LevelsUsed
        What says which levels the signal rests on.

    Returns
    -------
    ndarray of bool, shape (T,)
        The signal of such a state is a guess; in a strict history it is NaN.

    Raises
    ------
    HistoryError, SettingsError
        No history, or no settings.
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
        known |= history.reach * ROUNDED >= used.band_bps
    within = _ticks_within(history, history.reach * ROUNDED)
    if used.depth is not None:
        ticks, sizes = history.rank(min(used.depth, history.levels) - 1)
        known |= (sizes > 0) & (ticks <= within)
    elif used.band_bps is None:
        known |= _deepest(history) <= within
    return np.asarray((limited & ~known).any(axis=0))


def _ticks_within(history: History, bps: float | NDArray[np.float32]) -> Floats:
    """Return how many ticks from each side's best lie within a distance from mid, shape (2, T)."""
    mid = (history.bid + history.ask) * 0.5
    tick_bps = 1e4 * history.tick_size / mid
    half_spread = 5e3 * (history.ask - history.bid) / mid
    return np.asarray(np.floor((bps + EDGE - half_spread) / tick_bps) + np.zeros((2, 1)))


def _deepest(history: History) -> NDArray[np.unsignedinteger]:
    """Return how many ticks from each side's best its last kept level is, shape (2, T)."""
    out = np.empty((2, len(history)), np.uint32)
    for rows, block in history.chunks():
        out[:, rows] = block.ticks.max(axis=1)
    return out


@dataclass(frozen=True)
class Shortfall:
    """That settings reach beyond the levels that are kept.

    Attributes
    ----------
    share : float
        Of the states with both sides, how many have no signal for that reason, 0..1.
    bps : float
        How far from mid the kept levels reach, the median of those states.
    levels : int
        Levels a side that are kept.
    needed : int or None
        Levels a side with which the settings would have a signal; None when that is more than
        can be kept, or the venue tells of no more.
    used : LevelsUsed
        The levels that the signal rests on.
    arrays : bool
        Whether the history was handed in as arrays.
    """

    share: float
    bps: float
    levels: int
    needed: int | None
    used: LevelsUsed
    arrays: bool = False

    @classmethod
    def of(cls, history: History, used: LevelsUsed) -> Shortfall | None:
        """Return it for a history; None where every state has the levels that it takes."""
        if kept_suffice(history.levels, used):
            return None
        beyond = beyond_kept(history, used)
        if not beyond.any():
            return None
        rows = np.flatnonzero(beyond)
        ticks, _ = history.rank(history.levels - 1)
        mid = history.mid[rows]
        away = ticks[:, rows] * history.tick_size + (history.ask - history.bid)[rows] / 2
        bps = float(np.median(1e4 * (away / mid).min(axis=0)))
        wanted = math.inf if used.depth is None else float(used.depth)
        if used.band_bps is not None and bps > 0:
            wanted = min(wanted, history.levels * used.band_bps / bps)
        if np.median(history.reach[:, rows].min(axis=0)) <= bps * ROUNDED:
            wanted = math.inf  # all that was known has been kept
        return cls(
            float(len(rows) / np.count_nonzero(~np.isnan(history.mid))),
            bps,
            history.levels,
            next((one for one in CHOICES if one >= wanted and one > history.levels), None),
            used,
            arrays=not history.instrument.venue,
        )

    @property
    def setting(self) -> str:
        """Which setting it is: ``"band_bps"`` or ``"depth"``."""
        return "depth" if self.used.band_bps is None else "band_bps"

    @property
    def sentence(self) -> str:
        """What reaches beyond, how far the kept levels reach, and what to do."""
        p = self.used
        what = f"A band of {p.band_bps:g} bps" if p.band_bps else f"A depth of {p.depth}"
        kept = f"the {self.levels} levels kept, which span {self.bps:.2g} bps"
        if self.levels == 1:
            kept = "the only level kept"
        if self.needed is None:
            remedy = "choose a narrower band" if p.band_bps else "choose a smaller depth"
        elif self.arrays:
            remedy = f"give {self.needed} levels a side"
        else:
            remedy = f"open with levels={self.needed}"
        return f"{what} reaches beyond {kept}: {remedy}."
