"""What a card shows under "the same market on other venues": figures, and where they are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.presentation.card import marks
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.card.divergence import VenueMoment

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
    reason : str
        Why it is left out, in a sentence; empty if it is not, or nothing more is known.
    """

    name: str
    letter: int
    direction: float | None
    text: str
    reason: str = ""


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


LETTER = 0.065
"""Width that a letter over the scale needs, as a share of the scale."""


def other_venues(moment: VenueMoment, reasons: Mapping[str, str] | None = None) -> OtherVenues:
    """Return what a card shows of the same market on several venues.

    Parameters
    ----------
    moment : VenueMoment
        What their cards say.
    reasons : mapping of str to str, optional
        Why a venue is left out, in a sentence.
    """
    reasons = reasons or {}
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
                reason=reasons.get(name, ""),
            )
            for (name, direction), letter in zip(moment.directions.items(), letters, strict=True)
        ),
        span=(min(there), max(there)) if len(there) > 1 else None,
        apart=formatting.number(moment.apart, 2),
        says=moment.says,
        left_out=f"{' and '.join(_few(left_out))} left out" if left_out else "",
    )


def no_venues(reasons: Mapping[str, str]) -> OtherVenues:
    """Return what a card shows while no venue has a card; ``reasons`` has each of them."""
    text = f"{formatting.NOTHING} {STATES['not_ready']}"
    letters = _letters(tuple(reasons))
    return OtherVenues(
        venues=tuple(
            OtherVenue(name, letter, None, text, reason)
            for (name, reason), letter in zip(reasons.items(), letters, strict=True)
        ),
        span=None,
        apart=formatting.NOTHING,
        says="no venue to compare",
        left_out="",
    )


def venues_state(of: OtherVenues) -> dict[str, Any]:
    """Return the venues as JSON: a row each, the bar between the dots, and the words beside it.

    A row has the name, which of its letters stands for it, the place of its dot and of the letter
    over it (0 to 1; None without a direction), the text, its side, and what a pointer on it tells.
    """
    places = [None if one.direction is None else marks.on(one.direction, 1.0) for one in of.venues]
    letters = iter(spread([one for one in places if one is not None], LETTER))
    return {
        "rows": [
            [
                one.name,
                one.letter,
                place,
                None if place is None else next(letters),
                one.text,
                "" if one.direction is None else formatting.side(one.direction),
                f"{one.name}: {one.text}. {one.reason}".strip(),
            ]
            for one, place in zip(of.venues, places, strict=True)
        ],
        "bar": None if of.span is None else [marks.on(end, 1.0) for end in of.span],
        "apart": of.apart,
        "says": [of.says, of.left_out],
    }


def spread(places: list[float], least: float) -> list[float]:
    """Return places near the given ones, 0 to 1, in their order and at least so far apart.

    More than fit stand closer, at equal distances.
    """
    count = len(places)
    if not count:
        return []
    least = min(least, (1.0 - least) / max(count - 1, 1))
    order = sorted(range(count), key=lambda row: places[row])
    # Neighbours that would be too close are a group, with the mean of the starts that they want.
    groups: list[tuple[float, int]] = []
    for at, row in enumerate(order):
        total, many = places[row] - at * least, 1
        while groups and groups[-1][0] / groups[-1][1] > total / many:
            before, more = groups.pop()
            total, many = total + before, many + more
        groups.append((total, many))
    highest = 1.0 - least / 2 - (count - 1) * least
    found = [0.0] * count
    at = 0
    for total, many in groups:
        start = min(max(total / many, least / 2), highest)
        for row in order[at : at + many]:
            found[row] = round(start + at * least, 4)
            at += 1
    return found


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
