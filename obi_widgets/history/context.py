"""Values besides book and trades: mark price, index price, funding, liquidations and others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obi_widgets.errors import HistoryError, quoted, suggest
from obi_widgets.history.unchecked import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NAMES = (
    "mark", "index", "funding_rate", "open_interest", "liquidated", "liquidation_price",
    "long_short_ratio", "next_funding",
)  # fmt: skip
"""Mark and index price in quote currency; funding rate as a fraction per funding interval; open
interest and liquidated size in base units (+ a short was bought back, − a long was sold); price of
a liquidation in quote currency; accounts that are long for each that is short, over 5 minutes; when
funding is paid next, seconds UTC.

Files hold places in this list: a new name comes last."""

PRICE, SIZE = NAMES.index("liquidation_price"), NAMES.index("liquidated")
"""The two values of a liquidation, one after the other: first its price, then its size."""


class HasReceived(Protocol):
    """What `Context.at` needs of a history."""

    @property
    def received(self) -> Ints:
        """Receive times of the states, local clock, ns UTC, shape (T,)."""


@dataclass(frozen=True, eq=False)
class Context:
    """Values received before a history's last state, in order of receipt. Immutable.

    A slice of a history keeps the values from before its first state, because they still hold.

    Attributes
    ----------
    stamps : ndarray of int64, shape (2, M)
        Event time and receive time, ns UTC.
    code : ndarray of uint8, shape (M,)
        Index into `NAMES`.
    value : ndarray of float64, shape (M,)
        The value, in the unit of its name.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> history.context.at(history, "mark").shape == history.time.shape
    True
    """

    stamps: Ints
    code: NDArray[np.uint8]
    value: Floats

    def __post_init__(self) -> None:
        for column in (self.stamps, self.code, self.value):
            column.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    @classmethod
    def none(cls) -> Context:
        """Return a table without rows."""
        return cls(np.empty((2, 0), np.int64), np.empty(0, np.uint8), np.empty(0))

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        names = ", ".join(NAMES[code] for code in np.unique(self.code))
        return f"<Context {len(self):,} values: {names}>" if names else "<Context none>"

    @property
    def time(self) -> Ints:
        """The exchange's time, ns UTC, shape (M,)."""
        return np.asarray(self.stamps[0])

    @property
    def received(self) -> Ints:
        """The local clock's time, ns UTC, never decreasing; see `Trades.received`."""
        return np.asarray(self.stamps[1])

    def received_before(self, received: int) -> Context:
        """Return what was received before a local time, ns, sharing memory."""
        count = int(self.stamps[1].searchsorted(received))
        if count == len(self):
            return self
        rows = slice(count)
        return changed(
            self, stamps=self.stamps[:, rows], code=self.code[rows], value=self.value[rows]
        )

    def at(self, history: HasReceived, name: str) -> Floats:
        """Return the newest value that was received before each state.

        Parameters
        ----------
        history : History
            T states.
        name : {"mark", "index", "funding_rate", "open_interest", "liquidated", \
"liquidation_price", "long_short_ratio", "next_funding"}
            Name of the value. That of a liquidation is of the last one, however long ago.

        Returns
        -------
        ndarray of float64, shape (T,)
            NaN before the first value.

        Raises
        ------
        HistoryError
            An unknown name.
        """
        if name not in NAMES:
            raise HistoryError(f"There is no {quoted(name)}.", suggest(str(name), NAMES))
        which = np.flatnonzero(self.code == NAMES.index(name))
        newest = np.searchsorted(self.received[which], history.received) - 1
        return np.append(self.value[which], np.nan)[newest]

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each value.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC); ``name`` (categories), ``value``, ``received`` (UTC, the local
            clock).
        """
        import pandas as pd

        time, received = (
            pd.to_datetime(one.view("datetime64[ns]"), utc=True)
            for one in (self.time, self.received)
        )
        names = pd.Categorical.from_codes(self.code, pd.Index(NAMES))
        return pd.DataFrame(
            {"name": names, "value": self.value, "received": received},
            index=pd.DatetimeIndex(time, name="time"),
        )

    def liquidations(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each liquidation that the venue told.

        Most venues tell only some of them; ``docs/venues.md`` says which.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC); ``price`` in quote currency; ``size`` in base units, + if a short
            was bought back, − if a long was sold; ``received`` (UTC, the local clock).

        Examples
        --------
        >>> import obi_widgets as obi
        >>> obi.simulate(seconds=60, seed=1).context.liquidations().empty
        True
        """
        import pandas as pd

        liquidated = self.code == SIZE
        prices, sizes = self.value[self.code == PRICE], self.value[liquidated]
        received = self.to_frame()["received"][liquidated]
        columns = {"price": prices, "size": sizes, "received": received}
        return pd.DataFrame(columns, index=received.index)

    def sha256(self) -> str:
        """Return a hash of times, names and values."""
        digest = hashlib.sha256()
        for column in (self.time, self.code, self.value):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()


def joined(parts: Sequence[Context]) -> Context:
    """Return several tables joined, one after the other.

    A slice of a history has the values from before it, which the slice before has too: once is
    enough.
    """
    new = [0, *(_repeated(before, after) for before, after in pairwise(parts))]
    return Context(
        np.concatenate([one.stamps[:, n:] for one, n in zip(parts, new, strict=True)], axis=1),
        np.concatenate([one.code[n:] for one, n in zip(parts, new, strict=True)]),
        np.concatenate([one.value[n:] for one, n in zip(parts, new, strict=True)]),
    )


def _repeated(before: Context, after: Context) -> int:
    """Return how many of the first rows of a table are the last ones of the table before."""
    if not len(before):
        return 0
    count = int(np.searchsorted(after.received, before.received[-1], side="right"))
    last = slice(len(before) - count, None)
    same = count <= len(before) and all(
        np.array_equal(old, new)
        for old, new in (
            (before.stamps[:, last], after.stamps[:, :count]),
            (before.code[last], after.code[:count]),
            (before.value[last], after.value[:count]),
        )
    )
    return count if same else 0
