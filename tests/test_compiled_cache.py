"""Compiled code of older sources is dropped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


NOWHERE = """
import os
from numba.core import caching
from obi_widgets.kernels.compiled_cache import is_compiled, mark_compiled
from obi_widgets.kernels.loader import module_of

# As where neither the folder of the source nor one of the user can be written to.
caching.CacheImpl._locator_classes = [caching.UserProvidedCacheLocator]
code = module_of("called_numba")
print(code.size(10), os.environ["NUMBA_CACHE_DIR"], len(os.listdir(os.environ["NUMBA_CACHE_DIR"])))
assert not is_compiled(code, "stamp")
mark_compiled(code, "stamp")
assert is_compiled(code, "stamp")
"""


def test_where_nothing_can_be_kept_compiled_code_is_there_until_the_process_ends(tmp_path):
    (tmp_path / "called_numba.py").write_text(CALLED.format(factor=2))
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    told = subprocess.run(
        [sys.executable, "-c", NOWHERE], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**kept, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}, check=True,
    )  # fmt: skip
    value, folder, files = told.stdout.split()
    assert (value, files) == ("20", "1")
    assert not Path(folder).exists()
    assert told.stderr.count("\n") == 1
    assert "Set the variable NUMBA_CACHE_DIR to a folder of yours." in told.stderr


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
