"""The command ``obi-widgets watch``: what it prints, and what it takes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import obi_widgets as obi
from obi_widgets.cli import config, main, output
from obi_widgets.presentation.texts.report_text import HEAD
from obi_widgets.presentation.watch import row_texts

SIM = Path(__file__).parent / "data" / "sim.txt"
PATIENCE = 180  # seconds for a process on a busy machine; far more than it needs


def watch(capsys, *arguments: str, command: str = "watch", code: int = 0) -> list[str]:
    assert main.main([command, *arguments]) == code
    return capsys.readouterr().out.splitlines()


def objects(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in lines]


@pytest.fixture
def exported(tmp_path):
    history = obi.simulate(seconds=60, seed=1, levels=20)
    settings = obi.Settings(depth=5, threshold=0.2)
    return settings.save(tmp_path / "btc.toml", provenance=history.provenance)


def test_piped_it_is_a_line_each_without_escape_codes(capsys):
    said = watch(capsys, "sim:BTC-PERP", "--every", "0.2", "--rows", "3", "--set", "threshold=0.1")
    assert not [line for line in said if "\x1b" in line]
    head = said.index(row_texts.line(row_texts.HEAD))
    assert [line[:2] for line in said[: head - 1]] == [f"{n}." for n in range(1, head)]
    rows = [line for line in said[head + 1 :] if " went " not in line]
    assert len(rows) == 4  # and the last line
    for line in rows[:3]:
        time, bids, asks, imbalance, spread, unit, signal_, *_ = line.split()
        assert time.count(":") == 2
        assert float(bids) > 0 < float(asks)
        assert unit == "bps"
        assert float(spread) > 0
        assert float(signal_) == pytest.approx(float(imbalance), abs=0.006)
    assert rows[3].startswith("Of ")


def test_json_is_a_line_each_and_alerts_are_among_them(capsys):
    said = objects(watch(
        capsys, str(SIM), "--json", "--every", "1", "--set", "threshold=0.05", "--speed", "all",
        command="replay",
    ))  # fmt: skip
    kinds = [one["type"] for one in said]
    assert kinds[0] == "step"
    assert kinds[-1] == "end"
    assert {"row", "alert"} < set(kinds)
    assert said[-1]["buying"] + said[-1]["selling"] + said[-1]["neutral"] == pytest.approx(1)
    for row in (one for one in said if one["type"] == "row"):
        assert row["spread"] == pytest.approx(row["ask"] - row["bid"])
        assert row["label"] in ("BUYING", "SELLING", "NEUTRAL")


def test_a_settings_file_says_market_levels_and_settings(capsys, exported):
    found = config.find_config(str(exported), None, ["hold_seconds=7"])
    assert found.source == "sim:BTC-PERP"
    assert found.kept == {"levels": 20, "interval": 0.0}
    assert found.settings.depth == 5
    assert found.settings.hold_seconds == 7
    said = watch(capsys, str(exported), "--rows", "1")
    assert said[0] == "1. Source: sim:BTC-PERP, Simulator, simulated."
    assert "depth 5" in said[1]
    said = watch(capsys, str(exported), "--rows", "1", "--source", "sim:ETH-PERP")
    assert "sim:ETH-PERP" in said[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["watch", "nowhere.gz"], "'nowhere.gz' is neither a venue's symbol nor a file."),
        (["watch", "nowhere.toml"], "There is no file 'nowhere.toml'. Check the path."),
        (["watch", "strategy.py"], "strategy.py is a strategy, which runs by itself. Export the"),
        (["watch", "sim:BTC-PERP", "--set", "depth"], "'depth' is no change. Give NAME=VALUE"),
        (["watch", "sim:BTC-PERP", "--set", "depth=deep"], "depth = 'deep' is not possible."),
        (
            ["watch", "sim:BTC-PERP", "--set", "deep=1"],
            "The signal imbalance has no para",
        ),
        (["watch", "sim:BTC-PERP", "--set", "signal=no"], "There is no signal 'no'."),
        (["watch", "sim:BTC-PERP", "--every", "0"], "every = 0.0 is not possible."),
        (["watch", "sim:BTC-PERP", "--testnet"], "testnet = True is for a live market."),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(arguments, said, capsys):
    assert main.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"obi-widgets: {said}")
    assert error.count("\n") == 1


def test_a_file_without_its_market_asks_for_one(tmp_path, capsys):
    path = obi.Settings().save(tmp_path / "btc.json")
    assert main.main(["watch", str(path)]) == 1
    assert "Give one: --source venue:SYMBOL." in capsys.readouterr().err
    assert main.main(["watch", "lmex:BTC-PERP", "--url", "book"]) == 2
    assert "Give NAME=URL." in capsys.readouterr().err


def test_values_are_as_files_write_them():
    changed = config.with_changes(
        obi.Settings(), ["band_bps=off", "depth=all", "weighting=notional", "threshold=.3"]
    )
    assert changed.band_bps is None
    assert changed.depth is None
    assert changed.weighting == "notional"
    assert changed.threshold == 0.3
    other = config.with_changes(obi.Settings(), ["window=20", "signal=order_flow_imbalance"])
    assert other.parameters.signal.name == "order_flow_imbalance"
    assert other.window == 20


def test_in_a_terminal_it_has_colours(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = watch(capsys, "sim:BTC-PERP", "--rows", "1")
    assert any("\x1b[" in line for line in said)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_cuts_no_figure_off_in_a_narrow_terminal(terminal, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [(f"{at} s", "12,345", "1,234", "+0.12", "-0.31 to +1.43", "0.001", "10.12", "-9.24",
             "-10.12 to -8.31", "-10.23") for at in (10, 60)]  # fmt: skip
    output.say_table(HEAD, rows, "Of it")
    said = capsys.readouterr().out
    assert "…" not in said
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    words = plain.split()
    for text in (*HEAD, *rows[0]):
        assert set(text.split()) <= set(words)
    assert terminal == (max(map(len, plain.splitlines())) <= 80)


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


MAIN = "import sys; from obi_widgets.cli.main import main; sys.exit(main())"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_sums_up_and_its_exit_code_says_so(number):
    watching = process(MAIN, "watch", "sim:BTC-PERP", "--every", "0.2")
    try:
        rows = (line for line in watching.stdout if " bps " in line)
        assert [next(rows), next(rows)]  # then there are two states at least
        watching.send_signal(number)
        said, wrong = watching.communicate(timeout=PATIENCE)
    finally:
        watching.kill()
        watching.communicate()
    assert watching.returncode == 130
    assert said.splitlines()[-1].startswith("Of ")
    assert "Traceback" not in wrong


@pytest.mark.slow
def test_a_reader_that_leaves_ends_it_without_a_word():
    watching = process(MAIN, "watch", "sim:BTC-PERP", "--every", "0.1")
    try:
        watching.stdout.readline()
        watching.stdout.close()
        wrong = watching.stderr.read()
        assert watching.wait(PATIENCE) == 1
    finally:
        watching.kill()
        watching.stderr.close()
        watching.wait()
    assert wrong == ""
