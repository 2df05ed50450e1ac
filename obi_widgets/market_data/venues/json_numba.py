"""Pieces of JSON as venues send it, compiled: plain strings, and numbers that are sure to be exact.

What is written in any other way (a space, an escape, a number of more digits than a float has) is
not read, and left to a whole decoder. All that is read is of type ``bytes``, which Python ends
with a zero: since no byte that a piece is made of is one, nothing is read beyond it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

POWERS = 10.0 ** np.arange(16)  # whole numbers of up to 15 digits over these are exactly rounded


def as_bytes(text):
    """Return a text as what `matches` compares with."""
    return np.frombuffer(text.encode(), np.uint8)


@njit(inline="always")
def matches(data, at, wanted):
    """Return whether these bytes come next."""
    for n in range(len(wanted)):  # noqa: SIM110
        if data[at + n] != wanted[n]:
            return False
    return True


@njit(inline="always")
def is_word(data, start, end, wanted):
    """Return whether a word that stands there is this one."""
    return end - start == len(wanted) and matches(data, start, wanted)


@njit
def read_word(data, at):
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
def read_whole(data, at):
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
def read_decimal(data, at):
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
def read_levels(data, at, levels, count):
    """Read [["price","size"],...]; return how many there are then and where it ends, or -1."""
    if data[at] != 91:
        return 0, -1
    at += 1
    if data[at] == 93:
        return count, at + 1
    while True:
        if data[at] != 91:
            return 0, -1
        price, at = read_decimal(data, at + 1)
        if at < 0 or price <= 0 or data[at] != 44:
            return 0, -1
        size, at = read_decimal(data, at + 1)
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
