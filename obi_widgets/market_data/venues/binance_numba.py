"""Frames of Binance USDⓈ-M futures to numbers, compiled.

It knows the frames that the venue sends, byte for byte, and nothing else: no space, no escape, no
number that is not sure to be read as `binance_usdm` reads it. Whatever is anything else is left
to that.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math,
for the sake of the same rounding. All that is read is of type ``bytes``, which Python ends with a
zero: since no byte that a frame is made of is one, nothing is read beyond it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.market_data.book_numba import apply

END, DUE, STRANGE, DEPTH, TICKER, TRADE = range(6)

POWERS = 10.0 ** np.arange(16)  # whole numbers of up to 15 digits over these are exactly rounded
LATEST = 8_000_000_000_000  # ms; see `base.WireTime`
LARGEST = 2**62  # see `base.WireId`
USD_M = 1  # see `binance_messages`


def _bytes(text):
    return np.frombuffer(text.encode(), np.uint8)


OPENING, DATA = _bytes('{"stream":"'), _bytes('"data":{')
EVENT_DEPTH, EVENT_TICKER = _bytes("depthUpdate"), _bytes("bookTicker")
EVENT_TRADE, EVENT_AGGREGATE = _bytes("trade"), _bytes("aggTrade")
PREVIOUS, PAIR, KIND = map(_bytes, ("pu", "ps", "st"))
STREAM, SNAPSHOT = map(_bytes, ("stream", "lastUpdateId"))
TRUE, FALSE = _bytes("true"), _bytes("false")
LETTERS = _bytes("eTsUubapqmt")  # in the order of the keys below

# Keys that are looked at, and what kinds of values were found.
KEYS = 15
E, TIME, SYMBOL, FIRST, FINAL, B, A, P, Q, M, TRADE_ID, BEFORE, PS, ST, OTHER = range(KEYS)
NONE, WORD, WHOLE, FLAG, LEVELS = range(5)  # a word at p or q is a decimal number


@njit(inline="always")
def _follows(data, at, wanted):
    """Return whether these bytes come next."""
    for n in range(len(wanted)):  # noqa: SIM110
        if data[at + n] != wanted[n]:
            return False
    return True


@njit(inline="always")
def _is(data, start, end, wanted):
    return end - start == len(wanted) and _follows(data, start, wanted)


@njit
def _word(data, at):
    """Return where the closing quote of a plain string is; -1 when it is no such."""
    if data[at] != 34:
        return -1
    at += 1
    while data[at] != 34:
        if data[at] < 32 or data[at] > 126 or data[at] == 92:
            return -1
        at += 1
    return at


@njit
def _whole(data, at):
    """Return a number that fits 64 bits and where it ends; -1 when it is no such."""
    value, start = np.int64(0), at
    while 48 <= data[at] <= 57:
        value = 10 * value + np.int64(data[at] - 48)
        at += 1
        if at - start > 19:
            return np.int64(0), -1
    digits = at - start
    if digits == 0 or (data[start] == 48 and digits > 1) or (data[start] == 57 and digits == 19):
        return np.int64(0), -1
    return value, at


@njit
def _decimal(data, at):
    """Return a quoted number of at most 15 digits and where it ends; -1 when it is no such."""
    if data[at] != 34:
        return 0.0, -1
    at += 1
    value, start, point = np.int64(0), at, np.int64(-1)
    while True:
        byte = data[at]
        if 48 <= byte <= 57:
            value = 10 * value + np.int64(byte - 48)
        elif byte == 46 and point < 0:
            point = at
        else:
            break
        at += 1
        if at - start > 16:
            return 0.0, -1
    places = 0 if point < 0 else at - point - 1
    digits = at - start - (point >= 0)
    if (
        byte != 34
        or digits > 15
        or digits == places  # nothing before the point
        or (places == 0 and point >= 0)
        or (data[start] == 48 and digits - places > 1)
    ):  # fmt: skip
        return 0.0, -1
    return np.float64(value) / POWERS[places], at + 1


@njit
def _levels(data, at, levels, count):
    """Read [["price","size"],...]; return how many there are then and where it ends, or -1."""
    if data[at] != 91:
        return 0, -1
    at += 1
    if data[at] == 93:
        return count, at + 1
    while True:
        if data[at] != 91:
            return 0, -1
        price, at = _decimal(data, at + 1)
        if at < 0 or price <= 0 or data[at] != 44:
            return 0, -1
        size, at = _decimal(data, at + 1)
        if at < 0 or data[at] != 93:
            return 0, -1
        if count == len(levels):
            return 0, -1
        levels[count, 0], levels[count, 1] = price, size
        count += 1
        at += 1
        if data[at] == 93:
            return count, at + 1
        if data[at] != 44:
            return 0, -1
        at += 1


@njit
def _key(data, start, end):
    """Return which key it is; -1 for one that would change what the frame is."""
    if end - start == 1:
        for which in range(len(LETTERS)):
            if data[start] == LETTERS[which]:
                return which
    if _is(data, start, end, PREVIOUS):
        return BEFORE
    if _is(data, start, end, PAIR):
        return PS
    if _is(data, start, end, KIND):
        return ST
    if _is(data, start, end, STREAM) or _is(data, start, end, SNAPSHOT):
        return -1
    return OTHER


@njit
def _object(data, at, kinds, starts, ends, values, levels):
    """Read members of a flat object, up to behind its brace; return where, -1 when it is no such.

    Of each key that is looked at: the kind of its value, where it stands, and the number; of
    levels, how many there are with those before.
    """
    kinds[:] = NONE
    count = 0
    while True:
        start = at + 1
        end = _word(data, at)
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
                number, at = _decimal(data, at)
                if key == P and number <= 0:
                    return -1
            else:
                end = _word(data, at)
                at = end + 1 if end >= 0 else -1
        elif data[at] == 91:
            if (key != B or kinds[A] != NONE) and key != A:
                return -1
            kinds[key] = LEVELS
            count, at = _levels(data, at, levels, count)
            value = np.int64(count)
        elif data[at] == 116:
            kinds[key] = FLAG
            at = at + 4 if _follows(data, at, TRUE) else -1
        elif data[at] == 102:
            kinds[key] = FLAG
            at = at + 5 if _follows(data, at, FALSE) else -1
        else:
            kinds[key] = WHOLE
            value, at = _whole(data, at)
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
    """Return whether the name of a stream begins with the symbol in small letters."""
    for n in range(len(symbol)):
        if data[at + n] != (symbol[n] + 32 if 65 <= symbol[n] <= 90 else symbol[n]):
            return False
    return data[at + len(symbol)] == 64


@njit
def _is_pair(data, start, end, symbol):
    """Return whether a word is the symbol, up to its underscore if it has one."""
    length = 0
    while length < len(symbol) and symbol[length] != 95:
        length += 1
    return end - start == length and _follows(data, start, symbol[:length])


@njit
def _frame(data, at, symbol, kinds, starts, ends, values, levels):
    """Read a frame; return what it is and where it ends."""
    if not _follows(data, at, OPENING):
        return STRANGE, at
    start = at + len(OPENING)
    end = _word(data, start - 1)
    if (
        end <= start
        or not _is_stream(data, start, symbol)
        or data[end + 1] != 44
        or not _follows(data, end + 2, DATA)
    ):
        return STRANGE, at
    at = _object(data, end + 2 + len(DATA), kinds, starts, ends, values, levels)
    if at < 0 or data[at] != 125 or kinds[E] != WORD:
        return STRANGE, at
    at += 1
    start, end = starts[E] + 1, ends[E] - 1
    if _is(data, start, end, EVENT_TICKER):
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
        or not _is(data, starts[SYMBOL] + 1, ends[SYMBOL] - 1, symbol)
    ):
        return STRANGE, at
    if _is(data, start, end, EVENT_DEPTH):
        numbered = kinds[FIRST] == WHOLE and kinds[FINAL] == WHOLE and kinds[BEFORE] == WHOLE
        both = kinds[B] == LEVELS and kinds[A] == LEVELS
        return DEPTH if numbered and both else STRANGE, at
    if (
        (_is(data, start, end, EVENT_TRADE) or _is(data, start, end, EVENT_AGGREGATE))
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
    """Apply a change of the book; return how many levels a side there are then, or -1.

    That is when it does not follow, or there is no room; then nothing has been changed.
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
def _best(levels, count):
    """Return the key of a side's best level; see `obi_widgets.market_data.book.Side`."""
    return levels[0, count - 1] if count else -np.inf


@njit(nogil=True, cache=True, error_model="numpy")
def follow(data, symbol, last, bids, bid_count, asks, ask_count, changes):
    """Apply a frame to a book, when it is a change that follows it.

    Parameters
    ----------
    data, symbol : bytes
        The frame; the market that it must be of.
    last : int
        The update that the book is at.
    bids, bid_count, asks, ask_count
        The book's sides; see `obi_widgets.market_data.book.Side`.
    changes : ndarray of float64, shape (n, 2)
        Room to work in. A frame with more levels is none that can be read.

    Returns
    -------
    tuple of int and float
        `DEPTH`, or anything else when nothing was changed; the event time, ns; the update that
        the book is at then, its levels a side, and the keys of the best of each.
    """
    kinds, starts, ends, values = np.empty((4, KEYS), np.int64)
    what, end = _frame(data, 0, symbol, kinds, starts, ends, values, changes)
    event, buy = np.int64(0), -1
    if what == DEPTH and end == len(data):
        buy, sell = _applied(values, last, bids, bid_count, asks, ask_count, changes)
    if buy >= 0:
        event, last, bid_count, ask_count = 1_000_000 * values[TIME], values[FINAL], buy, sell
    return (
        DEPTH if buy >= 0 else STRANGE, event, last, bid_count, ask_count,
        _best(bids, bid_count), _best(asks, ask_count),
    )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def lines(data, symbol, last, bids, bid_count, asks, ask_count, changes, at, since, until):
    """Read lines of a recording up to the next change of the book, and apply that.

    Parameters
    ----------
    data : bytes
        Whole lines.
    symbol, last, bids, bid_count, asks, ask_count, changes
        As in `follow`.
    at : int
        Where in the data to begin.
    since, until : int
        A line is left whose receive time is before the first or the line before, or not before
        the second.

    Returns
    -------
    tuple of int and float
        `DEPTH` after a change, with the numbers that `follow` returns; `END`, or `DUE` or
        `STRANGE` before a line that is left. Then where it ended, and the receive time there; how
        many lines were read, how many of them best quotes; where the newest trade's begins or -1;
        where the change's frame begins.
    """
    kinds, starts, ends, values = np.empty((4, KEYS), np.int64)
    read, quotes, trade, now, event = 0, 0, -1, np.int64(0), np.int64(0)
    what, before, start = END, since, at
    while at < len(data):
        now, start = _whole(data, at)
        if start < 0 or data[start] != 32:
            what = STRANGE
            break
        if now >= until or now < before:
            what = DUE
            break
        before = now
        what, end = _frame(data, start + 1, symbol, kinds, starts, ends, values, changes)
        if what == STRANGE or data[end] != 10:
            what = STRANGE
            break
        if what == DEPTH:
            buy, sell = _applied(values, last, bids, bid_count, asks, ask_count, changes)
            if buy < 0:
                what = STRANGE
                break
            bid_count, ask_count, last = buy, sell, values[FINAL]
            event = 1_000_000 * values[TIME]
        read += 1
        if what == TICKER:
            quotes += 1
        elif what == TRADE:
            trade = at
        at = end + 1
        if what == DEPTH:
            break
        what = END
    return (
        what, event, last, bid_count, ask_count, _best(bids, bid_count), _best(asks, ask_count),
        at, now, read, quotes, trade, start + 1,
    )  # fmt: skip


def compile_all():
    """Compile for the types that come."""
    side, changes = np.ones((2, 2)), np.ones((1, 2))
    follow(b"", b"", 0, side, 1, side, 1, changes)
    lines(b"", b"", 0, side, 1, side, 1, changes, 0, 0, 0)
