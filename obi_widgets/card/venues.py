"""The same market on several venues: how far apart its cards are, and which is against the rest.

Cycles are on one grid in UTC, by the event time of each venue. The clocks of two venues differ by
an offset that is not known here. An offset of δ moves a window of W seconds by δ, and so its mean
by at most 2·δ / W, since its signals are between −1 and +1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.card.cards import Cards
from obi_widgets.card.divergence import LEFT_OUT, VenueDivergence, VenueMoment
from obi_widgets.errors import ArgumentError, quoted
from obi_widgets.signals.cycles import CYCLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.card.modes import Mode

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Texts = NDArray[np.str_]


def venue_divergence(cards: Mapping[str, Cards | None]) -> VenueDivergence:
    """Return how far apart the cards of one market are on several venues, cycle by cycle.

    A cycle is compared when each venue has its card, or when one venue has the card after it. So
    live cards, of which some come a moment later, are compared with those of the same cycle.

    Parameters
    ----------
    cards : mapping of str to Cards
        Two or more, by the name of the venue; None of a venue that has no cards yet. All of one
        mode and of the same signals. Of a live market: ``growing.cards()`` of each.

    Returns
    -------
    VenueDivergence
        A row for each cycle.

    Raises
    ------
    ArgumentError
        If these are no cards of two or more venues, or not of the same mode and signals.

    Notes
    -----
    docs/cards.md says which bound the clocks of venues set.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> one, other = (obi.cards(obi.simulate(seconds=90, seed=seed)) for seed in (1, 2))
    >>> found = obi.venue_divergence({"LMEX": one, "OKX": other})
    >>> found.directions.shape, found.last.apart
    ((2, 8), nan)
    """
    named = _checked(cards)
    there = [one for one in named.values() if one is not None]
    times = np.unique(np.concatenate([one.time for one in there]))
    if len(times) and times[-1] > _newest(there):
        times = times[:-1]
    return _compared(named, there[0].mode, times)


def venue_moment(cards: Mapping[str, Cards | None], stale: Collection[str] = ()) -> VenueMoment:
    """Return what the newest cards of one market say on several venues, as a screen shows it.

    It is the last row of `venue_divergence`, without the rows before it: 0.1 ms.

    Parameters
    ----------
    cards : mapping of str to Cards
        See `venue_divergence`; one at least is not None.
    stale : collection of str
        Venues that are known to stand still now, although their newest card was in time.

    Raises
    ------
    ArgumentError
        See `venue_divergence`.
    HistoryError
        If no cycle is finished yet.
    """
    named = _checked(cards)
    there = [one for one in named.values() if one is not None]
    times = np.array([_newest(there)] if any(map(len, there)) else [], np.int64)
    return _compared(named, there[0].mode, times, stale).last


def _newest(cards: list[Cards]) -> int:
    """Return the end of the newest cycle that can be compared; 0 without one."""
    ends = [int(one.time[-1]) for one in cards if len(one)]
    newest = max(ends, default=0)
    # A venue has not finished the newest one.
    return newest - CYCLE if newest - CYCLE in ends else newest


def _compared(
    named: Mapping[str, Cards | None], mode: Mode, times: Ints, stale: Collection[str] = ()
) -> VenueDivergence:
    """Return the rows of some ends of cycles."""
    shape = (len(named), len(times))
    states = np.full(shape, "not_ready", dtype="<U9")
    directions, bands = np.full(shape, np.nan), np.full(shape, np.nan)
    for row, (name, one) in enumerate(named.items()):
        if one is not None and len(one):
            states[row, times > one.time[-1]] = "stale"
            at = np.minimum(np.searchsorted(one.time, times), len(one) - 1)
            has = one.time[at] == times
            states[row, has] = one.state[at[has]]
            directions[row, has] = one.direction[at[has]]
            bands[row, has] = one.direction_band[at[has]]
        if name in stale:
            states[row] = "stale"
    for state in LEFT_OUT:
        directions[states == state] = np.nan
    verdict, against = _verdicts(tuple(named), directions, bands)
    return VenueDivergence(
        mode=mode,
        venues=tuple(named),
        time=times,
        states=states,
        directions=directions,
        apart=_apart(directions),
        verdict=verdict,
        against=against,
    )


def _checked(cards: object) -> dict[str, Cards | None]:
    advice = "Give a dict of two or more, such as {'LMEX': cards, 'OKX': other}."
    if not isinstance(cards, Mapping):
        raise ArgumentError(f"{quoted(cards)} is no mapping of cards.", advice)
    for name, one in cards.items():
        if one is not None and not isinstance(one, Cards):
            raise ArgumentError(f"{quoted(name)} is {quoted(one)}, and no cards.", advice)
    if len(cards) < 2:
        raise ArgumentError("There are cards of fewer than two venues.", advice)
    named: dict[str, Cards | None] = {str(name): one for name, one in cards.items()}
    if len(named) < len(cards):
        raise ArgumentError("Two venues have the same name as text.", "Give each its own.")
    there = {name: one for name, one in named.items() if one is not None}
    if not there:
        raise ArgumentError("No venue has cards.", "Wait until one of them has.")
    first = next(iter(there))
    for name, one in there.items():
        for what, has, wanted in (
            ("mode", one.mode.name, there[first].mode.name),
            ("signals", ", ".join(one.signals), ", ".join(there[first].signals)),
        ):
            if has != wanted:
                raise ArgumentError(
                    f"The {what} of {name}: {has}; of {first}: {wanted}.",
                    f"Make all cards with the same {what}.",
                )
    return named


def _apart(directions: Floats) -> Floats:
    there = ~np.isnan(directions)
    largest = np.where(there, directions, -np.inf).max(axis=0)
    smallest = np.where(there, directions, np.inf).min(axis=0)
    return np.where(there.sum(axis=0) >= 2, largest - smallest, np.nan)


def _verdicts(venues: tuple[str, ...], directions: Floats, bands: Floats) -> tuple[Texts, Texts]:
    """Return the verdict of each cycle, and which venue is against the rest."""
    compared = (~np.isnan(directions)).sum(axis=0)
    up, down = directions > 0, directions < 0
    ups, downs = up.sum(axis=0), down.sum(axis=0)
    few, agree = compared < 2, (ups == compared) | (downs == compared)
    # Of three or more, all others have the other sign.
    single = (compared >= 3) & (ups + downs == compared) & ((ups == 1) | (downs == 1)) & ~agree
    odd = np.where(single & (ups == 1), up, down) & single
    beyond = (odd & (np.abs(directions) > bands)).any(axis=0)
    verdict = np.select(
        [few, agree, beyond], ["too few", "of one mind", "against"], "divided"
    ).astype(np.str_)
    names = np.array(venues)[odd.argmax(axis=0)]
    return verdict, np.where(verdict == "against", names, "")
