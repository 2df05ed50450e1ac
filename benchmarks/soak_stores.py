"""What is kept of the past on purpose: how full it is, and how much memory it has.

Each store has a bound. Until it has come to that, memory grows, which is no leak; so a soak tells
when all are full, and what grows from then on. `small_bounds` makes them small, so that this is
after some minutes in place of hours: what is bounded is the same code, and a leak is as fast.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np

from obi_widgets.feeds.health import monitor, timeline
from obi_widgets.history.memory import LARGE
from obi_widgets.market_data.venues import streamed
from obi_widgets.market_data.venues.streamed import Streamed
from obi_widgets.settings import undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    import obi_widgets as obi
    from obi_widgets.feeds.live import LiveFeed
    from obi_widgets.feeds.market import Market

HOUR_OF_HEALTH = 60.0
"""Seconds of lags and rates that are kept by small bounds, in place of an hour."""

SMALL = (
    (monitor, "PART", 10 * monitor.SECOND),
    (timeline, "KEPT", 10),
    (streamed, "KEPT_TRADES", 50),
    (undo, "MOST", 10),
)
"""The other small bounds: module, name and value."""


class Kept(NamedTuple):
    """What a store holds.

    Attributes
    ----------
    filled : float
        How much of its bound it has reached, 0 to 1, in the market where that is least.
    memory : float
        Of all markets, MB.
    heap : float
        What of it the C library gives out, MB: large arrays are the system's, and objects Python's.
    """

    filled: float
    memory: float
    heap: float = 0.0


@contextmanager
def small_bounds() -> Iterator[None]:
    """Make the bounds small of what is made and runs within the block; see also `keep_less`."""
    with ExitStack() as stack:
        for module, name, value in SMALL:
            stack.enter_context(patch.object(module, name, value))
        yield


def keep_less(markets: Iterable[Market]) -> None:
    """Keep less of the health of these markets than an hour."""
    for market in markets:
        market.monitor.seconds = HOUR_OF_HEALTH


def stores(session: obi.Session, feeds: Sequence[LiveFeed]) -> dict[str, Kept]:
    """Return what each store holds, by its name."""
    markets = [feed.market for feed in feeds]
    steps = session.settings._steps._past
    told = {what: [of(one) for one in markets] for what, of in OF_A_MARKET.items()}
    return {
        **{
            what: Kept(
                min(one.filled for one in each),
                sum(one.memory for one in each),
                sum(one.heap for one in each),
            )
            for what, each in told.items()
        },
        "steps that can be undone": Kept(_share(len(steps), undo.MOST), _size(*steps)),
    }


def _states(market: Market) -> Kept:
    """Tell of the states and the tables beside them: full when the first rows have been replaced.

    Until then, tables grow, and columns are written to that nothing was in. Their room counts, too:
    from then on it is now more and now less.
    """
    history = market.history()
    depth, trades, large = history.depth, history.trades, history.large_levels
    arrays = (
        *(array for block in history.blocks for array in block), history.time, history.received,
        history.bid, history.ask, history.reach, history.flow.order_flow, history.flow.events,
        depth.samples, depth.reach, depth.sizes, trades.stamps, trades.amounts, large.whole,
        large.real,
    )  # fmt: skip
    rooms = {id(room): room.nbytes for room in map(_room, arrays)}.values()
    heap = sum(room for room in rooms if room < LARGE)
    return Kept(_share(history.start, len(history)), sum(rooms) / 1e6, heap / 1e6)


def _health(market: Market) -> Kept:
    """Tell of the lags and ages in parts, and of the rates in pieces."""
    one = market.monitor
    counts = [array for part in one._parts for each in (part.lags, part.between) for array in each]
    pieces = [number for piece in one._pieces.copy() for number in piece]
    passed = market.steady_now - one._first
    filled = _share(passed, one.seconds * monitor.SECOND + monitor.PART)
    heap = sum(array.nbytes for array in counts) / 1e6
    return Kept(filled, _size(*counts, *pieces), heap)


def _interruptions(market: Market) -> Kept:
    begun = market.monitor.timeline._begun.copy()
    values = [value for one in begun for value in (one, one.at, one.reason)]
    return Kept(_share(len(begun), begun.maxlen or 1), _size(*values))


def _trades(market: Market) -> Kept:
    assert isinstance(market.venue, Streamed)
    seen = market.venue._trades_seen.copy()
    return Kept(_share(len(seen), streamed.KEPT_TRADES), _size(seen, *seen), _size(seen))


OF_A_MARKET: Mapping[str, Callable[[Market], Kept]] = {
    "states": _states,
    "lags and rates": _health,
    "interruptions": _interruptions,
    "numbers of trades": _trades,
}
"""The stores of a market, by name. Of interruptions, 1,000 are kept, of numbers of trades up to
2,000, of lags and rates an hour."""


def _room(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array whose memory another one shares: that with room for more rows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _share(of: float, bound: float) -> float:
    return min(of / max(bound, 1), 1.0)


def _size(*values: object) -> float:
    """Return the memory of objects without what they refer to, MB."""
    return sum(map(sys.getsizeof, values)) / 1e6
