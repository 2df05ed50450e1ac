"""A signal is added as docs/CONTRIBUTING.md says: a file and a registry line, in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import obi_widgets

PACKAGE = Path(obi_widgets.__file__).parent

SIGNAL = '''
"""Z-score of the ratio of bids to asks."""

from __future__ import annotations

import numpy as np

from obi_widgets.parameters import Levels, Seconds
from obi_widgets.signals.signal import signal


@signal(unit="sd", needs="levels", lookback="window", threshold=1.5)
def ratio_z(history, *, depth: Levels(1, 50) = 5, window: Seconds(5, 600) = 20.0):
    """Return how far the ratio of bids to asks is from its mean of late.

    Parameters
    ----------
    depth : int
        Levels a side.
    window : float
        Seconds that are looked back over.
    """
    bids, asks = (np.nansum(history.sizes(side)[:, :depth], axis=1) for side in (+1, -1))
    ratio = bids / asks
    begins = np.searchsorted(history.time, history.time - round(window * 1e9), "right")
    out = np.full(len(ratio), np.nan)
    for row, begin in enumerate(begins):
        part = ratio[begin : row + 1]
        if np.std(part) > 0:
            out[row] = (ratio[row] - np.mean(part)) / np.std(part)
    return out
'''

SCRIPT = """
    import sys
    from pathlib import Path

    import numpy as np
    import obi_widgets as obi
    from obi_widgets.presentation.texts import formatting
    from session_tools import wait_for
    from test_switch import check, show

    assert Path(obi.__file__).is_relative_to(Path.cwd()), obi.__file__
    recording = obi.record("sim:ETH-PERP", "sim", seconds=0.2, warmup=60.0, seed=2)
    history = obi.load(recording)
    settings = obi.Settings("ratio_z", depth=3, window=10)

    bids, asks = (np.nansum(history.sizes(side)[:, :3], axis=1) for side in (+1, -1))
    wanted, ratio = obi.compute(history, settings), bids / asks
    row = len(history) - 1
    part = ratio[history.time > history.time[row] - 10_000_000_000]
    assert np.isclose(wanted[row], (ratio[row] - part.mean()) / part.std(), rtol=1e-12)
    for count in (row // 2, row - 1):
        again = obi.compute(history[:count], settings)
        assert np.array_equal(again, wanted[:count], equal_nan=True)

    lab = obi.Lab(recording, speed=None)
    try:
        wait_for(lambda: lab.session.market.state == "closed", "the end of the recording")
        assert dict(lab.controls._choice.options)["Ratio z"] == "ratio_z"
        lab.controls._choice.value = "ratio_z"  # as a user chooses it
        lab.controls["depth"].control.value = 3
        lab.controls["window"].control.value = 10.0
        lab.settings.threshold = 1.5
        values = obi.compute(lab.history, lab.settings)
        check(
            lab, values, title="Ratio z", unit="sd", own=["depth", "window"], behind=[], used=3,
            weighs=False, text=formatting.signal(values[-1], show(lab).signal_range),
        )
        lab.export("chosen.toml")
        assert obi.Settings.load("chosen.toml").signal.name == "ratio_z"
    finally:
        lab.close()

    trades = obi.entries(history, settings)
    times = trades["entry_time"].to_numpy().astype("datetime64[ns]").view(np.int64)
    rows = np.searchsorted(history.time, times)
    assert len(rows) and np.array_equal(np.sign(wanted[rows]), trades["side"])
    report = obi.calibrate(history, settings, horizons=[1, 2])
    assert report.findings.signal == "ratio_z"
    surface = obi.sweep(history, depth=[2, 3], window=[10, 20], settings=settings)
    chosen = surface.settings((1, 0, *[0] * (surface.entries.ndim - 2)))
    assert (chosen.signal.name, chosen.depth, chosen.window) == ("ratio_z", 3, 10)
    assert surface.entries.sum() > 0
    strategy = obi.export_strategy("strategy.py", settings, history)
    assert "np.std(part)" in strategy.read_text()
    print("every surface")
"""


@pytest.mark.slow
def test_a_file_and_a_registry_line_make_a_signal_of_every_surface(tmp_path):
    copy = tmp_path / "obi_widgets"
    # Compiled kernels go with their sources: numba knows them by a file's time and size.
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.pyc"))
    (copy / "signals/ratio_z.py").write_text(SIGNAL)
    registry = copy / "signals/registry.py"
    line = '    "queue_imbalance": "obi_widgets.signals.queue_imbalance",\n'
    text = registry.read_text()
    assert line in text
    registry.write_text(text.replace(line, line + line.replace("queue_imbalance", "ratio_z")))
    places = os.pathsep.join([str(tmp_path), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], cwd=tmp_path, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": places}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("every surface\n")
