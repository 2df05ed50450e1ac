"""What a card shows under "the same market on other venues"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from obi_widgets.card.venues import VenueMoment

STATES = {"stale": "stale", "not_ready": "not ready"}
"""States of a venue that is left out, in words."""


class OtherVenue(NamedTuple):
    """One venue.

    Attributes
    ----------
    name : str
        Its name.
    letter : int
        Which letter of the name stands for it on the scale; no other venue has the same one. −1 if
        all its letters are taken.
    direction : float or None
        Its place on the scale, −1..+1; None if it is left out, and so has no dot.
    text : str
        The direction with its sign and an arrow: "+0.51 ▲"; a dash and why, if it is left out.
    """

    name: str
    letter: int
    direction: float | None
    text: str


class OtherVenues(NamedTuple):
    """All venues of a market.

    Attributes
    ----------
    venues : tuple of OtherVenue
        In the order in which they were given.
    span : tuple of float, or None
        The smallest and the largest direction: the bar between; None with fewer than two.
    apart : str
        The length of the span, "0.29"; a dash without one.
    says : str
        The verdict: "of one mind", "LMEX against the rest", "3 up, 1 down".
    left_out : str
        Who is not compared: "LMEX left out"; empty if all are.
    """

    venues: tuple[OtherVenue, ...]
    span: tuple[float, float] | None
    apart: str
    says: str
    left_out: str


def other_venues(moment: VenueMoment) -> OtherVenues:
    """Return what a card shows of the same market on several venues."""
    letters = _letters(tuple(moment.directions))
    there = [one for one in moment.directions.values() if not math.isnan(one)]
    left_out = list(moment.left_out)
    return OtherVenues(
        venues=tuple(
            OtherVenue(
                name=name,
                letter=letter,
                direction=None if math.isnan(direction) else direction,
                text=f"{formatting.NOTHING} {STATES[moment.left_out[name]]}"
                if name in moment.left_out
                else formatting.signal(direction),
            )
            for (name, direction), letter in zip(moment.directions.items(), letters, strict=True)
        ),
        span=(min(there), max(there)) if len(there) > 1 else None,
        apart=formatting.number(moment.apart, 2),
        says=moment.says,
        left_out=f"{' and '.join(_few(left_out))} left out" if left_out else "",
    )


def _few(names: list[str]) -> list[str]:
    """Return at most two texts of names."""
    return names if len(names) < 3 else [f"{len(names)} venues"]


def _letters(names: tuple[str, ...]) -> list[int]:
    """Return which letter of each name stands for it: the first that no earlier name took."""
    taken: set[str] = set()
    found = []
    for name in names:
        at = next(
            (at for at, one in enumerate(name) if one.isalnum() and one.upper() not in taken), -1
        )
        found.append(at)
        if at >= 0:
            taken.add(name[at].upper())
    return found
