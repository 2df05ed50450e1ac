"""The notebooks of examples/ as pages of the site, run when it is built, with their pictures.

A page lists them by a directive, whose content is the text for whoever reads the page elsewhere:

    ```{pages}
    They are on the site.
    ```
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from docutils import nodes
from nbconvert import HTMLExporter
from notebook_runs import run_once
from sphinx.util.docutils import SphinxDirective
from traitlets.config import Config

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parent / "examples").glob("*.ipynb"))
MADE = HERE / "_made/extra/notebooks"
"""Where they are written. It is not committed."""

WIDGET = "application/vnd.jupyter.widget-view+json"


def write(notebook: NotebookNode, into: Path, name: str) -> None:
    """Write a notebook that has run as a page."""
    into.mkdir(parents=True, exist_ok=True)
    (into / f"{name}.html").write_text(page(notebook), encoding="utf-8")


def page(notebook: NotebookNode) -> str:
    """Return a notebook that has run as a page: still pictures in the place of widgets."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\(\.\./docs/([\w-]+)\.md", r"](../\1.html", cell.source)
            cell.source = re.sub(r"\]\(([\w-]+)\.ipynb", r"](\1.html", cell.source)
            continue
        cell.outputs = [out for out in cell.get("outputs", []) if WIDGET not in out.get("data", {})]
    # A progress bar is one line, and not one for each of its states.
    joined = Config({"CoalesceStreamsPreprocessor": {"enabled": True}})
    exporter = HTMLExporter(template_name="lab", config=joined)
    text, _ = exporter.from_notebook_node(notebook)
    # Its scripts load more from elsewhere, for formulas and live widgets, which are not here.
    text = re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)
    # nbconvert's page is light, so the pictures are.
    return re.sub(r'(?<="data:image/svg\+xml;base64,)[^"]+', _light, text)


def _light(found: re.Match[str]) -> str:
    drawn = base64.b64decode(found[0]).decode().replace("(prefers-color-scheme:dark)", " not all")
    return base64.b64encode(drawn.encode()).decode()


def title(path: Path) -> str:
    """Return the first heading of a notebook."""
    first = nbformat.read(path, as_version=4).cells[0].source
    return first.partition("\n")[0].lstrip("# ")


def make_all(app: Sphinx) -> None:
    """Write the pages that are not there yet; delete the folder to have all made again."""
    for path in NOTEBOOKS:
        if not (MADE / f"{path.stem}.html").exists():
            write(run_once(path), MADE, path.stem)


class Pages(SphinxDirective):
    """A list of the notebooks, each with a link to its page."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a sentence and the list."""
        text = nodes.paragraph("", "As pages, with the outputs and pictures of a run:")
        listed = nodes.bullet_list()
        for path in NOTEBOOKS:
            link = nodes.reference("", title(path), refuri=f"notebooks/{path.stem}.html")
            listed += nodes.list_item("", nodes.paragraph("", "", link))
        return [text, listed]


def setup(app: Sphinx) -> dict[str, bool]:
    """Have them made before pages are read."""
    app.connect("builder-inited", make_all)
    app.add_directive("pages", Pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
