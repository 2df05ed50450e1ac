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

FILES = "https://github.com/obi-widgets/obi-widgets/blob/main/"
PICTURES = "https://raw.githubusercontent.com/obi-widgets/obi-widgets/main/"
"""The README is shown on PyPI too, so its links are whole addresses."""

BINDER = "https://mybinder.org/v2/gh/obi-widgets/obi-widgets/main?urlpath=lab/tree/"

ELSEWHERE = {"https://mybinder.org/badge_logo.svg", "https://obi-widgets.github.io/obi-widgets/"}
"""Addresses of no file of this repository."""

IN_PLACE_OF = {
    # Half an hour of the past.
    "warmup=1800": "warmup=120",
    "lab.wait(15_000)": "lab.wait(1_000)",
    "seconds=3600": "seconds=600",
}
"""What the tests leave out, since it takes long."""


def _as_run(snippet: str) -> str:
    for given, other in IN_PLACE_OF.items():
        snippet = snippet.replace(given, other)
    return snippet


@pytest.mark.slow
def test_the_snippets_run_one_after_the_other(tmp_path, monkeypatch):
    assert all(any(given in one for one in SNIPPETS) for given in IN_PLACE_OF)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for snippet in SNIPPETS:
        before = set(_labs())
        try:
            exec(_as_run(snippet), names)
        finally:
            for lab in set(_labs()) - before:
                lab.close()
    assert len(SNIPPETS) == 3
    assert names["report"].verdict
    assert {"btc-perp.toml", "strategy.py"} == {path.name for path in tmp_path.iterdir()}


def test_what_it_says_of_a_recording_works(tmp_path, monkeypatch):
    shutil.copy(ROOT / "tests/data/sim.txt", tmp_path / "capture.gz")
    monkeypatch.chdir(tmp_path)
    assert '`obi.Lab("capture.gz", speed=10)`, or `obi.load("capture.gz")`' in README
    assert len(obi.load("capture.gz"))
    obi.Lab("capture.gz", speed=10).close()


def _labs() -> list[obi.Lab]:
    import ipywidgets.widgets.widget as registry

    return [one for one in registry._instances.values() if isinstance(one, obi.Lab)]


def test_each_name_in_it_is_public():
    names = set(re.findall(r"\bobi\.([A-Za-z_]\w*)", README))
    assert len(names) > 10
    assert names - set(obi.__all__) == set()


def test_each_link_leads_to_a_file():
    links = set(re.findall(r"\]\(([^)\s]+)\)", README))
    assert len(links) > 20
    wrong = []
    for link in links - ELSEWHERE:
        prefix = next((one for one in (FILES, PICTURES, BINDER) if link.startswith(one)), None)
        if prefix is None or not (ROOT / link.removeprefix(prefix).partition("#")[0]).is_file():
            wrong.append(link)
    assert wrong == []


def test_each_picture_is_shown_by_its_raw_address():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", README)
    assert len(pictures) == 2
    assert [one for one in pictures if not one.startswith(PICTURES)] == sorted(
        one for one in ELSEWHERE if one.endswith(".svg")
    )
    film = ROOT / "examples/images/lab.webp"
    assert film.read_bytes()[8:16] == b"WEBPVP8X", "an animated picture has this header"
    assert film.stat().st_size < 3_000_000, "who reads the page waits for it"


def test_the_notebooks_are_counted_and_named():
    notebooks = {path.name for path in (ROOT / "examples").glob("*.ipynb")}
    page = (ROOT / "docs/notebooks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(\.\./examples/([\w-]+\.ipynb)\)", page)) == notebooks
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
             "eleven", "twelve")  # fmt: skip
    assert f"[{words[len(notebooks)]} notebooks]" in README


def test_it_is_read_in_three_minutes():
    assert len(README.split("\n")) <= 160, "what answers no stranger's question belongs to docs/"
