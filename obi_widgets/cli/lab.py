"""The command ``obi-widgets lab``: open JupyterLab with the lab already running.

It starts a server, runs a notebook in one of its kernels, and only then opens the browser:
JupyterLab finds the notebook's kernel running, and shows its widgets.
"""

from __future__ import annotations

import html
import tempfile
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.cli.jupyter_server import serving
from obi_widgets.errors import ObiError, SettingsError
from obi_widgets.feeds.sources import find, open_feed
from obi_widgets.session.link import BEGIN, Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOTEBOOK = "obi-lab.ipynb"
MARKER = "obi_widgets"
"""Metadata key of notebooks written here. A notebook without it is the user's: never overwrite."""


def open_lab(
    source: str,
    options: Mapping[str, Any] | None = None,
    *,
    port: int = 8888,
    browser: bool = True,
) -> int:
    """Open JupyterLab in the current folder, on a notebook that shows a running lab.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, the path of a recording, or the text of ``lab.link()``.
    options : mapping of str to object, optional
        Arguments of `obi_widgets.Lab` about the source, by name.
    port : int
        The first port to try.
    browser : bool
        Whether to open a browser. The address is printed either way.

    Returns
    -------
    int
        The server's exit code, or 0 after Ctrl-C.

    Raises
    ------
    SourceError
        If the source is neither a known venue nor a file.
    SettingsError
        If it is a link that cannot be read, or an option does not fit the source.
    ObiError
        If JupyterLab is not installed, or does not start.
    """
    cells = cells_of(source, options or {})
    try:
        import jupyterlab  # noqa: F401
    except ImportError:
        raise ObiError(
            "JupyterLab is not installed.", "Install it with: pip install 'obi-widgets[lab]'."
        ) from None
    path = _free_path(Path(NOTEBOOK))
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


def cells_of(source: str, options: Mapping[str, Any]) -> list[str]:
    """Return the cells of a notebook that opens a source, or a link, after checking it."""
    make = "Lab"
    if source.startswith(BEGIN):
        if options:
            raise SettingsError(f"A link takes no {next(iter(options))}.", "Leave it out.")
        find(Link.read(source).source())
        make = "Lab.from_link"
    elif options:
        open_feed(source, **options)  # it does not run
    else:
        find(source)
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return ["import obi_widgets as obi", f"lab = obi.{make}({source!r}{given})\nlab"]


def _free_path(path: Path) -> Path:
    """Return a path that is free, or is of a notebook written here before."""
    import nbformat

    original, number = path, 1
    while path.exists():
        with suppress(nbformat.reader.NotJSONError, nbformat.ValidationError):
            if MARKER in nbformat.read(path, as_version=4).metadata:
                return path
        number += 1
        path = original.with_stem(f"{original.stem}-{number}")
    return path


def _write(path: Path, cells: list[str], outputs: list[list[Any]]) -> None:
    """Write the notebook and sign it: JupyterLab shows widgets only in a trusted notebook."""
    from nbformat import v4, write
    from nbformat.sign import NotebookNotary

    notebook = v4.new_notebook(
        cells=[
            v4.new_code_cell(cell, id=f"lab-{number}", outputs=output, execution_count=number + 1)
            for number, (cell, output) in enumerate(zip(cells, outputs, strict=True))
        ],
        metadata={
            MARKER: {},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
        },
    )
    write(notebook, path)
    notary = NotebookNotary()
    try:
        notary.sign(notebook)
    finally:
        notary.store.close()  # Python 3.13 warns of a database that stays open


@contextmanager
def _redirect(url: str) -> Iterator[Path]:
    """Write a page, readable by this user only, that redirects to a URL; remove it at the end.

    The browser's command line, which every user of the machine can read, then shows the path of
    the page, and not the URL with the token.
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
