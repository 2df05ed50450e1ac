"""docs/walls.md: its example runs, and it names every call."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/walls.md").read_text(encoding="utf-8")


def test_its_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert "are taken for spoofs" in capsys.readouterr().out
    assert len(names["truth"]) > 10
    assert names["shown"]["spoof"].sum() > 10


def test_it_names_every_call():
    calls = {"walls", "wall_markouts", "spoofs", "simulate_spoofs", "wall_fade", "wall_breakout"}
    assert calls <= set(re.findall(r"obi\.(\w+)", PAGE))
