"""Notebooks as pages of the site: run in a folder of their own, with pictures, and whole."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import nbformat
import notebook_runs
import pytest
from check_site import problems
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def pages():
    pytest.importorskip("sphinx", reason="needs the extra docs, as the build of the site does")
    import notebook_pages

    return notebook_pages


def _still(dark: str) -> str:
    svg = f"<svg><style>@media{dark}{{rect{{fill:#111}}}}</style></svg>"
    image = base64.b64encode(svg.encode()).decode()
    return f'<div class="obi-still"><img src="data:image/svg+xml;base64,{image}"></div>'


def test_a_page_has_still_pictures_in_the_place_of_widgets_and_loads_nothing(pages, tmp_path):
    shown = [
        new_output("display_data", {WIDGET: {"model_id": "1"}, "text/plain": "Lab()"}),
        new_output("display_data", {"text/html": _still("(prefers-color-scheme:dark)")}),
        new_output("stream", name="stdout", text="waiting: 1%\r"),
        new_output("stream", name="stdout", text="waiting: 2%\rdone\n"),
    ]
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Title\n[a](../docs/teaching.md#plan), [b](02_other.ipynb)"),
            new_code_cell("lab", outputs=shown),
        ],
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}},
    )
    text = pages.page(notebook)
    assert "Lab()" not in text
    assert "obi-still" in text
    assert "<script" not in text
    (image,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert "not all" in base64.b64decode(image).decode()
    assert "waiting" not in text
    assert "done" in text
    (tmp_path / "teaching.html").write_text('<p id="plan">')
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/02_other.html").write_text("")
    (tmp_path / "notebooks/01.html").write_text(text)
    assert problems(tmp_path, []) == []


@pytest.mark.notebook
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_notebook_is_run_once_and_its_lab_is_a_picture(pages, tmp_path, monkeypatch):
    source = "import obi_widgets as obi\nobi.Lab(obi.simulate(seconds=60, seed=1))"
    notebook = new_notebook(cells=[new_markdown_cell("# A lab"), new_code_cell(source)])
    path, kept = tmp_path / "00_lab.ipynb", tmp_path / "kept"
    nbformat.write(notebook, path)
    ran = notebook_runs.run_once(path, kept)
    monkeypatch.setattr(notebook_runs, "run", None)
    again = notebook_runs.run_once(path, kept)
    assert again.cells == ran.cells
    pages.write(again, tmp_path / "pages", path.stem)
    text = (tmp_path / "pages/00_lab.html").read_text(encoding="utf-8")
    assert "Still picture of BTC-PERP" in text
    assert 'src="data:image/svg+xml;base64,' in text
    assert pages.title(path) == "A lab"
    assert [one.name for one in tmp_path.glob("*.ipynb")] == ["00_lab.ipynb"]


def test_a_run_is_kept_until_the_notebook_or_the_package_changes(tmp_path, monkeypatch):
    package, kept, path = tmp_path / "package", tmp_path / "kept", tmp_path / "a.ipynb"
    package.mkdir()
    module = package / "module.py"
    runs = []

    def run(path):
        runs.append(path)
        return nbformat.read(path, as_version=4)

    monkeypatch.setattr(notebook_runs, "PACKAGE", package)
    monkeypatch.setattr(notebook_runs, "run", run)
    changes = [(module, "x = 1"), (path, "first"), (module, "x = 2"), (path, "second")]
    for count, (file, text) in enumerate(changes):
        if file == path:
            nbformat.write(new_notebook(cells=[new_code_cell(text, id="a")]), path)
        else:
            file.write_text(text)
        if path.exists():
            for _ in range(2):
                notebook_runs.run_once(path, kept)
            assert len(runs) == count
            assert len(list(kept.iterdir())) == 1, "only the newest is kept"


@pytest.mark.notebook
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_notebook_that_leaves_a_file_or_fails_is_told_and_not_kept(tmp_path):
    for source, said in (
        ("open('left.txt', 'w').close()", "a.ipynb leaves files beside it: left.txt."),
        ("1 / 0", "ZeroDivisionError"),
    ):
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / "a.ipynb")
        with pytest.raises((RuntimeError, CellExecutionError), match=said):
            notebook_runs.run_once(tmp_path / "a.ipynb", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_each_notebook_has_a_page(pages):
    assert [path.name for path in pages.NOTEBOOKS] == sorted(
        path.name for path in (ROOT / "examples").glob("*.ipynb")
    )
    assert "```{pages}" in (ROOT / "docs/notebooks.md").read_text(encoding="utf-8")
