"""A paper run of a feed, and the commands ``paper`` and ``reconcile``."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.cli.main import main
from obi_widgets.errors import RecordingError, SettingsError, VenueError
from obi_widgets.feeds.simulation.served import FAULTS
from obi_widgets.feeds.sources import open_feed
from obi_widgets.paper.log import read_log
from obi_widgets.session.papering import PaperTrading

SIM = Path(__file__).parent / "data" / "sim.txt"
SETTINGS = obi.Parameters(threshold=0.2, hold_seconds=0.5)


def inject(feed, faults):
    """Let the exchange have faults, one after the other, once there is a book."""
    wait_for(lambda: feed.market.has_book)
    for fault in faults:
        feed.exchange.inject(fault)
        threading.Event().wait(0.4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:obi_widgets.errors.RecordingWarning")  # of gaps
def test_with_faults_the_log_is_what_the_backtest_does_on_its_own_recording(tmp_path):
    feed = open_feed("sim:BTC-PERP", warmup=30, seed=3)
    paper = PaperTrading(feed, SETTINGS, tmp_path / "log.jsonl", record=tmp_path / "own.gz")
    faults = [one for one in FAULTS if one != "silence"]
    injecting = threading.Thread(target=inject, args=(feed, faults))
    injecting.start()
    try:
        paper.run(8)
    finally:
        injecting.join()
    log = read_log(paper._log.path)
    assert log.whole
    assert log.begin["recording"] == "own.gz"
    assert log.begin["connections"]
    assert {"book", "trades"} <= {name for one in log.connections for name in one.connections}
    assert sum(one.gaps for one in log.seconds.values())
    assert len(log.entries) > 5
    found = obi.reconcile(log.path, obi.load(tmp_path / "own.gz"))
    assert found.explained, found.table.to_string()
    assert found.counts["same"] > 5


def test_the_commands_run_and_reconcile(tmp_path, capsys):
    config = tmp_path / "btc.toml"
    obi.Settings(threshold=0.2, hold_seconds=0.5).save(config)
    log, recording = str(tmp_path / "log.jsonl"), str(tmp_path / "own.gz")
    asked = ["--source", "sim:BTC-PERP", "--seed", "3", "--warmup", "20", "--seconds", "1"]
    assert main(["paper", str(config), "--log", log, "--record", recording, *asked]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Paper run of sim:BTC-PERP, simulated. No order is sent."
    assert any("imbalance" in line and "above 0.2" in line for line in told)
    assert any("declined: position open" in line for line in told)
    assert told[-1].endswith("its time is over.")
    begin = read_log(log).begin
    assert begin["config"]["file"] == "btc.toml"
    assert len(begin["config"]["sha256"]) == 64

    assert main(["reconcile", log, recording]) == 0
    assert "are the same in the log and in the backtest" in capsys.readouterr().out
    assert main(["reconcile", log, recording, "--set", "threshold=0.4", "--json"]) == 0
    *rows, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert end["not_explained"] == 0
    assert {row["cause"] for row in rows} == {"settings differ: threshold 0.2 in the log, 0.4 here"}

    lines = Path(log).read_text().splitlines(keepends=True)
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_text("".join(one for one in lines if '"number": 2,' not in one))
    assert main(["reconcile", str(spoilt), recording]) == 4
    out = capsys.readouterr().out
    assert "only in backtest" in out
    assert "not explained" in out
    assert main(["paper", str(config), "--log", log, *asked]) == 1
    assert "is not overwritten" in capsys.readouterr().err


def test_what_cannot_run_on_paper_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="needs a live source, and this is a recording"):
        PaperTrading(open_feed(str(SIM)), SETTINGS, tmp_path / "log.jsonl")
    with pytest.raises(RecordingError, match=r"own\.zip ends in"):
        PaperTrading(open_feed("sim:BTC-PERP"), SETTINGS, tmp_path / "a", record="own.zip")
    assert not [*tmp_path.iterdir()]  # a log without a line is removed
    with pytest.raises(SettingsError):
        PaperTrading(open_feed("sim:BTC-PERP"), obi.Parameters("vpin"), tmp_path / "b")


def test_a_feed_that_ends_says_why_and_the_log_too(tmp_path):
    feed = open_feed("sim:BTC-PERP", warmup=0, seed=3)
    paper = PaperTrading(feed, SETTINGS, tmp_path / "log.jsonl")

    def told(line):
        if line["type"] == "begin":
            feed.market.end("The venue is gone.", "Take another one.")

    with pytest.raises(VenueError, match=r"^The venue is gone\. Take another one\.$"):
        paper.run(20, told)
    log = read_log(tmp_path / "log.jsonl")
    assert log.whole
    end = json.loads(log.path.read_text().splitlines()[-1])
    assert end["why"] == "The venue is gone. Take another one."
