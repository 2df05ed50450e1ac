"""The decayed imbalance as articles write it: a loop, pandas, NumPy, polars; all in float64."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl

from .data import Arrays


def plain(books: list[tuple[list, list]], decay: float, depth: int) -> list[float]:
    """Loop over books, each a pair of lists of (price, size)."""
    out = []
    for bids, asks in books:
        if not bids or not asks:
            out.append(math.nan)
            continue
        out.append(one_book(bids, asks, decay, depth))
    return out


def one_book(bids: list, asks: list, decay: float, depth: int) -> float:
    """Return the imbalance of one book, best levels first."""
    mid = (bids[0][0] + asks[0][0]) / 2
    bid = 0.0
    for price, size in bids[:depth]:
        bid += size * math.exp(-decay * 1e4 * (mid - price) / mid)
    ask = 0.0
    for price, size in asks[:depth]:
        ask += size * math.exp(-decay * 1e4 * (price - mid) / mid)
    return (bid - ask) / (bid + ask)


def as_books(arrays: Arrays) -> list[tuple[list, list]]:
    """Return what `plain` takes."""
    sides = []
    for price, size in (
        (arrays.bid_price, arrays.bid_size),
        (arrays.ask_price, arrays.ask_size),
    ):
        sides.append(
            [
                [] if p[0] != p[0] else list(zip(p, q, strict=True))
                for p, q in zip(price.tolist(), size.tolist(), strict=True)
            ]
        )
    return list(zip(*sides, strict=True))


def numpy_f64(arrays: Arrays, decay: float, depth: int) -> np.ndarray:
    """Take whole columns at once."""
    bid_price, ask_price = arrays.bid_price[:, :depth], arrays.ask_price[:, :depth]
    mid = ((bid_price[:, 0] + ask_price[:, 0]) / 2)[:, None]
    bid = (arrays.bid_size[:, :depth] * np.exp(-decay * 1e4 * (mid - bid_price) / mid)).sum(axis=1)
    ask = (arrays.ask_size[:, :depth] * np.exp(-decay * 1e4 * (ask_price - mid) / mid)).sum(axis=1)
    return (bid - ask) / (bid + ask)


def wide(arrays: Arrays) -> pd.DataFrame:
    """Return a frame of a column a level."""
    columns = {}
    for name in ("bid_price", "bid_size", "ask_price", "ask_size"):
        for level in range(arrays.bid_price.shape[1]):
            columns[f"{name}_{level + 1}"] = np.ascontiguousarray(getattr(arrays, name)[:, level])
    return pd.DataFrame(columns, copy=False)


def pandas_wide(frame: pd.DataFrame, decay: float, depth: int) -> np.ndarray:
    """Add up a column a level."""
    mid = (frame["bid_price_1"] + frame["ask_price_1"]) / 2
    bid, ask = 0.0, 0.0
    for level in range(1, depth + 1):
        away = 1e4 * (mid - frame[f"bid_price_{level}"]) / mid
        bid = bid + frame[f"bid_size_{level}"] * np.exp(-decay * away)
        away = 1e4 * (frame[f"ask_price_{level}"] - mid) / mid
        ask = ask + frame[f"ask_size_{level}"] * np.exp(-decay * away)
    return ((bid - ask) / (bid + ask)).to_numpy()


def polars_lazy(frame: pl.DataFrame, decay: float, depth: int) -> np.ndarray:
    """Say it all, and let the engine find the way."""
    mid = pl.col("mid")
    levels = range(1, depth + 1)
    bid = pl.sum_horizontal(
        pl.col(f"bid_size_{n}") * (-decay * 1e4 * (mid - pl.col(f"bid_price_{n}")) / mid).exp()
        for n in levels
    )
    ask = pl.sum_horizontal(
        pl.col(f"ask_size_{n}") * (-decay * 1e4 * (pl.col(f"ask_price_{n}") - mid) / mid).exp()
        for n in levels
    )
    query = (
        frame.lazy()
        .with_columns(mid=(pl.col("bid_price_1") + pl.col("ask_price_1")) / 2)
        .select(bid=bid, ask=ask)
        .select((pl.col("bid") - pl.col("ask")) / (pl.col("bid") + pl.col("ask")))
    )
    return query.collect().to_series().to_numpy()
