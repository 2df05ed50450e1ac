"""Many frames at once, for venues with compiled code that applies them to the book directly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.market_data.venues.replies import Output


@dataclass(frozen=True, eq=False)
class Frames:
    """N frames in one piece of memory.

    Attributes
    ----------
    data : bytes
        The frames. After each there is a byte, such as a line end, that no frame contains.
    places : ndarray of int64, shape (3, N)
        Receive time of each frame, ns; index of its first byte; index of the byte after its last.
        In C order. A receive time of 0 or less means that the bytes may not be a frame.
    """

    data: bytes
    places: NDArray[np.int64]

    def __getitem__(self, at: int) -> tuple[int, bytes]:
        """Return the receive time of a frame, ns, and the frame."""
        received, start, end = self.places[:, at].tolist()
        return received, self.data[start:end]

    def before(self, time: int, first: int, last: int) -> int:
        """Return the first of some frames that was not received before a time, ns; or ``last``."""
        return first + int(np.searchsorted(self.places[0, first:last], time))

    def size(self, first: int, last: int) -> int:
        """Return the bytes of the frames from the first on, up to the last, which is not one."""
        return int(self._sums[last]) - int(self._sums[first])

    @cached_property
    def _sums(self) -> NDArray[np.int64]:
        """The bytes of all frames before each, and of all, shape (N + 1,)."""
        sums = np.zeros(self.places.shape[1] + 1, np.int64)
        np.cumsum(self.places[2] - self.places[1], out=sums[1:])
        return sums


class Applied(NamedTuple):
    """The result of `Venue.apply_frames`.

    Attributes
    ----------
    at : int
        Index of the first frame that was not applied.
    outputs : sequence of Output
        Events other than changes of the book and trades.
    now : int
        Receive time of the last applied frame, ns.
    changed : int, optional
        Event time of the change of the book that it stopped after, ns. None if it stopped before a
        frame that `Venue.received` must decode.
    """

    at: int
    outputs: Sequence[Output] = ()
    now: int = 0
    changed: int | None = None


class TradeRows(Protocol):
    """Columns that compiled code appends trades to.

    Attributes
    ----------
    stamps : ndarray of int64, shape (3, room)
        Event time and receive time, ns; the venue's number of the trade.
    amounts : ndarray of int32 or int64, shape (2, room)
        Price and size, as multiples of 10**−decimals. The size is negative if the taker sold.
    count : int
        Number of trades.
    decimals : list of int
        Decimals of prices and of sizes. A trade with more decimals is left to `Venue.received`.
    """

    stamps: NDArray[np.int64]
    amounts: NDArray[Any]
    count: int
    decimals: list[int]

    def took(self, count: int) -> None:
        """Set the number of trades, after some were written."""
