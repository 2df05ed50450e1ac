"""The examples in the docstrings of public names run as they stand, and show what they say."""

from __future__ import annotations

import doctest

import pytest

import obi_widgets as obi

FINDER = doctest.DocTestFinder()

WITHOUT = {
    name
    for name in obi.__all__
    if not any(one.examples for one in FINDER.find(getattr(obi, name), name))
}


def examples_of(name: str) -> list[doctest.DocTest]:
    """Return the examples of a public name and of its public methods and properties."""
    found = FINDER.find(getattr(obi, name), name)
    return [
        one
        for one in found
        if one.examples and not any(part.startswith("_") for part in one.name.split("."))
    ]


@pytest.mark.parametrize("name", sorted({*obi.__all__} - WITHOUT))
def test_the_examples_of_a_public_name_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where an example may write
    for example in examples_of(name):
        said: list[str] = []
        results = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
        assert results.failed == 0, "".join(said)
