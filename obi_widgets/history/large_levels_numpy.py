"""Following large levels through the changes of a book, in plain Python.

`large_levels_numba` compiles `follow_each`, `look` and `judge`: each stands by itself, so that it
can be. In plain Python `follow` first chooses the changes that `follow_each` would not pass over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NUMBER, ROW, BORN, TIME, STATE, FOUND = range(6)
"""Whole numbers of a level, see `obi_widgets.history.large_levels.LargeLevels`."""

KEY, SIZE, LARGEST, REMOVED, TRADED, LEAST = range(6)
"""Other numbers of a level."""

COLUMNS = 6

STANDING, ENDED, UNKNOWN = range(3)
"""How a level stands."""

COUNT, NEXT = range(2)
"""How many levels are followed; the number of the next."""

EDGES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
"""Basis points from mid at which the classes of distance end; beyond, no level is looked at."""

QUANTILE = 0.95
"""Of the sizes in a class: the size that is usual there is exceeded by one level in twenty."""

MULTIPLE = 4.0
"""How many times what is usual a level must have to be large."""

BRIEF = 1_000_000_000
"""Nanoseconds that a level has to be large before it is told of."""

FADE = 2.0 ** (-1 / 12)
"""What the sizes of one look count at the next: half after twelve, a minute."""

FEW = 16
"""Changes that are looked at one by one at once."""

_USUAL, _REAL, _COUNTS = 10, 12, 13
"""Places of arguments of `follow_each` after the first two."""

STEPS, LOWEST, BUCKETS = 4, -40, 384
"""Sizes are counted in steps of a quarter of an octave, from 2 ** -40 to 2 ** 56 base units."""


def follow(changes: Floats, notes: Ints, *others: Any) -> tuple[int, int, int]:  # noqa: ANN401
    """Do what `follow_each` does, without a look at each of the changes that it passes over."""
    end = int(notes[-1, 2])
    if end < FEW:
        return follow_each(changes, notes, *others)
    usual, real, counts = (others[place] for place in (_USUAL, _REAL, _COUNTS))
    large = ~(changes[:end, 1] < MULTIPLE * usual.min())
    if not (counts[COUNT] or large.any()):
        chosen = large.nonzero()[0]
    else:
        marks = _marks(changes[:end, 0])
        followed = np.zeros(4096, np.bool_)
        followed[_marks(real[KEY, : counts[COUNT]])] = followed[marks[large]] = True
        chosen = followed[marks].nonzero()[0]
    if len(chosen) < end:
        changes, notes = changes[chosen], notes.copy()
        notes[:, 1:] = chosen.searchsorted(notes[:, 1:])
    return follow_each(changes, notes, *others)


def _marks(keys: Floats) -> Ints:
    """Return twelve bits of each key or price; they are the same of a key and its price."""
    bits = keys.view(np.int64)
    return (bits ^ (bits >> 22) ^ (bits >> 34)) & 4095


def follow_each(
    changes: Floats,
    notes: Ints,
    newest: int,
    stamps: Ints,
    amounts: NDArray[np.signedinteger[Any]],
    trade: int,
    trades: int,
    steps: float,
    lots: float,
    bid_edge: float,
    ask_edge: float,
    mid: float,
    usual: Floats,
    whole: Ints,
    real: Floats,
    counts: Ints,
    row: int,
    at: int,
    out_whole: Ints,
    out_real: Floats,
) -> tuple[int, int, int]:
    """Follow the levels through events, and write down those that changed.

    Parameters
    ----------
    changes : ndarray of float64, shape (room, 2)
        Prices and new sizes.
    notes : ndarray of int64, shape (N, 3)
        Of each event: its time, where its changes of bids end and where those of asks do. They
        begin where those of the event before end.
    newest : int
        The time of the event before the first; times do not go back.
    stamps, amounts, steps, lots : ndarray and float
        Trades, see `obi_widgets.history.trades.Trades`, and what to divide their amounts by.
    trade, trades : int
        The first trade that has not been taken into account, and how many there are.
    bid_edge, ask_edge : float
        The keys from which on each side is known.
    mid : float
        At the last look.
    usual : ndarray of float64, shape (classes,)
        The size that is usual in each class of distance; infinite where it is not known.
    whole, real : ndarray of int64 and of float64, shape (COLUMNS, room)
        The levels that are followed, by key; `ROW` is −1 where something is not written yet. There
        is room for one more at each change.
    counts : ndarray of int64, shape (2,)
        `COUNT` and `NEXT`.
    row : int
        The number of the state that what is written belongs to.
    at : int
        Where to write.
    out_whole, out_real : ndarray of int64 and of float64, shape (COLUMNS, room)
        Where levels are written that have ended, and, after the last event, those that changed.

    Returns
    -------
    tuple of int
        Where the next level would be written; the first trade that has not been taken into account;
        the time of the last event.
    """
    n, begin, now = counts[COUNT], 0, newest
    smallest = MULTIPLE * usual.min()
    # Most changes are small and of levels that are not followed: their bits tell it for sure.
    followed, bits = np.zeros(4096, np.bool_), changes.view(np.int64)
    for key_bits in real[KEY, :n].view(np.int64):
        followed[(key_bits ^ (key_bits >> 22) ^ (key_bits >> 34)) & 4095] = True
    for event in range(len(notes)):
        now = max(now, notes[event, 0])
        while trade < trades and stamps[0, trade] <= now:
            # Who bought took an ask.
            price = amounts[0, trade] / steps
            key = -price if amounts[1, trade] > 0 else price
            low, high = 0, n
            while low < high:
                half = (low + high) >> 1
                if real[KEY, half] < key:
                    low = half + 1
                else:
                    high = half
            if low < n and real[KEY, low] == key:
                real[TRADED, low] += abs(amounts[1, trade]) / lots
                whole[ROW, low] = -1
            trade += 1
        for change in range(begin, notes[event, 2]):
            price, size, key_bits = changes[change, 0], changes[change, 1], bits[change, 0]
            mark = (key_bits ^ (key_bits >> 22) ^ (key_bits >> 34)) & 4095
            if size < smallest and not followed[mark]:
                continue
            side = 0 if change < notes[event, 1] else 1
            key = price if side == 0 else -price
            low, high = 0, n
            while low < high:
                half = (low + high) >> 1
                if real[KEY, half] < key:
                    low = half + 1
                else:
                    high = half
            if low < n and real[KEY, low] == key:
                if key < (bid_edge if side == 0 else ask_edge) or size == real[SIZE, low]:
                    continue
                if size < real[SIZE, low]:
                    real[REMOVED, low] += real[SIZE, low] - size
                real[LARGEST, low] = max(real[LARGEST, low], size)
                real[SIZE, low] = size
                whole[TIME, low], whole[ROW, low] = now, -1
                if size < real[LEAST, low]:
                    if now - whole[BORN, low] >= BRIEF:
                        whole[STATE, low], whole[ROW, low] = ENDED, row
                        for column in range(COLUMNS):
                            out_whole[column, at] = whole[column, low]
                            out_real[column, at] = real[column, low]
                        at += 1
                    for next_level in range(low, n - 1):
                        for column in range(COLUMNS):
                            whole[column, next_level] = whole[column, next_level + 1]
                            real[column, next_level] = real[column, next_level + 1]
                    n -= 1
                continue
            if key < (bid_edge if side == 0 else ask_edge):
                continue
            away, place = 1e4 * abs(price - mid) / mid, 0
            while place < len(EDGES) and away >= EDGES[place]:
                place += 1
            if place == len(EDGES) or not size >= MULTIPLE * usual[place]:
                continue
            for next_level in range(n, low, -1):
                for column in range(COLUMNS):
                    whole[column, next_level] = whole[column, next_level - 1]
                    real[column, next_level] = real[column, next_level - 1]
            whole[NUMBER, low], whole[ROW, low], whole[BORN, low] = counts[NEXT], -1, now
            whole[TIME, low], whole[STATE, low], whole[FOUND, low] = now, STANDING, 0
            real[KEY, low], real[SIZE, low], real[LARGEST, low] = key, size, size
            real[REMOVED, low], real[TRADED, low] = 0.0, 0.0
            real[LEAST, low] = MULTIPLE * usual[place] / 2
            counts[NEXT] += 1
            followed[mark] = True
            n += 1
        begin = notes[event, 2]
    kept = 0
    for level in range(n):
        left = real[KEY, level] < (bid_edge if real[KEY, level] > 0 else ask_edge)
        if left:
            whole[TIME, level], whole[ROW, level], whole[STATE, level] = now, -1, UNKNOWN
        if whole[ROW, level] < 0 and now - whole[BORN, level] >= BRIEF:
            whole[ROW, level] = row
            for column in range(COLUMNS):
                out_whole[column, at] = whole[column, level]
                out_real[column, at] = real[column, level]
            at += 1
        if not left:
            if kept < level:
                for column in range(COLUMNS):
                    whole[column, kept] = whole[column, level]
                    real[column, kept] = real[column, level]
            kept += 1
    counts[COUNT] = kept
    return at, trade, now


def look(
    levels: Floats,
    count: int,
    edge: float,
    mid: float,
    seen: Floats,
    usual: Floats,
    whole: Ints,
    real: Floats,
    counts: Ints,
    now: int,
    finds: bool,
) -> None:
    """Look at all levels of a side that are known: count their sizes, or find large ones.

    Parameters
    ----------
    levels, count, edge : ndarray, int and float
        See `obi_widgets.market_data.book.Side`.
    mid : float
        The mid price.
    seen : ndarray of float64, shape (classes, BUCKETS)
        How often each size was seen, and faded.
    usual, whole, real, counts : ndarray
        As in `follow`, with room for all levels of the side.
    now : int
        The event time.
    finds : bool
        Whether large levels are found that are not followed yet; else sizes are counted.
    """
    bits = levels[1].view(np.int64)
    place = 0
    for level in range(count - 1, -1, -1):
        key, size = levels[0, level], levels[1, level]
        if key < edge:
            break
        away = 1e4 * abs(abs(key) - mid) / mid
        while place < len(EDGES) and away >= EDGES[place]:
            place += 1
        if place == len(EDGES):
            break
        if size == 0:
            continue
        if not finds:
            bucket = (bits[level] >> 50) - STEPS * (1023 + LOWEST)
            seen[place, min(max(bucket, 0), BUCKETS - 1)] += 1.0
            continue
        n = counts[COUNT]
        if not size >= MULTIPLE * usual[place]:
            continue
        low, high = 0, n
        while low < high:
            half = (low + high) >> 1
            if real[KEY, half] < key:
                low = half + 1
            else:
                high = half
        if low < n and real[KEY, low] == key:
            continue
        for next_level in range(n, low, -1):
            for column in range(COLUMNS):
                whole[column, next_level] = whole[column, next_level - 1]
                real[column, next_level] = real[column, next_level - 1]
        whole[NUMBER, low], whole[ROW, low], whole[BORN, low] = counts[NEXT], -1, now
        whole[TIME, low], whole[STATE, low], whole[FOUND, low] = now, STANDING, 1
        real[KEY, low], real[SIZE, low], real[LARGEST, low] = key, size, size
        real[REMOVED, low], real[TRADED, low] = 0.0, 0.0
        real[LEAST, low] = MULTIPLE * usual[place] / 2
        counts[NEXT] += 1
        counts[COUNT] = n + 1


def judge(seen: Floats, usual: Floats) -> None:
    """Set the size that is usual in each class: the quantile of the sizes that were seen."""
    for place in range(len(EDGES)):
        so_far = np.cumsum(seen[place])  # one after the other, so that all builds agree
        usual[place] = np.inf
        if so_far[-1] > 0.0:
            bucket = np.searchsorted(so_far, QUANTILE * so_far[-1])
            octave, part = bucket // STEPS + LOWEST, bucket % STEPS
            usual[place] = 2.0**octave * (1.0 + part / STEPS)
