"""Which columns of a DataFrame hold prices and sizes, and of which levels.

The rule: a name has a side, a quantity and the number of a level, in any order, with any signs
between them. The side is ``bid`` or ``ask`` (also ``bids``, ``asks``, ``b``, ``a``). The quantity
is ``price`` (``px``, ``p``), or ``size`` (``sz``, ``s``, ``qty``, ``q``, ``quantity``, ``amount``,
``volume``, ``vol``, ``v``); without one it is the price. The smallest number is the best level.
Without a number it is the best level too; single letters need a number. Capitals do not matter.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.errors import HistoryError, quoted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

SIDES = {"bid": +1, "bids": +1, "b": +1, "ask": -1, "asks": -1, "a": -1}
PRICE = ("price", "px", "p")
SIZE = ("size", "sz", "s", "qty", "q", "quantity", "amount", "volume", "vol", "v")

_MEANING: dict[str, tuple[int, str]] = {
    **{side: (sign, "price") for side, sign in SIDES.items() if len(side) > 1},
    **{
        "".join(pair): (SIDES[side], kind)
        for kind, words in (("price", PRICE), ("size", SIZE))
        for side, word in product(SIDES, words)
        for pair in ((side, word), (word, side))
    },
}
"""Side and quantity by the letters of a name."""

_LETTERS = 2
"""Names of so few letters need a number: "as" and "pa" may be anything."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PARTS = re.compile(r"[a-z]+|\d+")

RULE = (
    "Name the columns like bid_price_1, bid_size_1, ask_price_1, ask_size_1, and so on for further "
    "levels; see obi.History.from_frame."
)


class Level(NamedTuple):
    """The columns of one level of one side."""

    price: Hashable
    size: Hashable


class Columns(NamedTuple):
    """The columns of the levels of both sides, best first."""

    bids: list[Level]
    asks: list[Level]


def meaning(name: object) -> tuple[int, str, int | None] | None:
    """Return what a column holds by its name: side, quantity, and number of the level.

    The number is None if the name has none. The result is None for a name of something else.
    """
    if not isinstance(name, str):
        return None
    parts = _PARTS.findall(_CAMEL.sub("_", name).lower())
    numbers = [int(part) for part in parts if part.isdigit()]
    letters = "".join(part for part in parts if not part.isdigit())
    found = _MEANING.get(letters)
    if found is None or len(numbers) > 1 or (not numbers and len(letters) <= _LETTERS):
        return None
    return *found, numbers[0] if numbers else None


def find(names: Iterable[Hashable]) -> Columns:
    """Return the columns of all levels, best first.

    Raises
    ------
    HistoryError
        If no column holds a level, two hold the same, or one of a level is missing. The error
        names the columns.
    """
    names = list(names)
    twice = [name for name, count in Counter(names).items() if count > 1 and meaning(name)]
    if twice:
        raise HistoryError(
            f"Several columns are called {twice[0]!r}.", "Leave all but one of them out."
        )
    meant = {name: held for name in names if (held := meaning(name)) is not None}
    numbers = [number for _, _, number in meant.values() if number is not None]
    without = len(numbers) < len(meant)
    first = min(numbers, default=1)
    if first > 1 and without:
        first = 1  # as `History.to_frame` names them: bid, bid_price_2, bid_price_3
    if first > 1:
        raise HistoryError(f"The first level has the number {first}, not 0 or 1.", RULE)
    found: dict[tuple[int, str], dict[int, Hashable]] = {
        which: {} for which in product((+1, -1), ("price", "size"))
    }
    for name, (side, kind, number) in meant.items():
        known = found[side, kind]
        at = first if number is None else number
        if at in known:
            raise HistoryError(
                f"Columns {known[at]!r} and {name!r} both mean the {_words(side, kind)} of one "
                "level.",
                "Leave one of them out.",
            )
        known[at] = name
    for (side, kind), known in found.items():
        if not known:
            raise HistoryError(f"No column is of {_words(side, kind)}s: {quoted(names)}.", RULE)
    return Columns(_levels(+1, found, first), _levels(-1, found, first))


def _levels(
    side: int, found: dict[tuple[int, str], dict[int, Hashable]], first: int
) -> list[Level]:
    """Return the columns of one side. Each level up to the last has to have both."""
    prices, sizes = found[side, "price"], found[side, "size"]
    levels = []
    for number in range(first, max(*prices, *sizes) + 1):
        for kind, columns in (("price", prices), ("size", sizes)):
            if number not in columns:
                raise HistoryError(
                    f"Level {number} has no column of the {_words(side, kind)}.", RULE
                )
        levels.append(Level(prices[number], sizes[number]))
    return levels


def _words(side: int, kind: str) -> str:
    return f"{'bid' if side > 0 else 'ask'} {kind}"
