"""How soon a fresh installation answers, and a Binder image: ``python -m benchmarks.start``.

A virtual environment is made from ``binder/requirements.txt`` alone. Then, in processes of their
own:

- after ``binder/postBuild`` ran as if on another processor, notebook 03 is opened in a kernel below
  ``binder/start``, up to its first verdict. Files are given whole seconds before, as in an image
  that was copied. As a control, the same without ``binder/start``: then it has to compile;
- with nothing compiled, the first simulation, calibrations and sweep at the sizes of the notebooks,
  the simulation of README, and the first row of ``obi-widgets watch``; and with all compiled. The
  goal of each is 3 s.

How a lab streams meanwhile is measured by ``python -m benchmarks.first_minute``.

Seconds are those of the clock, and in brackets those of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.base import HERE

FIRST = """
import json, time
began = time.monotonic(), time.process_time()
told = {}

def note(name):
    global began
    now = time.monotonic(), time.process_time()
    told[name] = [now[0] - began[0], now[1] - began[1]]
    began = time.monotonic(), time.process_time()

import numpy as np
import obi_widgets as obi
note("import")
history = obi.simulate("sim:BTC-PERP", seconds=1800, edge=4.0, seed=1, levels=20)
note("simulate 1,800 s")
settings = obi.Settings(decay=0.1, depth=10, threshold=0.4, price="mid", fee_bps=0.0)
obi.calibrate(history, settings)
note("calibrate")
obi.calibrate(history, obi.Settings(decay=0.1, depth=10, threshold=0.4, execution="post_only"))
note("calibrate post-only orders")
obi.sweep(history, threshold=np.linspace(0.1, 0.8, 8), hold_seconds=[1, 2, 5, 10, 20, 30])
note("sweep of 48 settings")
obi.simulate("sim:BTC-PERP", seconds=3600)
note("simulate 3,600 s")
print(json.dumps(told))
"""

OPEN = """
import json, os, resource, sys, time
import nbformat
from nbclient import NotebookClient

class Found(Exception):
    pass

def look(cell, cell_index, **_):
    text = "".join(one.get("text", "") for one in cell.get("outputs", []))
    said.append(text)
    if "VIABLE" in text or "NOT ENOUGH DATA" in text:
        raise Found

said = []
notebook = nbformat.read(sys.argv[1], as_version=4)
began = time.monotonic()
where = {"metadata": {"path": os.path.dirname(sys.argv[1])}}  # as when it is opened there
client = NotebookClient(notebook, timeout=600, on_cell_executed=look, resources=where)
try:
    client.execute()
except Found:
    pass
took = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([took, used.ru_utime + used.ru_stime, "".join(said)]))
"""

ELSEWHERE = """
import llvmlite.binding as ll

ll.get_host_cpu_name = lambda: "btver1"
ll.get_host_cpu_features = lambda: ll.FeatureMap()
"""
"""What makes numba believe that it is on another processor."""


def run(*command: object, **how) -> str:
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True, **how
    )
    return done.stdout


def environment(venv: Path, **more: str) -> dict[str, str]:
    """Return the environment of a shell in which a virtual environment is active."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}", **more}


def first_answers(venv: Path, cache: Path) -> dict[str, list[float]]:
    found = run(
        venv / "bin/python", "-c", FIRST, cwd=cache.parent,
        env=environment(venv, NUMBA_CACHE_DIR=str(cache)),
    )  # fmt: skip
    return json.loads(found.splitlines()[-1])


def first_row(venv: Path, cache: Path) -> float:
    """Return seconds from the start of ``obi-widgets watch`` to its first row."""
    began = time.monotonic()
    with subprocess.Popen(
        [venv / "bin/obi-widgets", "watch", "sim:BTC-PERP", "--json", "--rows", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cache.parent,
        env=environment(venv, NUMBA_CACHE_DIR=str(cache)),
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        return next(time.monotonic() - began for line in watching.stdout if '"row"' in line)


def opened(venv: Path, *before: object) -> tuple[float, float, bool]:
    """Return seconds to the first verdict, of the clock and the processor; whether it compiled."""
    notebook = HERE / "examples/03_calibrate.ipynb"
    found = run(*before, venv / "bin/python", "-c", OPEN, notebook, cwd=HERE, env=environment(venv))
    took, used, said = json.loads(found.splitlines()[-1])
    if "VIABLE" not in said:
        raise SystemExit(f"There was no verdict: {said}")
    return took, used, "compiling" in said


def build(venv: Path, scratch: Path) -> None:
    """Run postBuild as on another machine, and copy the image."""
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "sitecustomize.py").write_text(ELSEWHERE)
    run("binder/postBuild", cwd=HERE, env={**environment(venv), "PYTHONPATH": str(elsewhere)})
    for file in venv.rglob("obi_widgets/**/*.py"):
        seconds = int(file.stat().st_mtime)
        os.utime(file, (seconds, seconds))


def measure_first(venv: Path, scratch: Path, rounds: int) -> None:
    """Print how soon a fresh installation answers, and one where all is compiled."""
    for number in range(rounds):
        cache = scratch / f"cache{number}"
        for how in ("nothing compiled", "all compiled"):
            print(f"{how}: first row of watch {first_row(venv, cache):.1f} s", flush=True)
            found = first_answers(venv, cache)
            told = [f"{name} {wall:.1f} ({cpu:.1f}) s" for name, (wall, cpu) in found.items()]
            print(f"{how}: {', '.join(told)}", flush=True)
            if how == "nothing compiled":
                began = os.times()
                run(
                    venv / "bin/obi-widgets", "warm", stderr=subprocess.DEVNULL,
                    env=environment(venv, NUMBA_CACHE_DIR=str(cache)),
                )  # fmt: skip
                print(f"compiling the rest: {_between(began)}", flush=True)


def measure_binder(venv: Path, scratch: Path) -> None:
    """Print how long postBuild takes, and how soon the image has the first verdict."""
    began = os.times()
    build(venv, scratch)
    print(f"postBuild, as on another processor: {_between(began)}", flush=True)
    for name, before in {"below binder/start": ["binder/start"], "without it": []}.items():
        wall, cpu, compiled = opened(venv, *before)
        print(
            f"first verdict of notebook 03, {name}: {wall:.1f} ({cpu:.1f}) s, "
            f"{'it compiled' if compiled else 'nothing was compiled'}",
            flush=True,
        )


def _between(began: os.times_result) -> str:
    now = os.times()
    used = now.children_user + now.children_system - began.children_user - began.children_system
    return f"{now.elapsed - began.elapsed:.1f} ({used:.1f}) s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument(
        "--python", default=sys.executable, help="of the environment; 3.12 or newer, as Binder has"
    )
    parser.add_argument("--venv", type=Path, help="an environment that is there already")
    parser.add_argument("--rounds", type=int, default=3, help="of the first answers; 0: none")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="obi-start-") as folder:
        scratch = Path(folder)
        venv = chosen.venv
        if venv is None:
            venv = scratch / "venv"
            began = os.times()
            run(chosen.python, "-m", "venv", venv)
            run(
                venv / "bin/pip", "install", "-q", "-r", "binder/requirements.txt",
                cwd=HERE, env=environment(venv),
            )  # fmt: skip
            print(f"installed in {_between(began)}", flush=True)
        measure_binder(venv, scratch)
        measure_first(venv, scratch, chosen.rounds)


if __name__ == "__main__":
    main()
