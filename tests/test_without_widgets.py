"""Without the packages of widgets: what needs no notebook runs, and what does says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LEFT_OUT = re.compile(r"ipywidgets|bqplot|bqscales|anywidget|jupyter.*|ipython|ipykernel|notebook")
"""Names of the distributions that this environment lacks."""

USE = """
    import runpy, sys

    folder = sys.argv[1]
    from obi_widgets.cli.main import main

    assert main(["record", "sim:BTC-PERP", f"{folder}/tape.gz", "--seconds", "2"]) == 0
    assert main(["watch", "sim:BTC-PERP", "--rows", "1"]) == 0
    assert main(["lab"]) == 1  # which says that JupyterLab is missing

    import obi_widgets as obi

    history = obi.load(f"{folder}/tape.gz", interval=0)
    settings = obi.Settings(threshold=0.1, hold_seconds=0.5)
    settings.save(f"{folder}/btc.toml")
    path = obi.export_strategy(f"{folder}/strategy.py", settings, history)
    strategy = runpy.run_path(str(path))["Strategy"]("sim:BTC-PERP")
    entered = []
    for at in range(len(history)):
        book = [
            [(p, q) for p, q in zip(history.prices(side)[at], history.sizes(side)[at]) if q > 0]
            for side in (+1, -1)
        ]
        decision = strategy.decide(int(history.time[at]), *book)
        if decision.enter:
            entered.append(int(history.time[at]))
    assert abs(decision.imbalance - obi.imbalance(history, settings)[-1]) < 1e-9
    assert entered == [one.value for one in obi.entries(history, settings).entry_time]
    assert entered
    config = f"{folder}/btc.toml"
    paper = ["paper", config, "--source", "sim:BTC-PERP", "--seconds", "1"]
    assert main([*paper, "--log", f"{folder}/log.jsonl"]) == 0
    assert obi.calibrate(history, settings, horizons=[0.5]).verdict
    assert obi.compare(history, ["queue_imbalance", "depth_ratio"], horizons=[0.5]).names
    for name in ("Lab", "Board", "BookWidget"):
        try:
            getattr(obi, name)
        except obi.ObiError as error:
            assert "not installed" in error.what and "pip install" in error.advice
        else:
            raise AssertionError(name)
    toolkits = {"ipywidgets", "bqplot", "anywidget", "jupyterlab", "IPython"}
    assert not toolkits & {name.partition(".")[0] for name in sys.modules}
    print("all ran")
"""


def _without(folder: Path) -> None:
    """Link everything that is installed here into a folder, less what is left out."""
    lacking = {"obi_widgets", "__pycache__"}
    present: dict[str, Path] = {}
    for one in distributions():
        names = {Path(file).parts[0] for file in one.files or () if ".." not in Path(file).parts}
        if LEFT_OUT.fullmatch(one.metadata["Name"].lower().replace("_", "-")):
            lacking |= names
        else:
            present |= {name: Path(str(one.locate_file(name))) for name in names}
    for name, path in present.items():
        if name not in lacking and path.exists():
            (folder / name).symlink_to(path)
    (folder / "obi_widgets").symlink_to(ROOT / "obi_widgets")


@pytest.mark.slow
def test_record_watch_paper_and_a_strategy_run(tmp_path):
    site, work = tmp_path / "site", tmp_path / "work"
    site.mkdir()
    work.mkdir()
    _without(site)
    script = work / "use.py"
    script.write_text(textwrap.dedent(USE), encoding="utf-8")
    # -S: nothing of the environment's own folder is seen.
    done = subprocess.run(
        [sys.executable, "-S", str(script), str(work)],
        env={**os.environ, "PYTHONPATH": str(site)}, cwd=work,
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["all ran"], done.stderr
    assert "JupyterLab is not installed." in done.stderr
