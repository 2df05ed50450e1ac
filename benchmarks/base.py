"""The package as it was at another commit, beside what stands here."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]


@contextmanager
def package(commit: str) -> Iterator[Path]:
    """Give a folder that holds ``obi_widgets`` of a commit, and nothing else."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, "obi_widgets"],
        cwd=HERE, check=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="obi-base-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which that package is imported, and these benchmarks."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(HERE)])}
