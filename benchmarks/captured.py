"""Hashes of what the captures lead to: ``python -m benchmarks.captured [--at COMMIT]``.

`tests/test_captures.py` holds those of commit c954662.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from dataclasses import replace

import obi_widgets as obi
from benchmarks.base import environment, package
from benchmarks.core.data import captures

SYMBOLS = ("btcusdt", "ethusdt")
INTERVALS = (0.0, 0.1)


def digests(history: obi.History) -> tuple[int, str, str]:
    """Return how many states there are, their hash, and that of their imbalance by default."""
    if getattr(history, "flow", None) is not None:  # which that commit did not have
        history = replace(history, flow=None)
    values = obi.imbalance(history, obi.Settings())
    return len(history), history.sha256(), hashlib.sha256(values.tobytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.captured", description=__doc__)
    parser.add_argument("--at", metavar="COMMIT", help="of the package as it was then")
    chosen = parser.parse_args()
    if chosen.at:
        with package(chosen.at) as folder:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.captured"],
                cwd=folder, env=environment(folder), check=True,
            )  # fmt: skip
        return
    print(f"# {obi.__file__}")
    for symbol in SYMBOLS:
        for interval in INTERVALS:
            found = digests(obi.load(captures(symbol), interval=interval))
            print(f"{(symbol[:3], interval)}: {found},")


if __name__ == "__main__":
    main()
