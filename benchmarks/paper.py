"""A paper run on the simulated exchange, held against two recordings of the same time.

    python -m benchmarks.paper --seconds 600 --faults 10

One recording is of the paper run's own frames. The other is of a client of its own, which loses
other frames and connects again at other times. It prints what `obi.reconcile` says of both.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
import warnings
from pathlib import Path

import obi_widgets as obi
from obi_widgets.feeds.loading import load
from obi_widgets.feeds.record import record
from obi_widgets.feeds.simulation.alone import serve
from obi_widgets.feeds.sources import open_feed
from obi_widgets.session.papering import PaperTrading

SOURCE = "lmex:BTC-PERP"


def run(folder: Path, seconds: float, faults: float | None, settings: obi.Parameters) -> list[str]:
    """Run on paper; return which faults there were."""
    stop, ready, urls, failed = threading.Event(), threading.Event(), {}, []

    def opened(given):
        urls.update(given)
        ready.set()

    serving = threading.Thread(
        target=serve, args=(["BTC-PERP"], opened, stop),
        kwargs={"seed": 5, "faults_every": faults, "failed": failed.append},
    )  # fmt: skip
    serving.start()
    try:
        ready.wait(30)
        other = threading.Thread(
            target=record, args=(SOURCE, folder / "other.gz"),
            kwargs={"seconds": seconds, "urls": dict(urls)},
        )  # fmt: skip
        other.start()
        time.sleep(2)
        feed = open_feed(SOURCE, urls=dict(urls))
        paper = PaperTrading(feed, settings, folder / "paper.jsonl", record=folder / "own.gz")
        paper.run(seconds)
        other.join()
    finally:
        stop.set()
        serving.join()
    return failed


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--faults", type=float, help="Mean seconds from one fault to the next.")
    parser.add_argument("--folder", type=Path, help="Keep the files here.")
    asked = parser.parse_args()
    narrow = {"quantile": None, "most_bps": 0.15}
    settings = obi.Parameters(
        threshold=0.3, hold_seconds=3, latency_ms=100, gates={"spread": narrow}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        failed = run(folder, asked.seconds, asked.faults, settings)
        print(f"{len(failed)} faults: {', '.join(failed) or 'none'}")
        log = folder / "paper.jsonl"
        lines = log.read_text().count("\n")
        print(f"Log: {lines:,} lines, {log.stat().st_size:,} bytes.")
        for name in ("own", "other"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                history = load(folder / f"{name}.gz")
            began = time.perf_counter()
            found = obi.reconcile(log, history)
            took = time.perf_counter() - began
            print(f"\n{name}.gz, {len(history):,} states, {took:.2f} s: {found}")
            causes = found.table[found.table.what != "same"]
            for (what, cause), rows in causes.groupby(["what", "cause"]):
                print(f"  {len(rows):3} {what}: {cause}")


if __name__ == "__main__":
    main()
