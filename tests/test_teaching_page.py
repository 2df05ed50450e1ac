"""docs/teaching.md: its example runs, and its figures are those of the code; the plan is a page."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from benchmarks import answering
from obi_widgets.teaching import blind_test, tapes

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/teaching.md").read_text(encoding="utf-8")

PLAN = (ROOT / "docs/lesson-plan.md").read_text(encoding="utf-8")
NOTEBOOK = "\n".join(
    cell.source
    for cell in nbformat.read(
        ROOT / "examples/10_which_market_has_an_edge.ipynb", as_version=4
    ).cells
    if cell.cell_type == "markdown"
)


def test_its_example_runs_and_scores_better_than_not_knowing():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert len(names["score"].table) == 6
    assert names["score"].brier < 0.25


def test_it_tells_the_kinds_of_tapes():
    drawn = re.findall(r"^\| ([\w ]+) \| (\d)/(\d) \|", PAGE, re.MULTILINE)
    chances = {name: int(part) / int(of) for name, part, of in drawn}
    assert chances == blind_test.CHANCES | blind_test.PRICES
    low, high = blind_test.EDGES_THAT_PAY
    assert f"edge of {low:g} to {high:g} bps" in PAGE
    low, high = blind_test.SHARE_OF_COSTS
    assert f"edge of {low:g} to {high:g} times the costs" in PAGE
    (low, high), (first, last) = blind_test.EDGES_GONE, blind_test.ENDS
    assert f"edge of {low:g} to {high:g} bps until {first:g} to {last:g} of the tape" in PAGE
    low, high = tapes.TRENDS
    assert f"drifts by {low:g} to {high:g} bps an hour" in PAGE
    assert tapes.JUMPS == 2
    assert f"standard deviation of {tapes.JUMP_BPS:g} bps" in PAGE


def test_it_has_every_way_of_answering():
    ways = re.findall(r"^\| ([^|]+) \| 0\.\d{3} \(", PAGE, re.MULTILINE)
    assert sorted(ways) == sorted(answering.ANSWERS)
    assert len(ways) == 30, "as the page, the plan and the notebook say"


def test_the_plan_names_parts_of_the_notebook_and_fills_45_minutes():
    rows = re.findall(r"^\| (\d+)–(\d+) \|.*\| ([^|]+) \|$", PLAN, re.MULTILINE)
    ends = [0, *(int(end) for _, end, _ in rows)]
    assert [int(start) for start, *_ in rows] == ends[:-1]
    assert ends[-1] == 45
    heads = {line.lstrip("# ") for line in NOTEBOOK.splitlines() if line.startswith("#")}
    assert {name for *_, where in rows for name in re.findall('"([^"]+)"', where)} <= heads
    assert len(PLAN.split()) < 450, "a page"


def test_the_tapes_by_what_deceives_are_all_tapes():
    (row,) = re.findall(r"^\| \*number of tapes\* \| (.*) \|$", PAGE, re.MULTILINE)
    assert sum(int(one) for one in row.split(" | ")) == 48 * 6
