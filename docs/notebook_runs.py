"""Runs of the notebooks of examples/, each made once: by the site's build, or by its test."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

if TYPE_CHECKING:
    from nbformat import NotebookNode

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "obi_widgets"
KEPT = HERE / "_made/runs"
"""Where runs are kept. It is not committed."""

TIMEOUT = 600
"""Longest time of a cell, seconds: all notebooks together take some minutes."""


def run_once(path: Path, kept: Path = KEPT) -> NotebookNode:
    """Return a notebook that has run; the run that is kept if it would come out the same.

    It would if notebook, package, Python and all installed distributions are as they were.
    """
    file = kept / f"{path.stem}-{_key(path)}.ipynb"
    if file.exists():
        return nbformat.read(file, as_version=4)
    notebook = run(path)
    kept.mkdir(parents=True, exist_ok=True)
    for old in kept.glob(f"{path.stem}-*.ipynb"):
        old.unlink()
    # At once, so that nobody reads half of it.
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        nbformat.write(notebook, Path(folder) / file.name)
        (Path(folder) / file.name).replace(file)
    return notebook


def run(path: Path) -> NotebookNode:
    """Run a notebook in a folder of its own, in which it leaves no file."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        notebook = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=TIMEOUT, resources=resources).execute()
        left = sorted(one.name for one in Path(folder).iterdir() if one.name != path.name)
    if left:
        raise RuntimeError(f"{path.name} leaves files beside it: {', '.join(left)}.")
    return notebook


def _key(path: Path) -> str:
    """Return a digest of all that a run depends on."""
    files = (one for one in PACKAGE.rglob("*") if one.is_file())
    sources = [one for one in files if one.parent.name != "__pycache__"]
    digest = hashlib.sha256(sys.version.encode())
    installed = {f"{one.metadata['Name']} {one.version}" for one in distributions()}
    digest.update("\n".join(sorted(installed)).encode())
    for file in [path, *sorted(sources)]:
        digest.update(f"\n{file}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
