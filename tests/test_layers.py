"""What import-linter cannot see of who knows whom. The rest is in pyproject.toml: ``lint-imports``.

A name of ours in a text that is imported is an import as well, which no linter follows.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import obi_widgets

ROOT = Path(obi_widgets.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
REGISTRIES = {
    "__init__.py",
    "kernels/loader.py",
    "signals/registry.py",
    "trading/gates/registry.py",
}
"""What finds modules by their names: public names, kernels, signals."""


def imported(path: str) -> list[str]:
    """Return the modules and names that a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def calls(path: str, *functions: str) -> list[int]:
    """Return the lines in which a file calls one of these functions."""
    return [
        node.lineno
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (
            getattr(node.func, "id", "") in functions or getattr(node.func, "attr", "") in functions
        )
    ]


@pytest.mark.parametrize("path", FILES)
def test_compiled_kernels_are_imported_by_the_loader_alone(path):
    if path.endswith("_numba.py"):
        return  # a kernel may call another
    compiled = [
        name for name in imported(path) if any(part.endswith("_numba") for part in name.split("."))
    ]
    assert not compiled, f"register it with obi_widgets.kernels.loader.Kernels: {compiled}"


@pytest.mark.parametrize("path", FILES)
def test_modules_are_found_by_name_in_registries_alone(path):
    found = calls(path, "import_module", "__import__")
    assert not found or path in REGISTRIES, f"import_module in line {found}"


def test_each_registry_is_one():
    assert [path for path in FILES if calls(path, "import_module")] == sorted(REGISTRIES)


def test_at_most_sixteen_rooms():
    rooms = {path.split("/")[0] for path in FILES if "/" in path}
    assert len(rooms) <= 16, rooms
