"""Books as a user's code gives them."""

from __future__ import annotations

import numpy as np

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
STEP = 100 * MS


def book(step=0, *, levels=5, mid=1000.0):
    """Return time, bids and asks of a book that differs from step to step."""
    rng = np.random.default_rng(step)
    mid += 0.5 * (step % 7)
    sides = [
        [(mid + 0.5 * sign * (n + 1), float(rng.integers(1, 50))) for n in range(levels)]
        for sign in (-1, +1)
    ]
    return START + step * STEP, *sides


def books(count, **options):
    """Yield books, a tenth of a second apart."""
    for step in range(count):
        yield book(step, **options)


def frame_of(count, *, levels=5):
    """Return the same books as a DataFrame."""
    import pandas as pd

    rows, times = [], []
    for time, *sides in books(count, levels=levels):
        times.append(time)
        rows.append({
            f"{name}_{kind}_{n}": value
            for name, side in zip(("bid", "ask"), sides, strict=True)
            for n, level in enumerate(side)
            for kind, value in zip(("price", "size"), level, strict=True)
        })  # fmt: skip
    return pd.DataFrame(rows, index=pd.to_datetime(times, utc=True))
