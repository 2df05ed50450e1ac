"""The examples in the docstrings of the public names and of the errors run, and say what comes."""

import doctest
from importlib import import_module

import pytest

import obi_widgets as obi

MODULES = sorted({getattr(obi, name).__module__ for name in obi.__all__} | {"obi_widgets.errors"})


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(import_module(module), optionflags=flags).failed == 0
