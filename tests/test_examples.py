"""Every notebook in examples/ runs, as a person would run it: all cells, from top to bottom."""

from __future__ import annotations

import ast
import base64
import re
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest
from notebook_runs import run_once

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.notebook
# nbclient's own: a loop of its, and a socket that zmq closes when it is collected.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_says(path):
    from nbconvert import HTMLExporter

    notebook = run_once(path)  # or when the site was built
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    kinds = {kind for cell in code for out in cell.outputs for kind in out.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in kinds
    said = [out.text for cell in code for out in cell.outputs if out.get("name") == "stderr"]
    assert said == []
    if path.stem.startswith("10"):
        check_exercises(notebook.cells)
    # Each widget has its picture and its figures, for readers without a kernel.
    for cell in code:
        data = [out.get("data", {}) for out in cell.outputs]
        widgets = sum("application/vnd.jupyter.widget-view+json" in one for one in data)
        stills = [one["text/html"] for one in data if "obi-still" in one.get("text/html", "")]
        assert len(stills) == widgets
        assert all("Run this cell to start it again." in one and "<td>" in one for one in stills)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    images = re.findall('src="data:image/svg\\+xml;base64,([^"]+)"', html)
    assert images, "a picture without a kernel"
    for image in images:
        ET.fromstring(base64.b64decode(image))


def printed(cell):
    """Return what a cell of code printed, a text for each output."""
    return [out.get("text") or out["data"]["text/plain"] for out in cell.outputs]


def check_exercises(cells):
    """Hold what the folded answers of the exercises say against what their cells print."""
    outputs = {out for cell in cells if cell.cell_type == "code" for out in printed(cell)}
    brier = {
        name.strip(): float(score)
        for out in outputs if "Brier  right" in out
        for name, score in re.findall(r"^(\D[^\n]*?) {2,}(\d\.\d+) ", out, re.MULTILINE)
    }  # fmt: skip
    assert min(brier, key=brier.get) == "no trend, and the last 30 %"
    assert brier["the verdict"] < 0.2 < brier["naive t, after costs"]
    (traps,) = (out for out in outputs if "edge gone  jumps  trend" in out)
    naive = re.search(r"^naive t.* ([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", traps, re.MULTILINE)
    calm, gone, jumps, trend = (float(one) for one in naive.groups())
    assert calm < 0.05 < 0.1 < min(gone, jumps, trend)
    said, answers = {}, 0
    for cell in cells:
        if found := re.search(r"^## (\d)\. ", cell.source, re.MULTILINE):
            exercise = int(found[1])
        elif cell.cell_type == "code" and answers < 5 and "exercise" in locals():
            said[exercise] = "\n".join(printed(cell))
        answers += cell.source.startswith("<details><summary>Answer</summary>")
    assert answers == len(said) == 5
    decays = [float(one) for one in re.findall(r"decay 0: ([\d.]+)", said[1])]
    assert min(decays[:2]) > 0.999, "a dead slider"
    assert decays[-1] < 0.98
    assert any(40 < int(share) < 60 for share in re.findall(r"(\d+)%", said[2]))
    naive, honest = (int(one) for one in re.findall(r": (\d+)% of 60", said[3]))
    assert naive > 50
    assert honest < 15
    row = r"^\d .* (-?\d+\.\d+) +(-?\d+\.\d+) +([a-z ]+?) +([a-z]+)$"
    figures = [
        (float(first), float(second), truth, price)
        for first, second, truth, price in re.findall(row, said[4], re.MULTILINE)
    ]
    assert len(figures) == 6
    assert sum(truth == "pays" for _, _, truth, _ in figures) == 3
    assert all(first > 0 for first, *_ in figures)
    assert sum(second < first for first, second, *_ in figures) >= 4
    assert sum(second < 0 for _, second, *_ in figures) >= 2
    assert figures[3][2:] == ("no edge", "trend")
    assert figures[3][1] > 1, "the trend is in both halves"
    bid, none, ask = (float(one) for one in re.findall(r"mean imbalance ([+-][\d.]+)", said[5]))
    assert bid > none + 0.1 > ask + 0.2
    near = [float(one) for one in re.findall(r"only: ([+-][\d.]+), ([+-][\d.]+)", said[5])[0]]
    assert max(near) - min(near) < (bid - ask) / 3, "not seen in five levels"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_what_an_installation_has(path):
    project = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text("utf-8"))["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["lab"]]
    brought = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in needs}
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [one.name for one in node.names] if isinstance(node, ast.Import)
            else [node.module] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert "obi_widgets" in imported
    assert imported - brought - sys.stdlib_module_names == set()
