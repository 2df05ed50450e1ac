"""Compiled readers for parts of JSON: plain strings, and numbers that a float holds exactly.

Anything else (a space, an escape, a number with more digits than a float has) is refused, and left
to a complete decoder. The data are ``bytes``, which Python ends with a zero byte. No reader accepts
a zero byte, so none reads beyond the end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

POWERS = 10.0 ** np.arange(16)  # an integer of up to 15 digits, divided by these, rounds correctly


def as_bytes(text):
    """Return a text as an array of bytes, for `matches`."""
    return np.frombuffer(text.encode(), np.uint8)


@njit(inline="always")
def matches(data, at, wanted):
    """Return whether the wanted bytes are at an index."""
    for n in range(len(wanted)):  # noqa: SIM110
        if data[at + n] != wanted[n]:
            return False
    return True


@njit(inline="always")
def is_word(data, start, end, wanted):
    """Return whether the bytes from start to end are the wanted word."""
    return end - start == len(wanted) and matches(data, start, wanted)


@njit
def read_word(data, at):
    """Return the index of a plain string's closing quote; -1 if there is no plain string."""
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
    """Return an integer of 64 bits, and the index after it; -1 if there is none."""
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
    """Return a quoted number of at most 15 digits, and the index after it; -1 if there is none."""
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
        or digits == places  # no digit before the point
        or (places == 0 and point >= 0)
        or (data[start] == 48 and digits - places > 1)
    ):  # fmt: skip
        return 0.0, -1
    return np.float64(value) / POWERS[places], at + 1


@njit
def read_levels(data, at, levels, count):
    """Append [["price","size"],...] to levels; return the new count and the index after, or -1."""
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
