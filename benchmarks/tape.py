"""A day with its trades: in memory, in a file, and loaded again: ``python -m benchmarks.tape``.

The day is a capture of minutes, repeated until a day is full. Each copy is shifted in price and
scaled in size by numbers of its own, so that a file cannot keep one copy and point at it: what is
measured has the capture's own entropy. Trades are thinned to a million.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import obi_widgets as obi
from benchmarks.core.data import captures
from obi_widgets.history.context import Context
from obi_widgets.history.flow import Flow, narrow
from obi_widgets.history.levels import BLOCK, Levels
from obi_widgets.history.parquet_columns import _put
from obi_widgets.history.trades import Trades
from obi_widgets.kernels import loader

LEVELS, DAY, TRADES = 20, 864_000, 1_000_000
GOALS = {"file, MB": 90.0, "memory, MB": 320.0}


def day(symbol: str, states: int = DAY, trades: int = TRADES) -> obi.History:
    """Return a day made of a capture."""
    one = obi.load(captures(symbol), levels=LEVELS)
    random = np.random.default_rng(1)
    copies = -(-states // len(one))
    span = int(one.time[-1] - one.time[0]) + 100_000_000
    share = trades / copies / len(one.trades) * (copies * len(one) / states)
    lot = 10.0**-one.trades.size_decimals
    ticks = [one.rank(number)[0].astype(np.uint32) for number in range(LEVELS)]
    lots = [np.rint(one.rank(number)[1] / lot) for number in range(LEVELS)]
    width = np.min_scalar_type(int(max(column.max() for column in ticks)))
    blocks = Levels.empty(-(-states // BLOCK), LEVELS, width.type)
    scales = random.uniform(0.7, 1.4, copies)
    shifts = random.integers(-5000, 5000, copies)

    def tiled(column: np.ndarray, change: object = None) -> np.ndarray:
        parts = [change(column, copy) if change else column for copy in range(copies)]
        return np.concatenate(parts)[:states]

    def scaled(column: np.ndarray, copy: int) -> np.ndarray:
        return np.where(column > 0, np.maximum(np.rint(column * scales[copy]), 1), 0)

    for number in range(LEVELS):
        for side in (0, 1):
            away = tiled(ticks[number][side])
            sizes = (tiled(lots[number][side], scaled) * lot).astype(np.float32)
            for at, block in enumerate(blocks):
                rows = slice(at * BLOCK, (at + 1) * BLOCK)
                _put(block.ticks[:, side, number], away[rows])
                _put(block.sizes[:, side, number], sizes[rows])

    def later(column: np.ndarray, copy: int) -> np.ndarray:
        return column + copy * span

    def jittered(column: np.ndarray, copy: int) -> np.ndarray:
        return later(column, copy) + random.integers(-500, 500, len(column))

    def moved(column: np.ndarray, copy: int) -> np.ndarray:
        whole = np.rint(column / one.tick_size) + shifts[copy]
        return np.round(whole * one.tick_size, 9)

    stamps, amounts, ends = [], [], []
    total = 0
    for copy in range(copies):
        kept = random.random(len(one.trades)) < share
        some, amount = one.trades.stamps[:, kept].copy(), one.trades.amounts[:, kept].copy()
        some[:2] += copy * span
        some[1] += random.integers(0, 500, some.shape[1])
        some[2] = np.cumsum(random.integers(1, 3, some.shape[1])) + (some[2, 0] + total * 3)
        amount[0] += shifts[copy]
        size = np.maximum(np.rint(abs(amount[1]) * scales[copy]), 1)
        amount[1] = np.sign(amount[1]) * size
        stamps.append(some)
        amounts.append(amount)
        before = np.append(0, np.cumsum(kept))[one.trade_ends - one.trades.start]
        ends.append(before + total)
        total += int(kept.sum())
    trade_ends = np.concatenate(ends)[:states]
    until = int(trade_ends[-1])
    received = np.maximum.accumulate(tiled(one.received, jittered))

    def grown(column: np.ndarray, copy: int) -> np.ndarray:
        return np.rint(column * scales[copy]).astype(np.int64)

    flow = Flow(
        narrow(tiled(one.flow.order_flow, grown)), tiled(one.flow.events), one.flow.lot_size
    )
    seconds = np.arange(int(received[0]), int(received[-1]), 1_000_000_000)
    context = Context(
        np.repeat(np.stack([seconds, seconds + 1]), 3, axis=1),
        np.tile(np.arange(3, dtype=np.uint8), len(seconds)),
        np.round(random.normal(64_000, 50, 3 * len(seconds)), 8),
    )
    return obi.History(
        tiled(one.time, later), received, tiled(one.bid, moved), tiled(one.ask, moved),
        tuple(blocks), LEVELS, one.tick_size,
        instrument=one.instrument, interval=one.interval,
        reach=np.stack([tiled(side) for side in one.reach]),
        trades=Trades(
            np.concatenate(stamps, axis=1)[:, :until].copy(),
            np.concatenate(amounts, axis=1)[:, :until].copy(),
            one.trades.price_decimals, one.trades.size_decimals,
        ),
        context=context, trade_ends=trade_ends.copy(), flow=flow,
    )  # fmt: skip


def resident() -> float:
    """Return the memory that this process has, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def loaded(path: str) -> None:
    """Load a file and say how much memory that took, and how long."""
    # Whatever is imported, compiled or read from libraries once: some 45 MB of pyarrow alone.
    short = obi.load(captures("btcusdt"), levels=LEVELS)
    obi.load(short.save(Path(path).with_name("short.parquet")))
    del short
    before, began = resident(), time.process_time()
    started = time.perf_counter()
    history = obi.load(path)
    took, spent = time.perf_counter() - started, time.process_time() - began
    levels = sum(block.ticks.nbytes + block.sizes.nbytes for block in history.blocks)
    names = ("time", "received", "bid", "ask", "reach", "trade_ends")
    columns = sum(getattr(history, name).nbytes for name in names)
    trades = history.trades.stamps.nbytes + history.trades.amounts.nbytes
    flow = history.flow.order_flow.nbytes + history.flow.events.nbytes
    told = history.context.stamps.nbytes + history.context.value.nbytes * 9 // 8
    kept = (one / 1e6 for one in (levels, columns, flow, trades, told))
    print(took, spent, resident() - before, *kept)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tape", description=__doc__)
    parser.add_argument("--symbol", default="btcusdt")
    parser.add_argument("--loaded", help="load a file, and say how long it took")
    chosen = parser.parse_args()
    if chosen.loaded:
        loaded(chosen.loaded)
        return 0
    if not captures():
        print("The captures are not here.")
        return 0
    loader.wait()
    obi.load(captures(chosen.symbol), levels=LEVELS)  # whatever is imported once
    began = time.process_time()
    short = obi.load(captures(chosen.symbol), levels=LEVELS)
    raw = (time.process_time() - began) / len(short) * DAY
    history = day(chosen.symbol)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = history.save(Path(folder) / "day.parquet")
        saved = time.perf_counter() - began
        size = path.stat().st_size / 1e6
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.tape", "--loaded", str(path)],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout.split()  # fmt: skip
        whole = obi.load(path).sha256() == history.sha256()
    took, spent, memory, *kept = map(float, told)
    print(f"{history!r}, {len(history.trades):,} trades, {len(history.context):,} values")
    print(f"saved in {saved:.1f} s, the same when loaded: {whole}")
    names = ("levels", "columns", "flow", "trades", "context")
    print("MB of " + ", ".join(f"{n} {one:.1f}" for n, one in zip(names, kept, strict=True)))
    found = {"file, MB": size, "memory, MB": memory}
    for name, goal in GOALS.items():
        met = "met" if found[name] <= goal else "MISSED"
        print(f"{name:12} {found[name]:8.1f}   ≤ {goal:g} {met}")
    ratio = raw / spent
    print(f"loaded in {took:.1f} s, {spent:.1f} s of CPU; its raw recording takes {raw:.0f}")
    print(f"{ratio:.0f} times as fast   ≥ 10 {'met' if ratio >= 10 else 'MISSED'}")
    return not (whole and ratio >= 10 and all(found[name] <= GOALS[name] for name in GOALS))


if __name__ == "__main__":
    sys.exit(main())
