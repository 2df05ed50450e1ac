"""docs/terminal.md: its commands, exit codes and fields are those that there are."""

from __future__ import annotations

import re
from pathlib import Path

import obi_widgets as obi
from obi_widgets.cli import exit_codes
from obi_widgets.cli.main import COMMANDS
from obi_widgets.presentation.watch import row_texts
from obi_widgets.presentation.watch.row_maker import RowMaker
from obi_widgets.session.watching import Step
from obi_widgets.settings.parameters import Parameters

PAGE = (Path(__file__).parents[1] / "docs/terminal.md").read_text(encoding="utf-8")


def fields(kind: str) -> set[str]:
    (found,) = re.findall(rf"^\| `{kind}` \| (.*) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", found))


def test_each_command_stands_in_the_table_in_its_order():
    assert re.findall(r"^\| `([a-z]+) ?[^`|]*(?:\\\|[^`]*)?` \|", PAGE, re.MULTILINE)[
        : len(COMMANDS)
    ] == [*COMMANDS]


def test_exit_codes_are_those_of_the_code():
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == {code for name, code in vars(exit_codes).items() if name.isupper()}


def test_fields_of_json_are_those_that_are_printed():
    history = obi.simulate(seconds=60, seed=5)
    maker = RowMaker(Parameters(threshold=0.1))
    alert = maker.follow(history)[0]
    step = Step(number=1, text="x", connections={"book": "y"}, snapshot=1)
    for made in (
        row_texts.row_object(maker.row()), row_texts.alert_object(alert), step.as_object()
    ):  # fmt: skip
        assert fields(made["type"]) == set(made) - {"type"}
