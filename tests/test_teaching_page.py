"""docs/teaching.md: its example runs, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import answering
from obi_widgets.teaching import blind_test

PAGE = (Path(__file__).parents[1] / "docs/teaching.md").read_text(encoding="utf-8")


def test_its_example_runs_and_scores_better_than_not_knowing():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert len(names["score"].table) == 6
    assert names["score"].brier < 0.25


def test_it_tells_the_kinds_of_tapes():
    kinds = re.findall(r"^\| ([\w ]+) \| 1/(\d) \|", PAGE, re.MULTILINE)
    assert {name: 1 / int(of) for name, of in kinds} == blind_test.CHANCES
    low, high = blind_test.EDGES_THAT_PAY
    assert f"edge of {low:g} to {high:g} bps" in PAGE
    low, high = blind_test.SHARE_OF_COSTS
    assert f"edge of {low:g} to {high:g} times the costs" in PAGE


def test_it_has_every_way_of_answering():
    ways = re.findall(r"^\| ([^|]+) \| 0\.\d{3} \(", PAGE, re.MULTILINE)
    assert sorted(ways) == sorted(answering.ANSWERS)
