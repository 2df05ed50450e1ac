"""Run every comparison, and write the table and the plot: ``python -m benchmarks.core``.

``--quick`` takes a tenth of a day and fewer rounds, and writes nothing unless told where.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from obi_widgets import __version__

from . import (
    charts,
    entries_bench,
    every_signal,
    in_session,
    live,
    replay,
    signal,
    startup,
    statistics_bench,
    sweeps,
)
from .data import DAY, synthetic
from .machine import describe
from .table import Section

HERE = Path(__file__).parents[1]

INTRO = """# What the core costs, beside its peers

Written by `python -m benchmarks.core` on {when}: obi_widgets {version} on {machine}.

All the designs of a comparison give the same answer, which is checked before anything is timed.
They are then run in turn, round after round, in shuffled order; times are medians with quartiles,
and a ratio is the median of the ratios within a round. Times are this machine's, and of what else
ran on it; ratios travel better.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of a day, fewer rounds")
    parser.add_argument("--out", type=Path, help="the folder for RESULTS.md and scaling.svg")
    chosen = parser.parse_args()
    quick, out = chosen.quick, chosen.out or (None if chosen.quick else HERE)
    began = time.monotonic()

    sections: list[Section] = []

    def done(section: Section) -> None:
        sections.append(section)
        print(section.text(), flush=True)

    arrays = synthetic(DAY // 10 if quick else DAY)
    history = arrays.history()
    done(signal.run(quick=quick, arrays=arrays, history=history))
    done(entries_bench.run(quick=quick, history=history))
    done(sweeps.run(quick=quick, arrays=arrays, history=history))
    done(statistics_bench.run(quick=quick, history=history))
    section, *length = charts.lengths(quick=quick, day=history)
    done(section)
    depth = charts.depths(quick=quick, arrays=arrays, history=history)
    done(charts.run(quick=quick, history=history))
    del arrays, history
    done(every_signal.run(quick=quick))
    done(in_session.run(quick=quick))
    done(in_session.run_touch(quick=quick))
    done(live.run(quick=quick))
    done(live.run_load(quick=quick))
    done(replay.run(quick=quick))
    done(startup.run(quick=quick))

    rows = [row for section in sections for row in section.rows]
    missed = [row for row in rows if row.met is False]
    said = f"{sum(row.met is True for row in rows)} goals met, {len(missed)} missed, in "
    said += f"{time.monotonic() - began:.0f} s."
    print(said)
    if out:
        intro = INTRO.format(
            when=datetime.now(UTC).strftime("%Y-%m-%d"), version=__version__, machine=describe()
        )
        parts = [intro, said + "\n", *(section.text() for section in sections)]
        (out / "RESULTS.md").write_text("\n".join(parts))
        charts.draw(out / "scaling.svg", tuple(length), depth)
    return 0


if __name__ == "__main__":
    sys.exit(main())
