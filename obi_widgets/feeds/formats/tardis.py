"""CSV files of Tardis.dev: books, changes of books, trades, tickers of derivatives, liquidations.

``book_snapshot_5`` and ``book_snapshot_25`` have a line for each change of the best levels.
``incremental_book_L2`` has a line for each level that changed; lines of one message share both
times; a run of lines with ``is_snapshot`` begins the book again. Times are microseconds.
``liquidations`` has the columns of ``trades``: the name tells them apart, and then the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.formats.csv_batches import FLOAT, INT, TEXT, Batch, Columns, batches
from obi_widgets.feeds.formats.event_files import (
    NO_TICK,
    EventFiles,
    FileEvent,
    Head,
    Stream,
    no_trades,
)
from obi_widgets.feeds.formats.level_events import best_levels, messages
from obi_widgets.market_data.events import (
    Delta,
    Liquidation,
    Mark,
    Refused,
    Snapshot,
    Status,
    Trade,
)
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.binance_coinm import BinanceCoinm, contract_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from obi_widgets.market_data.venues.sizes import SizeUnit

COMMON = ("exchange", "symbol", "timestamp", "local_timestamp")

CHANGES, BOOKS, TRADES, TICKER, LIQUIDATIONS = (
    "incremental_book_L2",
    "book_snapshot",
    "trades",
    "derivative_ticker",
    "liquidations",
)

LEVEL_COLUMNS = {"is_snapshot": TEXT, "side": TEXT, "price": FLOAT, "amount": FLOAT}
TRADE_COLUMNS = {"id": TEXT, "side": TEXT, "price": FLOAT, "amount": FLOAT}
TICKER_COLUMNS = {
    "funding_rate": FLOAT, "open_interest": FLOAT, "index_price": FLOAT, "mark_price": FLOAT,
    "funding_timestamp": FLOAT,
}  # fmt: skip

OWN_NAMES = {
    "binance": "binance-spot",
    "binance-futures": "binance-usdm",
    "binance-delivery": "binance-coinm",
    "okex": "okx",
    "okex-swap": "okx",
    "okex-futures": "okx",
}
"""Names of venues here, by their names at Tardis, where they differ."""

CONTRACTS = {
    "bitmex", "deribit", "okex-futures", "okex-swap", "huobi-dm",
    "huobi-dm-swap", "huobi-dm-linear-swap", "cryptofacilities", "gate-io-futures",
    "kucoin-futures", "bybit", "delta",
}  # fmt: skip
"""Exchanges whose amounts are contracts, or may be."""

TRADES_HAVE_IDS = {"binance-futures", "binance-delivery"}
"""Exchanges that number each trade and no liquidation."""

SIDES = {"bid": 0, "ask": 1, "buy": 0, "sell": 1}
TAKERS = {"buy": +1, "sell": -1, "unknown": 0}
BOOLEANS = {"true": 1, "false": 0, "True": 1, "False": 0}


ORDER = {
    TRADES: "Files of liquidations have the same columns as trades: leave that word in their names."
}
"""What else may be wrong where two files of a kind are of the same time."""


class Tardis(EventFiles):
    """Files of Tardis.dev: one kind of book; trades, tickers and liquidations beside it."""

    format: ClassVar[str] = "Tardis.dev"

    empty_means_nothing = True

    def __init__(self, heads: Sequence[Head], *, market: str | None = None) -> None:
        self.empty = [head.path.name for head in heads if not head.data]
        heads = [head for head in heads if head.data]
        super().__init__(heads, market=market)
        self._kinds = {head.path: _kind(head) for head in heads}
        self._names = {head.path: head.columns for head in heads}
        kinds = set(self._kinds.values())
        if len(kinds & {CHANGES, BOOKS}) != 1 or (
            BOOKS in kinds and len({self._names[path] for path in self._of(BOOKS)}) > 1
        ):
            self._refuse_kinds(kinds)
        self.exchange, symbol = self._first_market(heads)
        self.choose(OWN_NAMES.get(self.exchange, self.exchange), symbol, self.paths[0])
        if BOOKS in kinds:
            self.depth = _levels(self._names[self._of(BOOKS)[0]])
        own = VENUES.get(self.venue_name)
        self.label = own.label if own else self.exchange
        if self.venue_name == BinanceCoinm.name:
            self.quote, self.unit = "USD", contract_of(self.symbol)
        trades: frozenset[Stream] = frozenset({"trades"} if TRADES in kinds else ())
        marks: frozenset[Stream] = frozenset({"mark"} if TICKER in kinds else ())
        self.streams = trades | marks

    @classmethod
    def recognises(cls, head: Head) -> bool:  # noqa: D102
        return head.columns[: len(COMMON)] == COMMON

    def _of(self, kind: str) -> list[Path]:
        return [path for path in self.paths if self._kinds[path] == kind]

    def _refuse_kinds(self, kinds: set[str]) -> None:
        names = ", ".join(sorted(kinds))
        if not kinds & {CHANGES, BOOKS}:
            what = f"{self.paths[0].name} has no books: of Tardis.dev, it is {names}"
            advice = "Give the file of incremental_book_L2 or book_snapshot_25 with it, in a list."
        else:
            what = f"These files hold the same books twice, in two kinds: {names}"
            advice = "Give incremental_book_L2, or book_snapshot files of one depth, not both."
        raise RecordingError(f"{what}.", advice, path=self.paths[0])

    def _first_market(self, heads: Sequence[Head]) -> tuple[str, str]:
        """Return the exchange and the symbol to read."""
        for head in heads:
            values = head.data.partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", "replace")
            fields = values.split(",")
            if len(fields) > 1:
                own = OWN_NAMES.get(fields[0], fields[0])
                if self.chosen and own == self.venue_name:
                    return fields[0], self.symbol
                return fields[0], fields[1]
        path = heads[0].path
        raise RecordingError(
            f"{path.name} has no line after its header.", "Get it again.", path=path
        )

    def lacking(self) -> list[str]:  # noqa: D102
        sentences = [NO_TICK]
        sentences += [f"{name} is empty: there was nothing of its kind." for name in self.empty]
        if not self._of(TRADES):
            sentences.insert(0, no_trades("these files", "Give the trades file too, in a list."))
        if self.exchange in CONTRACTS:
            sentences.append(
                f"Sizes are as {self.exchange} counts them, which may be contracts: how much one "
                "is worth is not in the file."
            )
        return sentences

    def read(self) -> list[Iterator[FileEvent]]:  # noqa: D102
        # Trades first: of the same moment, they come before the change that they cause.
        return [
            self.continued(
                [(path, read(path)) for path in self._of(kind)],
                of_books=kind in {CHANGES, BOOKS}, or_else=ORDER.get(kind, ""),
            )
            for kind, read in (
                (TRADES, self._trades), (TICKER, self._ticker),
                (LIQUIDATIONS, self._liquidations), (CHANGES, self._changes), (BOOKS, self._books),
            )
            if self._of(kind)
        ]  # fmt: skip

    # -- kinds of files --------------------------------------------------------------------

    def _batches(self, path: Path, kinds: dict[str, str]) -> Iterator[Batch]:
        """Yield the lines of this market, in order of receipt."""
        kinds = {
            "exchange": TEXT,
            "symbol": TEXT,
            "timestamp": INT,
            "local_timestamp": INT,
            **kinds,
        }
        columns = Columns(self._names[path], kinds, ("timestamp", "local_timestamp"))
        last = 0
        for batch in batches(path, columns, self.skipped):
            batch = self._own(batch)
            if not len(batch):
                continue
            received = batch["local_timestamp"]
            batch.refuse(
                np.diff(received, prepend=last) < 0, "local_timestamp", "before the line before it"
            )
            last = int(received[-1])
            yield batch

    def _own(self, batch: Batch) -> Batch:
        """Return the lines of the market that is read."""
        import pandas as pd

        for name, own in (("exchange", self.exchange), ("symbol", self.symbol)):
            other = batch[name] != own
            if not other.any():
                continue
            if not self.chosen:
                row = int(other.argmax())
                raise RecordingError(
                    f"{batch.path.name}, line {batch.lines[row]:,}: {name} is "
                    f"{batch[name][row]!r}, and that of the lines before is {own!r}.",
                    f"Choose one: market='{self.market}'.",
                    path=batch.path,
                    line=int(batch.lines[row]),
                )
            for value, count in pd.Series(batch[name][other]).value_counts().items():
                self.skipped.other_markets[f"{self.exchange}:{value}"] += int(count)
            batch = batch.part(~other)
        return batch

    def _changes(self, path: Path) -> Iterator[FileEvent]:
        left, half = None, Half()
        for batch in self._batches(path, LEVEL_COLUMNS):
            batch = batch if left is None else left.joined(batch)
            final = int(np.flatnonzero(_begins(batch))[-1])  # it may go on in the next batch
            yield from _read_changes(batch.part(slice(final)), half, self.unit)
            left = batch.part(slice(final, None))
        if left is not None:
            yield from _read_changes(left, half, self.unit)

    def _books(self, path: Path) -> Iterator[FileEvent]:
        levels = _levels(self._names[path])
        names = {
            side: [(f"{side}[{level}].price", f"{side}[{level}].amount") for level in range(levels)]
            for side in ("bids", "asks")
        }
        kinds = {name: FLOAT for pairs in names.values() for pair in pairs for name in pair}
        for batch in self._batches(path, kinds):
            sides = [batch.side(pairs, self.unit) for pairs in names.values()]
            stamps = zip(
                batch["timestamp"].tolist(), batch["local_timestamp"].tolist(), strict=True
            )
            for row, (time, received) in enumerate(stamps):
                bids, asks = (side[row][~np.isnan(side[row, :, 0])] for side in sides)
                yield Snapshot(time, received, 0, bids, asks, levels)

    def _trades(self, path: Path) -> Iterator[FileEvent]:
        for batch in self._batches(path, TRADE_COLUMNS):
            takers = batch.words("side", TAKERS).tolist()
            amounts = batch.levels("price", "amount", unit=self.unit)
            numbers = _whole_ids(batch["id"])
            rows = zip(
                batch["timestamp"].tolist(), batch["local_timestamp"].tolist(),
                amounts.tolist(), takers, numbers, strict=True,
            )  # fmt: skip
            for time, received, (price, size), taker, number in rows:
                if taker:
                    yield Trade(time, received, price, size, taker, number)
                else:
                    yield Refused(received, "trade whose taker is unknown")

    def _liquidations(self, path: Path) -> Iterator[FileEvent]:
        for batch in self._batches(path, TRADE_COLUMNS):
            sides = batch.words("side", TAKERS).tolist()
            amounts = batch.levels("price", "amount", optional=True, unit=self.unit)
            rows = zip(
                batch["timestamp"].tolist(), batch["local_timestamp"].tolist(),
                amounts.tolist(), sides, strict=True,
            )  # fmt: skip
            for time, received, (price, size), side in rows:
                if not side:
                    yield Refused(received, "liquidation without a side")
                elif price > 0 and size > 0:
                    yield Liquidation(time, received, price, size, side)
                else:
                    yield Refused(received, "liquidation without a price or a size")

    def _ticker(self, path: Path) -> Iterator[FileEvent]:
        for batch in self._batches(path, TICKER_COLUMNS):
            stamps = (batch[name].tolist() for name in ("timestamp", "local_timestamp"))
            mark, index, rate, interest, due = (
                batch[name] for name in ("mark_price", "index_price", "funding_rate",
                                         "open_interest", "funding_timestamp")
            )  # fmt: skip
            interest = self.unit.base_units(np.where(mark > 0, mark, np.nan), interest)
            values = mark, index, rate, interest, np.full(len(due), np.nan), due / 1e6
            for row in zip(*stamps, *(column.tolist() for column in values), strict=True):
                yield Mark(*row)


def _kind(head: Head) -> str:
    """Return the kind of a file; raise for one that has nothing to use."""
    columns = head.columns[len(COMMON) :]
    for kind, needed in (
        (CHANGES, LEVEL_COLUMNS), (TRADES, TRADE_COLUMNS), (TICKER, TICKER_COLUMNS),
    ):  # fmt: skip
        if set(needed) <= set(columns):
            return LIQUIDATIONS if kind == TRADES and _is_of_liquidations(head) else kind
    if {"asks[0].price", "asks[0].amount", "bids[0].price", "bids[0].amount"} <= set(columns):
        return BOOKS
    raise RecordingError(
        f"{head.path.name} is a CSV file of Tardis.dev of another kind: {', '.join(columns)[:60]}.",
        "Used are incremental_book_L2, book_snapshot_5 and _25, trades, derivative_ticker and "
        "liquidations.",
        path=head.path,
        line=1,
    )


def _is_of_liquidations(head: Head) -> bool:
    """Return whether a file with the columns of trades has liquidations.

    The files of Tardis.dev have their kind in the name, or are in a folder of that name.
    """
    kinds = [kind for kind in (LIQUIDATIONS, TRADES) if kind in head.path.name.lower()]
    if len(kinds) != 1:
        folders = [folder.name.lower() for folder in head.path.absolute().parents]
        kinds = [name for name in folders if name in {LIQUIDATIONS, TRADES}]
    if kinds:
        return kinds[0] == LIQUIDATIONS
    first = head.data.partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", "replace").split(",")
    ids = dict(zip(head.columns, first, strict=False))
    return ids.get("exchange") in TRADES_HAVE_IDS and ids.get("id") == ""


def _levels(names: tuple[str, ...]) -> int:
    """Return how many levels a side the columns have."""
    return sum(name.startswith("asks[") and name.endswith("].price") for name in names)


class Half:
    """What came of a snapshot so far: an exchange may send its sides one after the other.

    Attributes
    ----------
    bids, asks : ndarray of float64, shape (N, 2)
        The levels.
    open : bool
        Whether the last message was one of a snapshot.
    last : int
        Receive time of the last message, ns; 0 before the first.
    """

    def __init__(self) -> None:
        self.bids = self.asks = np.empty((0, 2))
        self.open, self.last = False, 0


def _read_changes(batch: Batch, half: Half, unit: SizeUnit) -> Iterator[FileEvent]:
    """Yield the events of whole messages."""
    snapshot = batch.words("is_snapshot", BOOLEANS).tolist()
    ask = np.asarray(batch.words("side", SIDES) == 1)
    levels = batch.levels("price", "amount", unit=unit)
    time, received = batch["timestamp"].tolist(), batch["local_timestamp"].tolist()
    for row, bids, asks in messages(_begins(batch), ask, levels):
        if not snapshot[row]:
            half.open, half.last = False, received[row]
            yield Delta(time[row], received[row], 0, bids, asks)
            continue
        both = len(bids) and len(asks)
        if half.open and not both:
            bids, asks = np.concatenate([half.bids, bids]), np.concatenate([half.asks, asks])
        elif half.last:
            after = (received[row] - half.last) / 1e9
            what = (
                f"The book begins again, {after:,.1f} s after the change before, as it does after "
                "a lost connection."
            )
            yield Status(received[row], "gap", what, "")
        half.bids, half.asks, half.open, half.last = bids, asks, True, received[row]
        yield Snapshot(time[row], received[row], 0, bids, asks, best_levels(bids, asks))


def _begins(batch: Batch) -> NDArray[np.bool_]:
    """Return whether each line begins a message."""
    begins = np.ones(len(batch), bool)
    begins[1:] = batch["is_snapshot"][1:] != batch["is_snapshot"][:-1]
    for name in ("timestamp", "local_timestamp"):
        begins[1:] |= np.diff(batch[name]) != 0
    return begins


def _whole_ids(ids: NDArray[np.object_]) -> list[int]:
    """Return ids as numbers below 2**63; 0 for those that are none."""
    return [
        int(text) if len(text) < 19 and text.isascii() and text.isdigit() else 0 for text in ids
    ]
