"""The examples in the docstrings of public names run as they stand, and show what they say."""

from __future__ import annotations

import doctest

import pytest

import obi_widgets as obi

FINDER = doctest.DocTestFinder()

WITHOUT = {
    "AtHorizon", "Band", "BookWidget", "Bps", "CalibrationWidget", "Choice", "Context", "Fees",
    "Findings", "Flow", "History", "Instrument", "Levels", "LevelsUsed", "Maker", "Number",
    "ObiError", "Parameter", "Parameters", "PriceWidget", "Provenance", "RecordingWarning",
    "Sealed", "SealedTest", "Seconds", "Settings", "SettingsWidget", "Signal", "SignalWidget",
    "StatusWidget", "Taken", "Taker", "Trades", "difference", "entries", "export_strategy", "fees",
    "fill_summary", "fills", "imbalance", "inferred", "load", "order_flow_imbalance",
    "queue_bounds", "queue_imbalance", "record", "simulate", "smooth", "trade_imbalance",
    "velocity", "weighted_mid", "weighted_sum",
}  # fmt: skip
"""Names whose docstring may lack an example. A new public name may not, so do not add to these."""


def examples_of(name: str) -> list[doctest.DocTest]:
    """Return the examples of a public name and of its public methods and properties."""
    return [found for found in FINDER.find(getattr(obi, name), name) if found.examples]


def run(example: doctest.DocTest) -> None:
    """Run an example, and fail with what it shows if that is not what it says."""
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert results.failed == 0, "".join(said)


@pytest.mark.parametrize("name", dir(obi))
def test_the_examples_of_a_public_name_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where an example may write
    examples = examples_of(name)
    assert examples or name in WITHOUT, "Give its docstring an example."
    for example in examples:
        run(example)


def test_the_example_of_the_package_runs():
    run(next(found for found in FINDER.find(obi, "obi_widgets") if found.name == "obi_widgets"))


def test_an_example_that_shows_something_else_fails():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    with pytest.raises(AssertionError, match="Expected:"):
        run(wrong)
