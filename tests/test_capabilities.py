"""docs/capabilities.md: its names and its tests exist, and no row or public tool is left out."""

from __future__ import annotations

import ast
import functools
import inspect
import operator
import re
from pathlib import Path

import pytest

import obi_widgets as obi
from obi_widgets.cli.main import main

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/capabilities.md").read_text(encoding="utf-8")
BUILT, _, MISSING = PAGE.partition("## Not yet")
ROWS = {"S0.": 13, "S1.": 6, "S2.": 5, "S3.": 13, "S4.": 13, "B": 11}
"""How many rows each group has."""

PARTS_OF_THE_LAB = {
    "BookWidget", "DepthWidget", "EntriesWidget", "EquityWidget", "HealthWidget", "PriceWidget",
    "SettingsWidget", "SignalWidget", "StatusWidget", "TapeWidget",
}  # fmt: skip
WHAT_CALLS_TAKE_OR_RETURN = {
    "Appearance", "AtHorizon", "Bootstrap", "Bps", "Card", "CardReason", "CardWindow", "Choice",
    "ClockOffset", "Days", "Depth", "Durations", "Health", "History", "Instrument",
    "Interruptions", "Judgement", "Mode", "NextMove", "Number", "ObiError", "Parameter",
    "Parameters", "Proposal", "Reading", "RecordingWarning", "Refusal", "Seal", "Sealed",
    "Seconds", "Stretch", "Surface", "Taken", "Trades",
}  # fmt: skip
NO_ROW_ASKS_FOR = {"sweep_seconds": "how long a sweep would take"}
EXCEPTIONS = PARTS_OF_THE_LAB | WHAT_CALLS_TAKE_OR_RETURN | set(NO_ROW_ASKS_FOR)


def rows(text: str) -> list[list[str]]:
    """Return the cells of each line that has a key."""
    lines = re.findall(r"^\| ((?:S\d\.|B)\d+) \|(.*)\|$", text, re.MULTILINE)
    return [[key, *(cell.strip() for cell in cells.split(" | "))] for key, cells in lines]


@functools.cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_row_stands_once():
    keys = [row[0] for row in rows(PAGE)]
    wanted = [f"{group}{number}" for group, count in ROWS.items() for number in range(1, count + 1)]
    assert sorted(keys) == sorted(wanted)


def test_each_row_has_a_name_and_a_test():
    for key, what, names, test in rows(BUILT):
        assert what, key
        one = r"`obi(\.[\w.]+|-widgets \w+)`"  # a public name, or a command
        assert re.fullmatch(rf"{one}(, {one})*", names), key
        assert re.fullmatch(r"`tests/test_\w+\.py::test_\w+`", test), key
    for key, missing, _ in rows(MISSING):
        assert re.search(r"\(issues? 1[456](, 1[456])*\)", missing), key


@pytest.mark.filterwarnings("ignore:metadata .* was set from the constructor")  # in bqscales
def test_each_name_is_public():
    for name in set(re.findall(r"`obi\.([\w.]+)`", PAGE)):
        assert name.split(".")[0] in obi.__all__, name
        assert callable(operator.attrgetter(name)(obi)), name


def test_each_test_is_there():
    named = re.findall(r"`(tests/test_\w+\.py)::(\w+)`", PAGE)
    assert len(named) > 30
    assert not [f"{path}::{test}" for path, test in named if test not in functions_of(path)]


def test_each_command_is_there(capsys):
    assert main(["--help"]) == 0
    offered = re.findall(r"^  ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert len(offered) > 5
    named = re.findall(r"^\| `obi-widgets (\w+)` \|", BUILT, re.MULTILINE)
    assert named == offered
    assert set(re.findall(r"`obi-widgets (\w+)", PAGE)) <= set(offered)


def test_each_public_tool_stands_on_the_page():
    named = {name.split(".")[0] for name in re.findall(r"`obi\.([\w.]+)`", PAGE)}
    assert not set(obi.__all__) - named - EXCEPTIONS, "write it in docs/capabilities.md"
    assert not EXCEPTIONS & named, "it stands on the page, and is no exception"
    assert not EXCEPTIONS - set(obi.__all__), "there is no such name any more"


@pytest.mark.filterwarnings("ignore:metadata .* was set from the constructor")
def test_no_function_is_an_exception_without_a_reason():
    functions = {name for name in EXCEPTIONS if not inspect.isclass(getattr(obi, name))}
    assert functions == set(NO_ROW_ASKS_FOR)
