"""Every public name has an example in its docstring, and every example of the package runs."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from functools import lru_cache
from importlib import import_module

import pytest

import obi_widgets as obi
from obi_widgets.session import waiting

FINDER = doctest.DocTestFinder()
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(obi.__path__, "obi_widgets.")
    if not module.name.endswith("_numba")  # compiled, and imported by the loader only
)

WITHOUT_EXAMPLE = {
    "BookWidget", "EntriesWidget", "PriceWidget", "SettingsWidget", "SignalWidget",
    "StatusWidget",  # parts of a Lab, which has the example
    "Alert", "AtHorizon", "Findings", "LevelsUsed", "Provenance", "Sealed", "SealedTest",
    # results, each shown by the example of what returns it
    "Parameter", "Seconds", "Signal",  # the example of `signal` makes them
    "RecordingWarning",
}  # fmt: skip


@pytest.fixture(scope="module")
def simulate():
    """Simulate once what many examples simulate: no example can change a history."""
    return lru_cache(maxsize=16)(obi.simulate)


@pytest.mark.every_case
@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module, simulate, monkeypatch, tmp_path):
    monkeypatch.setattr(obi, "simulate", simulate)
    monkeypatch.chdir(tmp_path)  # an example may write a file
    monkeypatch.setattr(waiting, "SHOW_AFTER", 1e9)  # a slow machine shows no bar in an example
    names = {"obi": obi}  # as scikit-learn and pandas have it, the import may be left out
    found = doctest.testmod(import_module(module), extraglobs=names, optionflags=FLAGS)
    assert found.failed == 0


def test_every_public_name_has_an_example():
    without = {
        name
        for name in obi.__all__
        if not any(found.examples for found in FINDER.find(getattr(obi, name), name))
    }
    assert without == WITHOUT_EXAMPLE


@pytest.mark.parametrize("name", sorted(obi.__all__))
def test_every_parameter_of_a_public_function_is_described(name):
    function = getattr(obi, name)
    if not inspect.isfunction(function):
        return
    text = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters:
        assert parameter in text, f"{name} does not describe {parameter}"
