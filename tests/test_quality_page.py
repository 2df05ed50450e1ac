"""docs/quality.md: its example runs, and it names every call of the room."""

from __future__ import annotations

import re
from pathlib import Path

from public_types import PLACES

PAGE = (Path(__file__).parents[1] / "docs/quality.md").read_text(encoding="utf-8")


def test_its_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert "the book ends here" in capsys.readouterr().out
    assert names["whole"]["says"].tolist()[:2] == ["", ""]
    cost = [names[one].set_index(["size", "side"])["mean_bps"] for one in ("half", "whole")]
    assert (cost[0] >= cost[1][cost[0].index]).all()


def test_it_names_every_call():
    room = {name for name, place in PLACES.items() if place.startswith("calibration.quality")}
    assert room == set(re.findall(r"obi\.(\w+)\(history", PAGE)) - {"simulate"}
