"""One side of `benchmarks.against`: runs the jobs that it is sent, and reports their time."""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import obi_widgets as obi
from benchmarks.core.data import DAY, LEVELS, captures, frames, lines, synthetic
from benchmarks.layout import (
    BinanceUsdm,
    Market,
    Parameters,
    newest_signal,
    states_digest,
    wait,
)

DECAYS = np.linspace(0.02, 1.0, 20)
DEPTHS = np.arange(4, LEVELS + 1, 4)
LEAST = 0.2
"""Seconds that a turn takes at least: what is quick is done several times, and the best counts."""

Job = Callable[[], tuple[list, float, float]]
"""Returns results, and the seconds and CPU seconds that count."""


def whole(work: Callable[[], list]) -> Job:
    """Return a job all of which counts."""

    def job() -> tuple[list, float, float]:
        began, spent = time.perf_counter(), time.process_time()
        made = work()
        return made, time.perf_counter() - began, time.process_time() - spent

    return job


def live(symbol: str) -> Job:
    """Return a job from frames in hand to the imbalance after each.

    The first frame confirms the snapshot, which is applied then or before: it is not timed.
    """
    data = frames(f"{symbol.lower()}usdt", 4000)
    (first_at, first), *rest = data.depth
    parameters = Parameters(decay=0.3, depth=LEVELS)

    def job() -> tuple[list, float, float]:
        market, values = Market(BinanceUsdm(f"{symbol}USDT"), levels=LEVELS, interval=0), []
        market.handle(market.venue.received(data.snapshot, 1), 1)
        market.receive(first, first_at)
        newest = newest_signal(market, parameters)
        began, spent = time.perf_counter(), time.process_time()
        for at, text in rest:
            market.receive(text, at)
            values.append(newest())
        took = time.perf_counter() - began, time.process_time() - spent
        return [np.array(values), states_digest(market.history())], *took

    return job


def load(symbol: str, scratch: Path) -> Job:
    """Return a job that loads a capture, unpacked."""
    path = scratch / f"{symbol}.txt"
    if not path.exists():
        path.write_bytes(b"".join(lines(captures(f"{symbol.lower()}usdt"))))
    seen = []

    def work() -> list:
        seen[:] = [obi.load(path)]
        return seen

    def job() -> tuple[list, float, float]:
        _, *took = whole(work)()
        return [states_digest(seen[0])], *took

    return job


def jobs(scratch: Path, days: float) -> dict[str, Job]:
    history = synthetic(round(DAY * days)).history()
    settings = obi.Settings(decay=0.3, depth=LEVELS)

    def sweep() -> list:
        surface = obi.sweep(history, decay=DECAYS, depth=DEPTHS, settings=settings)
        return [surface.entries, surface.mean_gross_bps]

    out: dict[str, Job] = {
        "recompute": whole(lambda: [obi.imbalance(history, settings)]),
        "sweep": whole(sweep),
    }
    if captures():
        for symbol in ("BTC", "ETH"):
            out[f"live {symbol}"] = live(symbol)
            out[f"bulk load {symbol}"] = load(symbol, scratch)
    return out


def digest(made: list) -> str:
    """Return a hash of results."""
    found = hashlib.sha256()
    for one in made:
        found.update(one.encode() if isinstance(one, str) else np.ascontiguousarray(one).tobytes())
    return found.hexdigest()


def timed(job: Job) -> dict[str, float]:
    best, least, spent = float("inf"), float("inf"), 0.0
    gc.collect()
    gc.disable()
    try:
        while spent < LEAST:
            _, wall, cpu = job()
            best, least, spent = min(best, wall), min(least, cpu), spent + wall
    finally:
        gc.enable()
    return {"wall": best, "cpu": least}


def main() -> None:
    wait()
    known = jobs(Path(sys.argv[1]), float(sys.argv[2]))
    for line in sys.stdin:
        what, _, name = line.strip().partition(" ")
        match what:
            case "names":
                answer: dict = {"names": list(known)}
            case "check":
                answer = {"digest": digest(known[name]()[0])}
            case "time":
                answer = timed(known[name])
            case _:
                answer = {"package": obi.__file__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
