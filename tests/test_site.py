"""The site in docs/: each page is in it, each public name has a page, and new pages' snippets run.

CI builds it with warnings as errors, and checks what came out by `check_site`.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
from check_site import problems

import obi_widgets as obi
from obi_widgets.signals.registry import BUILT_IN

DOCS = Path(__file__).parents[1] / "docs"


def _module(name: str):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listed(page: str) -> list[str]:
    """The pages that a page's tables of contents name."""
    found: list[str] = []
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page, re.DOTALL):
        found += [line for line in block.split("\n") if line and not line.startswith(":")]
    return found


def test_every_page_is_in_the_contents_once():
    listed = Counter(
        name for path in DOCS.glob("*.md") for name in _listed(path.read_text(encoding="utf-8"))
    )
    pages = {path.stem for path in (*DOCS.glob("*.md"), *DOCS.glob("*.rst"))} - {"index"}
    assert set(listed) == pages, "name each page in a toctree: of docs/guides.md, for example"
    assert set(listed.values()) == {1}


def test_every_page_has_a_title_and_a_text():
    short = {
        path.name
        for path in DOCS.glob("*.md")
        if not re.match(r"# .+\n\n\S|```\{include\}", path.read_text(encoding="utf-8"))
    }
    assert short == set()


def test_no_line_of_a_page_stands_there_twice():
    found = []
    for path in DOCS.glob("*.md"):
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        lines = Counter(line.strip() for line in text.split("\n") if len(line.strip()) > 60)
        found += [f"{path.name}: {line}" for line, times in lines.items() if times > 1]
    assert found == []


def test_every_public_name_has_a_page():
    lines = (DOCS / "api.rst").read_text(encoding="utf-8").split("\n")
    listed = Counter(line.strip() for line in lines if re.fullmatch(r" {3}\w+", line))
    assert set(listed) == set(obi.__all__), "write the name in a list of docs/api.rst"
    assert set(listed.values()) == {1}


def _run(page: str, names: dict) -> None:
    for snippet in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(snippet, names)


@pytest.mark.parametrize(
    ("page", "last"),
    [("own-data", "not viable"), ("own-signal", "bps"), ("strategy-file", "side=1, kind='market'")],
)
def test_the_snippets_run(page, last, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    _run((DOCS / f"{page}.md").read_text(encoding="utf-8"), names)
    assert last in capsys.readouterr().out


def test_each_built_in_signal_is_listed():
    page = (DOCS / "signals.md").read_text(encoding="utf-8")
    table = page[page.index("## All of them") :]
    assert [name for name in BUILT_IN if f"`{name}`" not in table] == []
    for name in ("signals", "verdict"):
        _run((DOCS / f"{name}.md").read_text(encoding="utf-8"), {})


@pytest.mark.slow
def test_the_snippets_of_the_start_run(capsys):
    page = (DOCS / "start.md").read_text(encoding="utf-8")
    _run(page[page.index("## Without a screen") :], {})
    assert "net_bps" in capsys.readouterr().out


@pytest.mark.slow
def test_what_the_verdict_page_shows_is_what_its_snippets_print(capsys):
    page = (DOCS / "pays.md").read_text(encoding="utf-8")
    _run(page, {})
    shown = "\n".join(text.rstrip() for text in re.findall(r"```text\n(.*?)```", page, re.DOTALL))
    assert capsys.readouterr().out.rstrip() == shown


def test_each_figure_that_a_page_shows_is_drawn():
    """By its name in the list, which is read as text: drawing needs the extra `docs`."""
    drawn = set(re.findall(r'^    "(\w+)": \(', (DOCS / "figures.py").read_text("utf-8"), re.M))
    shown = {
        name
        for path in DOCS.glob("*.md")
        for name in re.findall(r"```\{drawn\} ([\w-]+)", path.read_text(encoding="utf-8"))
    }
    assert shown - {"event-study"} == drawn


def test_signs_of_docstrings_are_escaped_and_code_is_not():
    escape = _module("escaping").escape
    given = [
        "+ is more bids, shape (*axes, 3), |t|, ``|x|``",
        "A formula::", "", "    |a| + b", "", "after |it|",
        ">>> print(a | b | c)", "+ as it is printed", "", "+ again",
    ]  # fmt: skip
    assert escape(given) == [
        r"\+ is more bids, shape (\*axes, 3), \|t\|, ``|x|``",
        "A formula::", "", "    |a| + b", "", r"after \|it\|",
        ">>> print(a | b | c)", "+ as it is printed", "", r"\+ again",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('<a href="there.html#here">', None),
        ('<a href="gone.html">', "index.html leads to gone.html, which is not there."),
        ('<a href="there.html#gone">', "no such place"),
        ('<script src="https://cdn.example/x.js">', "from elsewhere"),
        ('<link rel="stylesheet" href="https://cdn.example/x.css">', "from elsewhere"),
        ('<link rel="canonical" href="https://example.org/index.html">', None),
        ('<img src="gone.png">', "which is not there"),
        ('<a href="https://example.org">', None),
    ],
)
def test_what_is_wrong_with_a_site_is_found(tmp_path, body, says):
    (tmp_path / "index.html").write_text(body)
    (tmp_path / "there.html").write_text('<p id="here"><dt id="obi_widgets.load">')
    found = problems(tmp_path, ["load"])
    assert (not found) if says is None else (len(found) == 1 and says in found[0])


def test_a_name_without_a_page_is_found(tmp_path):
    (tmp_path / "index.html").write_text('<dt id="obi_widgets.load">')
    assert problems(tmp_path, ["load", "sweep"]) == ["obi_widgets.sweep has no page."]
