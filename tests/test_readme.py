"""The README: its snippets run as they stand, in their order, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import obi_widgets as obi

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

IN_PLACE_OF = {
    # An exchange, and ten minutes of it.
    'obi.record("lmex:BTC-PERP", "capture.gz", seconds=600)': "pass",
    # Half an hour of the past.
    "warmup=1800": "warmup=120",
    "lab.wait(15_000)": "lab.wait(1_000)",
}
"""What the tests leave out, since it takes long or needs a network."""

FOR_DAYS = "obi.record(\n"
"""Recording until it is interrupted: this snippet is compiled alone."""


def _as_run(snippet: str) -> str:
    for given, other in IN_PLACE_OF.items():
        snippet = snippet.replace(given, other)
    return snippet


@pytest.mark.slow
def test_the_snippets_run_one_after_the_other(tmp_path, monkeypatch):
    assert all(any(given in one for one in SNIPPETS) for given in IN_PLACE_OF)
    shutil.copy(ROOT / "tests/data/sim.txt", tmp_path / "capture.gz")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    run = 0
    for snippet in SNIPPETS:
        compile(snippet, "README.md", "exec")
        if FOR_DAYS in snippet:
            continue
        before = set(_labs())
        try:
            exec(_as_run(snippet), names)
            run += 1
        finally:
            for lab in set(_labs()) - before:
                lab.close()
    assert run >= 4
    assert names["report"].verdict
    assert {"btc-perp.toml", "strategy.py"} <= {path.name for path in tmp_path.iterdir()}


def _labs() -> list[obi.Lab]:
    import ipywidgets.widgets.widget as registry

    return [one for one in registry._instances.values() if isinstance(one, obi.Lab)]


def test_each_name_in_it_is_public():
    names = set(re.findall(r"\bobi\.([A-Za-z_]\w*)", README))
    assert len(names) > 30
    assert names - set(obi.__all__) == set()


def test_each_link_leads_to_a_file():
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", README)
    links += re.findall(r'(?:src|srcset)="(?!https?:)([^"]+)"', README)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_notebook_is_named():
    notebooks = {path.name for path in (ROOT / "examples").glob("*.ipynb")}
    assert set(re.findall(r"\(examples/([\w-]+\.ipynb)\)", README)) == notebooks
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
             "eleven", "twelve")  # fmt: skip
    assert f"holds {words[len(notebooks)]} notebooks" in README
