"""Opening JupyterLab with the lab already running: no cell has to be run first.

A server is started, a notebook is run in a kernel of its, and only then is the browser sent
there: JupyterLab finds the notebook's kernel at work, and shows its widgets.
"""

from __future__ import annotations

import html
import tempfile
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.cli.jupyter_server import serving
from obi_widgets.errors import ObiError
from obi_widgets.feeds import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOK = "obi-lab.ipynb"
MADE_HERE = "obi_widgets"
"""A key of the notebook's metadata: without it, a file of that name is somebody's own."""


def open_lab(source: str, *, port: int = 8888, browser: bool = True) -> int:
    """Open JupyterLab in the current folder, on a notebook that shows a lab, live.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, or the path of a recording.
    port : int
        The first port to try.
    browser : bool
        Whether to open a browser; the address is printed in any case.

    Returns
    -------
    int
        0, once it has been stopped.

    Raises
    ------
    SourceError
        A source that is neither a known venue nor a file.
    ObiError
        When JupyterLab is not installed, or does not come up.
    """
    resolve(source)
    try:
        import jupyterlab  # noqa: F401
    except ImportError:
        raise ObiError(
            "JupyterLab is not installed.", "Install it with: pip install 'obi-widgets[lab]'."
        ) from None
    path = _free_path(Path(NOTEBOOK))
    cells = ["import obi_widgets as obi", f"lab = obi.Lab({source!r})\nlab"]
    _write(path, cells, [[], []])
    with serving(port, Path.cwd()) as server:
        outputs = server.run(path, cells)
        _write(path, cells, outputs)
        url = f"{server.address}lab/tree/{path}?token={server.token}"
        with _redirect(url) as page, suppress(KeyboardInterrupt):
            print(f"The lab is running. Stop it with Ctrl-C.\n{url}", flush=True)
            if browser:
                webbrowser.open(page.as_uri())
            return server.wait()
    return 0


def _free_path(path: Path) -> Path:
    """Return a name that is not of somebody's own notebook."""
    import nbformat

    first, number = path, 1
    while path.exists():
        with suppress(nbformat.reader.NotJSONError, nbformat.ValidationError):
            if MADE_HERE in nbformat.read(path, as_version=4).metadata:
                return path
        number += 1
        path = first.with_stem(f"{first.stem}-{number}")
    return path


def _write(path: Path, cells: list[str], outputs: list[list[Any]]) -> None:
    """Write the notebook, and sign it: JupyterLab shows no widget of one it does not trust."""
    from nbformat import v4, write
    from nbformat.sign import NotebookNotary

    notebook = v4.new_notebook(
        cells=[
            v4.new_code_cell(cell, id=f"lab-{number}", outputs=output, execution_count=number + 1)
            for number, (cell, output) in enumerate(zip(cells, outputs, strict=True))
        ],
        metadata={
            MADE_HERE: {},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
        },
    )
    write(notebook, path)
    notary = NotebookNotary()
    try:
        notary.sign(notebook)
    finally:
        notary.store.close()  # a database, which Python 3.13 warns of where it stays open


@contextmanager
def _redirect(url: str) -> Iterator[Path]:
    """Keep a page that leads to a URL, and that only its owner can read.

    Its path may stand on the browser's command line; the URL, with the token in it, may not.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    link = html.escape(url)
    with tempfile.NamedTemporaryFile(  # mode 0600
        "w", suffix=".html", prefix="obi-lab-", dir=jupyter_runtime_dir(), encoding="utf-8"
    ) as file:
        file.write(
            f'<!DOCTYPE html><meta charset="utf-8"><title>Opening the lab</title>'
            f'<meta http-equiv="refresh" content="0; url={link}"><a href="{link}">The lab</a>\n'
        )
        file.flush()
        yield Path(file.name)
