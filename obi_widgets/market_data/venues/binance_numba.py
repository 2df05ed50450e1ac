"""Compiled decoder of the most frequent frames of Binance USDⓈ-M futures.

It accepts frames in exactly the form that the venue sends: no spaces, no escapes, and only numbers
that it surely reads as `binance_usdm` does. All other frames are left to `binance_usdm`.

Only the loader of kernels imports this module, because importing numba takes long. Fast-math stays
off, so that results are rounded as in NumPy.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.market_data.book_numba import apply
from obi_widgets.market_data.venues.json_numba import (
    POWERS,
    as_bytes,
    is_word,
    matches,
    read_decimal,
    read_levels,
    read_whole,
    read_word,
)

END, DUE, STRANGE, DEPTH, TICKER, TRADE = range(6)

LATEST = 8_000_000_000_000  # ms; see `wire.WireTime`
LARGEST = 2**62  # see `wire.WireId`
USD_M = 1  # see `binance_messages`


OPENING, DATA = as_bytes('{"stream":"'), as_bytes('"data":{')
EVENT_DEPTH, EVENT_TICKER = as_bytes("depthUpdate"), as_bytes("bookTicker")
EVENT_TRADE, EVENT_AGGREGATE = as_bytes("trade"), as_bytes("aggTrade")
PREVIOUS, PAIR, KIND = map(as_bytes, ("pu", "ps", "st"))
STREAM, SNAPSHOT, DEPTH_STREAM = map(as_bytes, ("stream", "lastUpdateId", "depth"))
TRUE, FALSE = as_bytes("true"), as_bytes("false")
LETTERS = as_bytes("eTsUubapqmt")  # in the order of the keys below

# The keys that are used, and the kinds of values.
KEYS = 15
E, TIME, SYMBOL, FIRST, FINAL, B, A, P, Q, M, TRADE_ID, BEFORE, PS, ST, OTHER = range(KEYS)
NONE, WORD, WHOLE, FLAG, LEVELS = range(5)  # a word at p or q is a decimal number


@njit
def _key(data, start, end):
    """Return the number of a key; -1 for one that makes the frame another kind of frame."""
    if end - start == 1:
        for which in range(len(LETTERS)):
            if data[start] == LETTERS[which]:
                return which
    if is_word(data, start, end, PREVIOUS):
        return BEFORE
    if is_word(data, start, end, PAIR):
        return PS
    if is_word(data, start, end, KIND):
        return ST
    if is_word(data, start, end, STREAM) or is_word(data, start, end, SNAPSHOT):
        return -1
    return OTHER


@njit
def _object(data, at, kinds, starts, ends, values, levels):
    """Read the members of a flat object; return the index after its brace, or -1 if it is not one.

    For each key that is used, it stores the kind of the value, its first and last index, and the
    integer; for levels, the number of levels so far.
    """
    kinds[:] = NONE
    count = 0
    while True:
        start = at + 1
        end = read_word(data, at)
        if end < 0 or data[end + 1] != 58:
            return -1
        key = _key(data, start, end)
        if key < 0 or (key != OTHER and kinds[key] != NONE):
            return -1
        at = end + 2
        starts[key] = at
        value = np.int64(0)
        if data[at] == 34:
            kinds[key] = WORD
            if key in (P, Q):
                number, at = read_decimal(data, at)
                if key == P and number <= 0:
                    return -1
            else:
                end = read_word(data, at)
                at = end + 1 if end >= 0 else -1
        elif data[at] == 91:
            if (key != B or kinds[A] != NONE) and key != A:
                return -1
            kinds[key] = LEVELS
            count, at = read_levels(data, at, levels, count)
            value = np.int64(count)
        elif data[at] == 116:
            kinds[key] = FLAG
            at = at + 4 if matches(data, at, TRUE) else -1
        elif data[at] == 102:
            kinds[key] = FLAG
            at = at + 5 if matches(data, at, FALSE) else -1
        else:
            kinds[key] = WHOLE
            value, at = read_whole(data, at)
        if at < 0:
            return -1
        ends[key], values[key] = at, value
        if data[at] == 125:
            return at + 1
        if data[at] != 44:
            return -1
        at += 1


@njit
def _is_stream(data, at, symbol):
    """Return whether a stream is of the symbol, in lower case, and not of the best levels only."""
    for n in range(len(symbol)):
        if data[at + n] != (symbol[n] + 32 if 65 <= symbol[n] <= 90 else symbol[n]):
            return False
    at += len(symbol) + 1
    is_part = matches(data, at, DEPTH_STREAM) and 48 <= data[at + len(DEPTH_STREAM)] <= 57
    return data[at - 1] == 64 and not is_part


@njit
def _is_pair(data, start, end, symbol):
    """Return whether a word is the symbol, up to its underscore if it has one."""
    length = 0
    while length < len(symbol) and symbol[length] != 95:
        length += 1
    return end - start == length and matches(data, start, symbol[:length])


@njit
def _frame(data, at, symbol, kinds, starts, ends, values, levels):
    """Read a frame; return its kind and the index after it."""
    if not matches(data, at, OPENING):
        return STRANGE, at
    start = at + len(OPENING)
    end = read_word(data, start - 1)
    if (
        end <= start
        or not _is_stream(data, start, symbol)
        or data[end + 1] != 44
        or not matches(data, end + 2, DATA)
    ):
        return STRANGE, at
    at = _object(data, end + 2 + len(DATA), kinds, starts, ends, values, levels)
    if at < 0 or data[at] != 125 or kinds[E] != WORD:
        return STRANGE, at
    at += 1
    start, end = starts[E] + 1, ends[E] - 1
    if is_word(data, start, end, EVENT_TICKER):
        return TICKER, at
    if kinds[PS] != NONE and (
        kinds[PS] != WORD or not _is_pair(data, starts[PS] + 1, ends[PS] - 1, symbol)
    ):
        return STRANGE, at
    if kinds[ST] != NONE and (kinds[ST] != WHOLE or values[ST] != USD_M):
        return STRANGE, at
    if (
        kinds[TIME] != WHOLE
        or values[TIME] >= LATEST
        or kinds[SYMBOL] != WORD
        or not is_word(data, starts[SYMBOL] + 1, ends[SYMBOL] - 1, symbol)
    ):
        return STRANGE, at
    if is_word(data, start, end, EVENT_DEPTH):
        numbered = kinds[FIRST] == WHOLE and kinds[FINAL] == WHOLE and kinds[BEFORE] == WHOLE
        both = kinds[B] == LEVELS and kinds[A] == LEVELS
        return DEPTH if numbered and both else STRANGE, at
    if (
        (is_word(data, start, end, EVENT_TRADE) or is_word(data, start, end, EVENT_AGGREGATE))
        and kinds[P] == WORD
        and kinds[Q] == WORD
        and kinds[M] == FLAG
        and (kinds[A] == NONE or (kinds[A] == WHOLE and values[A] < LARGEST))
        and (kinds[TRADE_ID] == NONE or (kinds[TRADE_ID] == WHOLE and values[TRADE_ID] < LARGEST))
    ):
        return TRADE, at
    return STRANGE, at


@njit
def _applied(values, last, bids, bid_count, asks, ask_count, changes):
    """Apply a change of the book; return the new number of levels of each side.

    It returns −1 and changes nothing if the change does not apply_frame, or there is no room.
    """
    buy, sell = changes[: values[B]], changes[values[B] : values[A]]
    if (
        values[BEFORE] != last
        or values[FINAL] <= last
        or values[FINAL] < values[FIRST]
        or max(values[BEFORE], values[FIRST], values[FINAL]) >= LARGEST
        or bid_count + len(buy) > bids.shape[1]
        or ask_count + len(sell) > asks.shape[1]
    ):
        return -1, -1
    return apply(bids, bid_count, 1.0, buy), apply(asks, ask_count, -1.0, sell)


@njit(inline="always")
def _steps(value, decimals):
    """Return a number as a multiple of 10**−decimals; −1 if it is not one, or is too large."""
    steps = value * POWERS[decimals]
    whole = np.rint(steps)
    if not 0 < whole < 2**31 or abs(steps - whole) > min(1e-12 * steps, 0.01):
        return -1
    return np.int64(whole)


@njit
def _traded(data, starts, values, kinds, now, stamps, amounts, count, decimals):
    """Append a trade; return whether it fits. If not, it is left to `binance_usdm`."""
    price = _steps(read_decimal(data, starts[P])[0], decimals[0])
    size = _steps(read_decimal(data, starts[Q])[0], decimals[1])
    if price < 0 or size < 0 or count == stamps.shape[1]:
        return False
    stamps[0, count], stamps[1, count] = 1_000_000 * values[TIME], now
    aggregate = kinds[A] != NONE and values[A] != 0
    stamps[2, count] = values[A] if aggregate else values[TRADE_ID] * (kinds[TRADE_ID] != NONE)
    amounts[0, count] = price
    amounts[1, count] = -size if data[starts[M]] == TRUE[0] else size
    return True


@njit(inline="always")
def _best(levels, count):
    """Return the key of a side's best level; for keys see `obi_widgets.market_data.book.Side`."""
    return levels[0, count - 1] if count else -np.inf


@njit(nogil=True, cache=True, error_model="numpy")
def apply_frame(data, symbol, last, bids, bid_count, asks, ask_count, changes, begin):
    """Apply a frame to a book, if it is the next change of that book.

    Parameters
    ----------
    data, symbol : bytes
        The frame, and the symbol that it must have.
    last : int
        The update of the book.
    bids, bid_count, asks, ask_count
        The book's sides; see `obi_widgets.market_data.book.Side`. Changed in place.
    changes : ndarray of float64, shape (n, 2)
        Room for the levels of the frame. A frame with more levels is refused.
    begin : int
        Row of ``changes`` at which they begin: the end of those before.

    Returns
    -------
    tuple of int and float
        `DEPTH`, or another kind if nothing was changed; the event time, ns; the new update of the
        book; the number of levels of each side; the key of the best level of each side; the row of
        the first ask in ``changes``, and their end.
    """
    kinds, starts, ends, values = np.empty((4, KEYS), np.int64)
    changes, middle, behind = changes[begin:], begin, begin
    what, end = _frame(data, 0, symbol, kinds, starts, ends, values, changes)
    event, buy = np.int64(0), -1
    if what == DEPTH and end == len(data):
        buy, sell = _applied(values, last, bids, bid_count, asks, ask_count, changes)
    if buy >= 0:
        event, last, bid_count, ask_count = 1_000_000 * values[TIME], values[FINAL], buy, sell
        middle, behind = begin + values[B], begin + values[A]
    return (
        DEPTH if buy >= 0 else STRANGE, event, last, bid_count, ask_count,
        _best(bids, bid_count), _best(asks, ask_count), middle, behind,
    )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def apply_trade(data, symbol, now, stamps, amounts, traded, price_decimals, size_decimals):
    """Append the trade in a frame to the table; return whether the frame is a trade.

    Parameters
    ----------
    data, symbol : bytes
        The frame, and the market that it must belong to.
    now : int
        Receive time, ns.
    stamps, amounts, traded, price_decimals, size_decimals
        The table, its length and its decimals; see `many_frames.TradeRows`.
    """
    kinds, starts, ends, values = np.empty((4, KEYS), np.int64)
    what, end = _frame(data, 0, symbol, kinds, starts, ends, values, np.empty((0, 2)))
    decimals = (price_decimals, size_decimals)
    return (
        what == TRADE
        and end == len(data)
        and _traded(data, starts, values, kinds, now, stamps, amounts, traded, decimals)
    )


@njit(nogil=True, cache=True, error_model="numpy")
def apply_frames(
    data, places, symbol, last, bids, bid_count, asks, ask_count, changes, begin, at, since, until,
    stamps, amounts, traded, price_decimals, size_decimals,
):  # fmt: skip
    """Read frames up to the next change of the book, and apply that change.

    Parameters
    ----------
    data, places
        See `obi_widgets.market_data.venues.many_frames.Frames`.
    symbol, last, bids, bid_count, asks, ask_count, changes, begin
        As in `apply_frame`.
    at : int
        Index of the first frame to read.
    since, until : int
        It stops at a frame whose receive time, ns, is before ``since``, before that of the frame
        before, or not before ``until``.
    stamps, amounts, traded, price_decimals, size_decimals
        The columns of trades, their number, and their decimals; see `many_frames.TradeRows`.

    Returns
    -------
    tuple of int and float
        What it stopped at: `DEPTH` after a change, `DUE` or `STRANGE` before a frame that it left,
        or `END`. Then what `apply_frame` returns after its first value; the index of the first
        frame that was not read; the receive time of the last one that was; the number of best
        quotes; the new number of trades; first and last index of the change.
    """
    kinds, starts, ends, values = np.empty((4, KEYS), np.int64)
    what, now, event, quotes = END, since, np.int64(0), 0
    decimals = (price_decimals, size_decimals)
    start = end = np.int64(0)
    changes, middle, behind = changes[begin:], begin, begin
    while at < places.shape[1]:
        if places[0, at] >= until or places[0, at] < now:
            what = DUE
            break
        start = places[1, at]
        what, end = _frame(data, start, symbol, kinds, starts, ends, values, changes)
        if what == STRANGE or end != places[2, at]:
            what = STRANGE
            break
        if what == DEPTH:
            buy, sell = _applied(values, last, bids, bid_count, asks, ask_count, changes)
            if buy < 0:
                what = STRANGE
                break
            bid_count, ask_count, last = buy, sell, values[FINAL]
            event = 1_000_000 * values[TIME]
            middle, behind = begin + values[B], begin + values[A]
        elif what == TICKER:
            quotes += 1
        elif what == TRADE:
            if not _traded(
                data, starts, values, kinds, places[0, at], stamps, amounts, traded, decimals
            ):
                what = STRANGE
                break
            traded += 1
        now = places[0, at]
        at += 1
        if what == DEPTH:
            break
        what = END
    return (
        what, event, last, bid_count, ask_count, _best(bids, bid_count), _best(asks, ask_count),
        middle, behind, at, now, quotes, traded, start, end,
    )  # fmt: skip


def compile_all():
    """Compile each function for the types that it is called with."""
    side, changes = np.ones((2, 2)), np.ones((1, 2))
    apply_frame(b"", b"", 0, side, 1, side, 1, changes, 0)
    stamps, places = np.empty((3, 1), np.int64), np.empty((3, 0), np.int64)
    for dtype in (np.int32, np.int64):
        amounts = np.empty((2, 1), dtype)
        apply_trade(b"", b"", 0, stamps, amounts, 0, 0, 0)
        apply_frames(
            b"", places, b"", 0, side, 1, side, 1, changes, 0, 0, 0, 0, stamps, amounts, 0, 0, 0
        )  # fmt: skip
