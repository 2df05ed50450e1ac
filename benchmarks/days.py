"""A sweep of many days on a Dask cluster of this computer, of which a worker is killed.

    python -m benchmarks.days                       30 days of 864,000 states of 20 levels
    python -m benchmarks.days --days 4 --hours 0.5  a look

Days are synthetic, each a Parquet file as `obi.compact` writes it. They are swept in one process,
then by two worker processes of a `LocalCluster`, of which one is killed in the middle, and then by
two processes without Dask. All must come to the same surface, bit by bit. `walk_forward` and
`calibrate` follow with fewer days, here and on the cluster. Memory is what the system says that a
process has needed at most, Python and compiled code included. Where other work takes the cores,
seconds of processor say more than seconds.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

import obi_widgets as obi
from obi_widgets.history.levels import BLOCK, TILE, TILES, Levels

MARKET = obi.Instrument("binance-usdm", "BTCUSDT", tick_size=0.1)
FIRST = date(2026, 1, 1)
STEP = 100_000_000  # ns
DRAWN = 2_000
"""Shapes of a book that states are made of."""

AXES = {
    "decay": np.linspace(0.05, 0.5, 10),
    "threshold": np.linspace(0.1, 0.8, 8),
    "hold_seconds": [1.0, 5.0, 10.0, 30.0, 60.0],
}
FEE = obi.Settings(fee_bps=0.5, decay=0.3, threshold=0.5)
GOAL_MEMORY = 1.0  # GB a worker


def day(number: int, hours: float, levels: int) -> obi.History:
    """Return a day: mid walks by whole ticks, the book leans, and mid follows it a little."""
    random = np.random.default_rng(number)
    count = round(hours * 3600e9) // STEP
    shapes = random.integers(0, DRAWN, count)
    stay = random.random(count) < 0.8  # most states keep the book of the one before
    shapes = shapes[np.maximum.accumulate(np.where(stay, 0, np.arange(count)))]
    drawn = np.random.default_rng(0)
    away = np.cumsum(drawn.geometric(0.3, (DRAWN, 2, levels)), axis=2)
    ticks = (away - away[:, :, :1]).astype(np.uint8 if away.max() < 256 else np.uint16)
    leans = drawn.standard_normal(DRAWN)
    sizes = drawn.lognormal(-1.5, 0.9, (DRAWN, 2, levels))
    sizes *= np.exp(0.5 * leans[:, None, None] * np.array([1, -1])[:, None])
    sizes = np.round(sizes + 0.001, 3).astype(np.float32)
    rises = 0.02 * leans[shapes] + random.standard_normal(count)
    walk = np.cumsum(np.where(np.abs(rises) > 1.3, np.sign(rises), 0)).astype(int)
    bid = np.round((600_000 + walk) * MARKET.tick_size, 1)
    blocks = Levels.empty(-(-count // BLOCK), levels, ticks.dtype.type)
    for number_, block in enumerate(blocks):
        for tile in range(TILES):
            first = number_ * BLOCK + tile * TILE
            chosen = shapes[first : first + TILE]
            block.ticks[tile, :, :, : len(chosen)] = ticks[chosen].transpose(1, 2, 0)
            block.sizes[tile, :, :, : len(chosen)] = sizes[chosen].transpose(1, 2, 0)
    midnight = np.datetime64(FIRST + timedelta(days=number), "ns").astype(np.int64)
    at = midnight + STEP * np.arange(count, dtype=np.int64)
    return obi.History(
        at, at + 5_000_000, bid, np.round(bid + MARKET.tick_size, 1), tuple(blocks), levels,
        MARKET.tick_size, MARKET, interval=STEP / 1e9,
    )  # fmt: skip


def write_days(folder: Path, days: int, hours: float, levels: int) -> int:
    """Write the days to a folder; return their bytes."""
    place = folder / "binance-usdm_BTCUSDT"
    place.mkdir(parents=True, exist_ok=True)
    size = 0
    for number in range(days):
        path = place / f"{FIRST + timedelta(days=number)}.parquet"
        if not path.exists():
            day(number, hours, levels).save(path)
        size += path.stat().st_size
    return size


def peak() -> float:
    """Return the most memory that this process has needed, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def kill_one(client, after: float, told: list) -> threading.Thread:
    """Kill a worker process once this fraction is done; return the thread that does."""

    def run() -> None:
        while told[-1] < after:
            time.sleep(0.02)
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)
        told.append(told[-1])
        print(f"  killed worker {victim} at {told[-1]:.0%}", flush=True)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class Peaks:
    """The most memory that each worker process has needed, also of those that have died."""

    def __init__(self, client) -> None:
        self._client, self._ended = client, threading.Event()
        self.seen: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pids = set()
        while not self._ended.wait(0.2):
            try:
                pids |= {*self._client.run(os.getpid).values()}
            except Exception as error:  # noqa: BLE001 - a worker is being replaced
                print(f"  ({type(error).__name__} while asking for workers)", flush=True)
            for pid in pids:
                self._look(pid)

    def _look(self, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        except OSError:
            return  # it has died
        lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
        if lines:
            self.seen[pid] = int(lines[0].split()[1]) / 1e6

    def end(self) -> float:
        """Return the largest, GB."""
        self._ended.set()
        self._thread.join()
        return max(self.seen.values())


def timed(function):
    """Return what a function returns, and the seconds it took."""
    began = time.perf_counter()
    found = function()
    return found, time.perf_counter() - began


def same(a: obi.Surface, b: obi.Surface) -> bool:
    """Return whether two surfaces are the same to the bit, with their origins."""
    return a.parts.tobytes() == b.parts.tobytes() and a.origins == b.origins


def report_figures(report: obi.Report) -> list:
    """Return all figures of a report."""
    return [
        *[getattr(report.means, name) for name in ("mean_bps", "se_hodrick", "p", "n")],
        *[getattr(report.traded, name) for name in ("net_bps", "z", "excess_z", "without_bps")],
        report.coefficients.ic, report.coefficients.rank_ic, report.deciles.edges,
        report.bootstrap.p, report.net_p_adjusted,
    ]  # fmt: skip


def run(folder: Path, options: argparse.Namespace) -> bool:
    """Run all of it; return whether all goals are met."""
    from distributed import Client, LocalCluster

    size, seconds = timed(lambda: write_days(folder, options.days, options.hours, options.levels))
    days = obi.load_days(folder, levels=options.levels, interval=0.1)
    states = round(options.hours * 36_000) * len(days)
    print(f"{len(days)} days, {states:,} states of {options.levels} levels, {size / 1e9:.2f} GB")
    print(f"  written in {seconds:.0f} s", flush=True)
    _, seconds = timed(lambda: days[0])
    print(f"  a day is loaded in {seconds:.2f} s", flush=True)

    sweep = {**AXES, "settings": FEE}
    before = time.process_time()
    one, alone = timed(lambda: obi.sweep(days, **sweep))
    used = time.process_time() - before
    print(f"{one}: {one.entries.sum():,} entries")
    print(f"one process, all cores: {alone:.1f} s, {used:.1f} s of processor", end="")
    print(f"; its memory at most {peak():.2f} GB", flush=True)

    met = []
    options_ = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    with LocalCluster(**options_, dashboard_address=None) as cluster, Client(cluster) as client:
        obi.sweep(days[:2], **sweep, executor=client)  # compiles, in each worker
        before = sum(client.run(time.process_time).values())
        whole, clear = timed(lambda: obi.sweep(days, **sweep, executor=client))
        used = sum(client.run(time.process_time).values()) - before
        print(f"Dask, 2 workers of 1 thread: {clear:.1f} s, {alone / clear:.2f} × as fast", end="")
        print(f", {used:.1f} s of processor", flush=True)
        met.append(same(whole, one))
        told, peaks = [0.0], Peaks(client)
        killer = kill_one(client, 0.4, told)
        killed, hurt = timed(
            lambda: obi.sweep(days, **sweep, executor=client, progress=told.append)
        )
        killer.join()
        most = peaks.end()
        print(f"  … one killed in the middle: {hurt:.1f} s, {alone / hurt:.2f} × as fast")
        met.append(same(killed, one))
        print(f"  the same surface to the bit: {met[0]}, and with the killed one: {met[1]}")
        met.append(most < GOAL_MEMORY)
        print(f"  memory of a worker at most {most:.2f} GB (goal: below {GOAL_MEMORY} GB)")
        sys.stdout.flush()
        met += others(days[: options.others], client)
    processes, seconds = timed(lambda: obi.sweep(days, **sweep, executor=2))
    met.append(same(processes, one))
    print(f"executor=2, processes begun anew: {seconds:.1f} s, the same: {met[-1]}")
    print(f"memory of this process at most {peak():.2f} GB")
    print("all goals met" if all(met) else "GOALS MISSED")
    return all(met)


def others(days: obi.Days, client) -> list[bool]:
    """Walk forward and calibrate, here and on the cluster; return whether they are the same."""
    states = sum(map(len, days))
    print(f"of {len(days)} days, {states:,} states:")
    axes = {"threshold": AXES["threshold"], "hold_seconds": AXES["hold_seconds"]}
    here, alone = timed(lambda: obi.walk_forward(days, **axes, settings=FEE))
    there, far = timed(lambda: obi.walk_forward(days, **axes, settings=FEE, executor=client))
    met = [here.equals(there)]
    print(f"walk_forward: {alone:.1f} s here, {far:.1f} s on the cluster, the same: {met[-1]}")
    print(f"  memory of this process at most {peak():.2f} GB", flush=True)
    here, alone = timed(lambda: obi.calibrate(days, FEE))
    there, far = timed(lambda: obi.calibrate(days, FEE, executor=client))
    figures = zip(report_figures(here), report_figures(there), strict=True)
    met.append(all(a.tobytes() == b.tobytes() for a, b in figures))
    print(f"calibrate: {alone:.1f} s here, {far:.1f} s on the cluster, the same: {met[-1]}")
    print(f"  memory of this process at most {peak():.2f} GB", flush=True)
    return met


def main() -> int:
    """Run the benchmark; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--levels", type=int, default=20)
    parser.add_argument("--others", type=int, default=3, help="days of all but the sweep")
    parser.add_argument("--folder", type=Path, help="where the days are kept; a temporary one")
    options = parser.parse_args()
    if options.folder is not None:
        return 0 if run(options.folder, options) else 1
    with tempfile.TemporaryDirectory(prefix="obi-days-") as folder:
        return 0 if run(Path(folder), options) else 1


if __name__ == "__main__":
    sys.exit(main())
