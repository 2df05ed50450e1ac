"""The examples in the docstrings of the lab, the session and the settings run as they stand."""

from __future__ import annotations

import doctest

import pytest

import obi_widgets as obi


@pytest.mark.parametrize("name", ["Lab", "Parameters", "Session", "Settings"])
def test_the_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # some of them write a file
    runner, examples = doctest.DocTestRunner(), 0
    for test in doctest.DocTestFinder().find(getattr(obi, name), name, globs={"obi": obi}):
        examples += len(test.examples)
        runner.run(test)
    assert examples > 1
    assert runner.failures == 0
