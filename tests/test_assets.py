"""Scripts of widgets: joined into one, no name may be declared twice."""

from __future__ import annotations

import re
from collections import Counter

import anywidget
import ipywidgets
import pytest

import obi_widgets as obi
from obi_widgets import widgets
from obi_widgets.widgets.assets import STATIC, STYLE
from obi_widgets.widgets.panel import tree as part_tree

DECLARED = re.compile(r"^(?:const|let|class|(?:async )?function) (\w+|\{[^}]*\}|\[[^\]]*\])", re.M)


def subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


SCRIPTS = {
    one.__name__: script
    for one in subclasses(anywidget.AnyWidget)
    if one.__module__.startswith(widgets.__name__)
    and isinstance(script := vars(one).get("_esm"), str)
}


def test_there_are_scripts():
    assert len(SCRIPTS) > 8


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_name_is_declared_once(name):
    # A second declaration is an error of syntax: nothing of the script would run.
    found = DECLARED.findall(SCRIPTS[name])
    names = Counter(word for one in found for word in re.findall(r"\w+", one))
    assert [word for word, count in names.items() if count > 1] == []


ALONE = re.compile(r"^(\.[\w-]+) \{", re.M)
"""A rule for a class wherever it stands."""


def test_each_class_is_of_one_style_sheet():
    # All sheets are of one page: a rule for every part would change what another part means by it.
    places: dict[str, set[str]] = {}
    for sheet in STATIC.glob("*.css"):
        for name in ALONE.findall(sheet.read_text(encoding="utf-8")):
            places.setdefault(name, set()).add(sheet.name)
    assert {name: sheets for name, sheets in places.items() if len(sheets) > 1} == {}


def test_colours_and_fonts_stand_in_one_place_and_do_without_jupyterlab():
    # Front ends lack some of JupyterLab's variables, or have those of its light theme.
    theme = (STATIC / "theme.css").read_text(encoding="utf-8")
    assert re.findall(r"var\(--(?:jp|vscode)-[\w-]+\)", theme) == [], "without a fallback"
    declared = set(re.findall(r"(--obi-[\w-]+):", theme))
    for file in [*STATIC.iterdir(), *STATIC.parent.glob("*.py")]:
        if file.is_dir() or file.name == "theme.css":
            continue
        text = file.read_text(encoding="utf-8")
        assert "var(--jp-" not in text, file.name
        assert set(re.findall(r"var\((--obi-[\w-]+)", text)) <= declared, file.name
        names = re.findall(r"\bcolor\(\"([\w-]+)\"\)", text)
        assert {f"--obi-{name}" for name in names} <= declared, file.name


TAKEN_OVER = {"_esm", "_css", "_repr_mimebundle_"}
"""What the bases offer to be overridden."""


@pytest.mark.parametrize(
    "kind",
    [one for one in subclasses(ipywidgets.Widget) if one.__module__.startswith(widgets.__name__)],
    ids=lambda kind: kind.__name__,
)
def test_no_private_name_of_a_base_is_used_for_something_else(kind):
    # `_compare` was: ipywidgets calls it when a page asks for the states of all widgets.
    foreign = [one for one in kind.__mro__ if not one.__module__.startswith(widgets.__name__)]
    own = {
        name
        for name, value in vars(kind).items()
        if name.startswith("_") and not name.startswith("__") and callable(value)
    }
    base = {name for one in foreign for name in vars(one)}
    assert (own & base) - TAKEN_OVER == set()


def _style_sheets(part):
    return [one._css for one in part_tree(part, set()) if isinstance(one, anywidget.AnyWidget)]


def test_the_style_sheet_of_all_widgets_is_sent_once(history):
    lab = obi.Lab(history)
    try:
        sheets = _style_sheets(lab)
        assert len(sheets) > 10
        assert sum(STYLE[:200] in one for one in sheets) == 1
    finally:
        lab.close()


def test_each_widget_for_a_front_end_that_keeps_sheets_apart_has_the_whole_one(history):
    part = obi.BookWidget(obi.Session(history))
    try:
        for _ in range(2):  # asked again, it is not longer
            assert [one._css for one in part.anywidgets()] == [STYLE, STYLE]
    finally:
        part.session.close()
        part.close()
