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
import notebook_claims
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
    if check := notebook_claims.CHECKS.get(path.stem[:2]):
        check(notebook.cells)
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
