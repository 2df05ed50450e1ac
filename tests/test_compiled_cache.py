"""Compiled code of older sources is dropped."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CALLED = """
import numba

@numba.njit(cache=True)
def size(value):
    return value * {factor}
"""
CALLS = """
import numba
from called_numba import size

@numba.njit(cache=True)
def total(value):
    return size(value) + 1
"""
RUN = """
import sys
from pathlib import Path
import calls_numba, called_numba
from obi_widgets.kernels.compiled_cache import drop_stale, stamp_of

stamp = stamp_of(Path(".").glob("*_numba.py"))
for module in (calls_numba, called_numba):
    drop_stale(module, stamp)
value = calls_numba.total(10)
print(value, sum(calls_numba.total.stats.cache_hits.values()))
"""


@pytest.fixture
def run(tmp_path):
    """Run the caller in a process of its own; return its value, and how often it was cached."""
    (tmp_path / "calls_numba.py").write_text(CALLS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        # Python takes sources of the same size and the same second for unchanged.
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(factor):
        (tmp_path / "called_numba.py").write_text(CALLED.format(factor=factor))
        told = subprocess.run(
            [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, timeout=120,
            env=environment, check=True,
        )  # fmt: skip
        return tuple(map(int, told.stdout.split()))

    return run


@pytest.mark.slow
def test_a_change_of_what_a_kernel_calls_is_seen(run):
    assert run(2) == (21, 0)
    assert run(2) == (21, 1), "the same sources: nothing is compiled again"
    assert run(3) == (31, 0)
