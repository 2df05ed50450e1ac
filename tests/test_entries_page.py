"""docs/entries.md: its example runs, its tables are complete, and what it says of stops holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import obi_widgets as obi
from obi_widgets.trading.declared import ENTRY_RULE, HOLD, LEAST_WEIGHT, LEAVING, TRANSITION_SECONDS

PAGE = (Path(__file__).parents[1] / "docs/entries.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def shown():
    """Return the names of the page's example after it ran."""
    names: dict = {}
    exec(EXAMPLES[0], names)
    return names


def test_its_example_shows_what_is_said(shown):
    trades, settings = shown["trades"], shown["settings"]
    assert {"stop", "target", "flip"} <= set(shown["by_reason"].index)
    stopped = trades[trades["ended"] == "stop"]["gross_bps"]
    assert (stopped <= -settings.stop_bps + 1e-6).all()
    assert (stopped < -settings.stop_bps - 0.01).any()  # not at the stop's own price
    reached = trades[trades["ended"] == "target"]["gross_bps"]
    assert (reached >= settings.target_bps - 1e-6).all()
    assert "exits of the settings" in shown["report"].notes[-1]


def test_a_size_by_strength_takes_fewer_levels(shown, capsys):
    names = dict(shown)
    exec(EXAMPLES[1], names)
    means = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert means[0] < means[1] < 0
    assert f"| `least_weight` | {LEAST_WEIGHT.default:g} |" in PAGE


def test_size_and_stop_follow_a_card(shown):
    names = dict(shown)
    exec(EXAMPLES[2], names)
    weights = obi.entries(names["history"], names["of_card"])["weight"]
    assert not len(weights)  # a day of the card's past is not there
    assert names["of_card"].size_by == names["of_card"].stop_by == "strength"


def test_a_market_that_moves_alike_is_left_out_and_a_limit_holds(capsys):
    names = {"obi": obi}
    exec(EXAMPLES[3], names)
    said = capsys.readouterr().out
    assert names["names"].tolist() == ["A", "B", "C"]
    assert names["chosen"]["because_of"].iloc[3] == "A"
    portfolio = names["portfolio"]
    assert repr(portfolio) in said
    assert portfolio.open_max == 2
    assert len(names["left_out"]) == portfolio.results.loc["left out", "entries"] > 0


def test_exits_change_what_was_traded_and_not_the_returns_of_mid(shown):
    with_exits = shown["report"]
    held = shown["settings"].parameters.replace(exit_flip="off", stop_bps=None, target_bps=None)
    without = obi.calibrate(shown["history"], held, horizons=[2, 5, 10])
    assert with_exits.table["mean_bps"].equals(without.table["mean_bps"])
    assert not with_exits.as_traded["gross_bps"].equals(without.as_traded["gross_bps"])


def test_after_a_stop_it_may_enter_again_at_once(shown):
    beyond = shown["settings"].parameters.replace(entry_rule="beyond")
    trades = obi.entries(shown["history"], beyond)
    stopped = (trades["ended"] == "stop").to_numpy()[:-1]
    again = trades["entry_time"].to_numpy()[1:] == trades["exit_time"].to_numpy()[:-1]
    assert (stopped & again).any()


def test_its_tables_have_every_rule_and_exit_with_its_default():
    rules = re.findall(r"^\| `(\w+)` \| \*v\*", PAGE, re.MULTILINE)
    assert tuple(rules) == ENTRY_RULE.kind.words
    assert f"`transition_seconds` is {TRANSITION_SECONDS.default:g}" in PAGE
    assert f"The default is `{ENTRY_RULE.default}`" in PAGE
    exits = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    said = {one.name: one.default for one in (HOLD, *LEAVING)}
    assert exits == {
        name: "off" if value in (None, "off") else f"{value:g}" for name, value in said.items()
    }
