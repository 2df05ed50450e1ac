"""What happened between kept states: sums over every raw event since the state before.

Order-flow imbalance of rank ``m`` is what an event adds to the bids at their m-th best price, less
what it adds to the asks at theirs. With the m-th best bid ``b`` and ask ``a``, and the sizes ``q``
and ``r`` that stand there, after the event and (with ′) before it::

    e = q · [b ≥ b′] − q′ · [b ≤ b′] − r · [a ≤ a′] + r′ · [a ≥ a′]

A price that a side does not have is taken for one beyond all others, of size 0.

One event is one raw message that continues the book, applied as a whole: a diff of Binance, a delta
of LMEX, also one that changes none of the ranks. Where whole books come one after the other, as
where LMEX is polled, each of them is one: what came and went between two of them nets out. With
the snapshot that a book begins with, at first and after each gap, sums begin at 0: it is no event.
A snapshot that only tells more of a book that is known changes no sum.

Sums are whole numbers of lots, so that they are exact, and the same in whatever parts they are
added. A lot is the instrument's contract size, or a tenth, a hundredth and so on of it: the
greatest of these in which every size is whole that has stood at the ranks. Where a smaller one is
needed, the older sums are put into it. Sizes that are whole in no possible lot are rounded, each
by itself, so that errors do not add up: see `smaller`.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", for the best prices; Xu,
Gould, Howison (2018), "Multi-level order-flow imbalance in a limit order book", for the ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from obi_widgets.errors import HistoryError, counted
from obi_widgets.history.grid import on_grid
from obi_widgets.history.unchecked import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Sums = NDArray[np.int32] | NDArray[np.int64]

RANKS = 10
"""Prices a side whose order flow is summed."""

SMALLEST_LOT = 1e-9
"""No venue has sizes of more decimals that mean anything."""

MOST_LOTS = 2.0**45
"""The greatest size in lots, so that sums of it fit 64 bits: a greater one counts as this."""

USUAL_LOTS = 2.0**35
"""The greatest median size in lots with which a lot is made smaller."""

HASHED = 2**16
"""States whose sums are put into base units at once."""

EXACT = 1e-15
"""What a size in lots may be off a whole number, as a share of it: the rounding of a few operations
on float64."""


class Digest(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: memoryview, /) -> None:
        """Add bytes."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Sums between the kept states of a `History`, which has them as ``history.flow``.

    Attributes
    ----------
    order_flow : ndarray of int32 or int64, shape (T, 10)
        Order-flow imbalance of each rank, the best first, in lots; + is more buying. Summed over
        every raw event since the state before, that of the state itself included; after a gap,
        since the snapshot. 0 where the book was not in sync. int32 unless a sum needs more.
    events : ndarray of int32, shape (T,)
        How many raw events those were.
    lot_size : float
        Base units in a lot.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> history.flow.order_flow.shape == (len(history), 10)
    True
    """

    order_flow: Sums
    events: NDArray[np.int32]
    lot_size: float

    def __repr__(self) -> str:
        return f"<Flow of {counted(len(self.events), 'state')}, in lots of {self.lot_size:g}>"

    def rows(self, which: slice) -> Flow:
        """Return those of some of the states, sharing memory."""
        return changed(self, order_flow=self.order_flow[which], events=self.events[which])

    def base_units(self, lots: Sums) -> Floats:
        """Return sums in lots as base units.

        They are the same, to the bit, in whatever lots the sums were.
        """
        return on_grid(lots.astype(float), self.lot_size)

    def check(self, states: int) -> None:
        """Refuse columns that are not of so many states.

        Raises
        ------
        HistoryError
            A column of another dtype or length, or a lot that is not possible.
        """
        for name, dtypes, shape in (
            ("order_flow", ("int32", "int64"), (states, RANKS)),
            ("events", ("int32",), (states,)),
        ):
            column = getattr(self, name)
            fits = isinstance(column, np.ndarray) and column.dtype.name in dtypes
            if not fits or column.shape != shape:
                raise HistoryError(
                    f"flow.{name} is no array of {' or '.join(dtypes)} for each state.",
                    "Leave flow out: it comes with what obi.load returns.",
                )
        if not 0 < self.lot_size < np.inf:
            raise HistoryError(
                f"flow.lot_size = {self.lot_size!r} is not possible.", "Give base units above 0."
            )

    def add_to(self, digest: Digest) -> None:
        """Add the sums to a hash. It does not depend on the lot, which may become smaller."""
        for first in range(0, len(self.events), HASHED):
            sums = self.base_units(self.order_flow[first : first + HASHED])
            digest.update(np.ascontiguousarray(sums).data)
        digest.update(np.ascontiguousarray(self.events).data)

    def freeze(self) -> None:
        """Have nobody write to the columns: they are shared with a session, and its screen."""
        self.order_flow.flags.writeable = False
        self.events.flags.writeable = False


def smaller(lot_size: float, sizes: Floats) -> tuple[float, bool]:
    """Return the lot, the given one or a tenth of a tenth of it, in which sizes are whole.

    Parameters
    ----------
    lot_size : float
        Base units in a lot until now.
    sizes : ndarray of float64
        Base units.

    Returns
    -------
    float
        The lot; where they are whole in none, the smallest that is possible: not below
        `SMALLEST_LOT`, and with a median size of at most `USUAL_LOTS`.
    bool
        Whether they are whole in it.
    """
    lot = lot_size
    usual = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 0.0
    while not (whole := bool(np.all(is_whole(sizes / lot)))):
        next_lot = float(f"{lot / 10:.15g}")
        if next_lot < SMALLEST_LOT or usual / next_lot > USUAL_LOTS:
            break
        lot = next_lot
    return lot, whole


def narrow(sums: Ints) -> Sums:
    """Return sums as int32 where all of them fit."""
    room = np.iinfo(np.int32)
    fit = room.min <= sums.min(initial=0) and sums.max(initial=0) <= room.max
    return sums.astype(np.int32) if fit else sums


def is_whole(lots: Floats) -> NDArray[np.bool_]:
    """Return whether sizes in lots are whole numbers but for rounding."""
    return np.asarray(np.abs(lots - np.rint(lots)) <= EXACT * lots)


def in_lots(sizes: Floats, lot_size: float) -> Ints:
    """Return sizes as whole lots."""
    return np.rint(np.minimum(sizes / lot_size, MOST_LOTS)).astype(np.int64)


def changes(keys: Floats, lots: Ints, old_keys: Floats, old_lots: Ints) -> Ints:
    """Return order-flow imbalance from states to those that followed them.

    Parameters
    ----------
    keys : ndarray of float64, shape (..., 2, ranks)
        Prices of bids, and of asks times −1: greater is better. −inf where there is none.
    lots : ndarray of int64, shape (..., 2, ranks)
        Sizes; 0 where there is no price.
    old_keys, old_lots : ndarray
        The same of the states before them.

    Returns
    -------
    ndarray of int64, shape (..., ranks)
    """
    added = lots * (keys >= old_keys)
    added -= old_lots * (keys <= old_keys)
    return np.asarray(added[..., 0, :] - added[..., 1, :])


def between(prices: Sequence[Floats], sizes: Sequence[Floats], unit: float) -> Flow:
    """Return what happened from each state to the next, where each is one event.

    Parameters
    ----------
    prices, sizes : two arrays of float64, shape (T, L)
        Bids, asks, best first. NaN and 0 where there is no level.
    unit : float
        Base units in a lot, unless a smaller one is needed.
    """
    states, levels = prices[0].shape
    keys, amounts = np.full((states, 2, RANKS), -np.inf), np.zeros((states, 2, RANKS))
    for side, (price, size, sign) in enumerate(zip(prices, sizes, (+1, -1), strict=True)):
        there = size[:, :RANKS] > 0
        keys[:, side, :levels][there] = sign * price[:, :RANKS][there]
        amounts[:, side, :levels][there] = size[:, :RANKS][there]
    lot_size, _ = smaller(unit, amounts)
    empty = keys[:, :, 0].max(axis=1, initial=-np.inf) == -np.inf
    counts = ~(empty[1:] | empty[:-1])
    order_flow, events = np.zeros((states, RANKS), np.int64), np.zeros(states, np.int32)
    lots = in_lots(amounts, lot_size)
    order_flow[1:] = changes(keys[1:], lots[1:], keys[:-1], lots[:-1]) * counts[:, None]
    events[1:] = counts
    return Flow(narrow(order_flow), events, lot_size)


def joined(parts: Sequence[Flow | None]) -> Flow | None:
    """Return the sums of histories that are joined, with a state between them that has none.

    Parameters
    ----------
    parts : sequence of Flow or None
        In the order of time.

    Returns
    -------
    Flow, optional
        None where one of them has none.

    Raises
    ------
    HistoryError
        Lots of which none is a multiple of the others.
    """
    flows = [one for one in parts if one is not None]
    if len(flows) < len(parts):
        return None
    lot_size = min(one.lot_size for one in flows)
    order_flow, events = [], []
    for one in flows:
        factor = one.lot_size / lot_size
        if abs(factor - round(factor)) > 1e-9 * factor:
            raise HistoryError(
                f"One has lots of {one.lot_size:g}, and another of {lot_size:g}.",
                "Join them without flow: dataclasses.replace(history, flow=None).",
            )
        order_flow += [
            one.order_flow.astype(np.int64) * round(factor), np.zeros((1, RANKS), np.int64)
        ]  # fmt: skip
        events += [one.events, np.zeros(1, np.int32)]
    return Flow(narrow(np.concatenate(order_flow[:-1])), np.concatenate(events[:-1]), lot_size)


class HasFlow(Protocol):
    """A history, as far as its flow goes."""

    @property
    def flow(self) -> Flow | None:
        """The sums; None where only the states are known."""


def flow_of(history: HasFlow) -> Flow:
    """Return the sums that a history has.

    Raises
    ------
    HistoryError
        It has none.
    """
    if history.flow is None:
        raise HistoryError(
            "This history knows its states, and not what happened between them.",
            "Give what obi.load returns; or arrays with a row for each event, by "
            "obi.History.from_arrays(..., every_event=True).",
        )
    return history.flow
