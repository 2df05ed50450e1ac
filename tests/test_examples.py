"""Every notebook in examples/ runs, as a person would run it: all cells, from top to bottom."""

from __future__ import annotations

import base64
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.notebook
# nbclient's own: a loop of its, and a socket that zmq closes when it is collected.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_says(path, tmp_path):
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    shutil.copy(path, tmp_path)  # what it writes is not left in the repository
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    client = NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # it writes nothing beside it
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    kinds = {kind for cell in code for out in cell.outputs for kind in out.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in kinds
    said = [out.text for cell in code for out in cell.outputs if out.get("name") == "stderr"]
    assert said == []
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
