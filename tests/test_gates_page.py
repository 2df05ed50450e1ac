"""docs/gates.md: its example runs, and it names every gate."""

from __future__ import annotations

import re
from pathlib import Path

from obi_widgets.trading.gates import registry

PAGE = (Path(__file__).parents[1] / "docs/gates.md").read_text(encoding="utf-8")


def test_its_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    try:
        exec(example, names)
    finally:
        registry._user_gates.pop("narrow", None)
    assert names["table"].index.tolist() == ["narrow", "volatility", "all"]
    assert (names["table"]["removed"] > 0).any()


def test_it_names_every_gate():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(registry.BUILT_IN)
