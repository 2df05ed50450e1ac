"""What tests of kernels share: both twins, and choosing which one runs."""

from __future__ import annotations

from importlib import import_module

import hypothesis.strategies as st
import pytest

from obi_widgets.kernels import loader

TWINS = ("numba", "numpy")
EITHER = st.sampled_from(TWINS)
BOTH = pytest.mark.parametrize("code", TWINS)


def use(patch: pytest.MonkeyPatch, code: str) -> None:
    """Have all kernels run compiled, or those in NumPy."""
    for kernels in loader.registered:
        module = kernels.numpy if code == "numpy" else import_module(kernels.numba)
        patch.setattr(kernels, "code", module)
