"""What Binder builds: its pins, and that compiled code is found on another processor."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from benchmarks.start import ELSEWHERE

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"

KEY = """
from numba.core.registry import cpu_target
print(cpu_target.target_context.codegen().magic_tuple())
"""


def test_pinned_versions_are_those_that_the_package_takes():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*declared["dependencies"], *declared["optional-dependencies"]["lab"]]
    takes = {one.name: one.specifier for one in map(Requirement, texts)}
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith(("#", "."))]
    assert ".[lab]" in lines
    assert {"numba==0.68.1", "llvmlite==0.50.0"} <= set(pinned)
    for line in pinned:
        name, version = line.split("==")
        assert version in takes.get(name, Requirement(name).specifier), line
    assert (BINDER / "runtime.txt").read_text() == "python-3.12\n"


def test_scripts_can_be_run_and_say_the_same_processor():
    for name in ("postBuild", "start"):
        path = BINDER / name
        assert os.access(path, os.X_OK), name
        assert "binder/processor" in path.read_text()
    shown = subprocess.run(
        ["binder/start", "env"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert re.search(r"^NUMBA_CPU_NAME=generic$", shown, re.MULTILINE)
    assert re.search(r"^NUMBA_CPU_FEATURES=$", shown, re.MULTILINE)


@pytest.mark.slow
def test_on_another_processor_the_same_code_is_looked_up(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(ELSEWHERE)

    def key(*before, **more):
        ours = {name: value for name, value in os.environ.items() if "NUMBA" not in name}
        return subprocess.run(
            [*before, sys.executable, "-c", KEY], cwd=ROOT, env={**ours, **more},
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout  # fmt: skip

    elsewhere = {"PYTHONPATH": str(tmp_path)}
    assert key("binder/start") == key("binder/start", **elsewhere)
    assert key() != key(**elsewhere)
