"""Which market a frame is of, as far as its bytes tell."""

from __future__ import annotations

import re
from typing import NamedTuple


class Found(NamedTuple):
    """A market that a frame tells.

    Attributes
    ----------
    venues : tuple of str
        It is of one of these: several venues may speak one protocol.
    symbol : str
        As the venue spells it.
    """

    venues: tuple[str, ...]
    symbol: str

    def __str__(self) -> str:
        return f"{self.venues[0]}:{self.symbol}"


_BINANCE = re.compile(r'"e":\s*"depthUpdate".*?"s":\s*"([^"]+)"')
_BINANCE_PICTURE = re.compile(r'"lastUpdateId":.*"symbol":\s*"([^"]+)","pair"')
_BTSE = re.compile(r'"topic":\s*"update:([^"]+)_\d+"')
_COIN_M = re.compile(r"\w+USD_(PERP|\d{6})$")
_BEST_BID = re.compile(r'"(?:b|bids)":\s*\[(\[.*?\])\]')
_PRICE = re.compile(r'\[\s*"?(\d+(?:\.\d+)?)')


def market_of(frame: str) -> Found | None:
    """Return which market a change of a book, or a picture of one, is of.

    Returns
    -------
    Found, optional
        None for a frame that does not tell, or that is something else.
    """
    if found := _BINANCE.search(frame, 0, 400):
        symbol = found[1]
        if '"pu":' not in frame:
            return Found(("binance",), symbol)
        return Found(("binance-coinm" if _COIN_M.match(symbol) else "binance-usdm",), symbol)
    if found := _BTSE.search(frame, 0, 200):
        return Found(("lmex", "btse", "sim"), found[1])
    if '"pair"' in frame and (found := _BINANCE_PICTURE.search(frame)):
        return Found(("binance-coinm",), found[1])
    return None


def is_nameless_picture(frame: str) -> bool:
    """Return whether a frame is a picture of a book that does not say of which market."""
    return frame.startswith('{"lastUpdateId"') and market_of(frame) is None


def best_bid(frame: str) -> float | None:
    """Return the highest bid price that a frame of a book tells, whatever its size."""
    bids = _BEST_BID.search(frame)
    return max(map(float, _PRICE.findall(bids[1])), default=None) if bids else None
