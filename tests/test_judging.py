"""The commands that read a recording: ``calibrate``, ``export``, ``convert`` and ``replay``."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import known_market
import pytest

import obi_widgets as obi
from obi_widgets.cli import main
from obi_widgets.presentation.texts.report_text import HEAD, report_rows

SIM = Path(__file__).parent / "data" / "sim.txt"
pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A market whose signal pays without fees, as Parquet, and settings of it."""
    folder = tmp_path_factory.mktemp("judging")
    history = known_market.history(1200, edge=2.0, seed=1)
    history.save(folder / "tape.parquet")
    settings = obi.Settings(threshold=0.3, price="mid", fee_bps=0.0)
    settings.save(folder / "free.toml", provenance=history.provenance)
    obi.Settings(threshold=0.3, fee_bps=20.0).save(folder / "dear.toml")
    return folder


def run(capsys, *arguments: object, code: int = 0) -> str:
    assert main.main([*map(str, arguments)]) == code
    return capsys.readouterr().out


def test_the_exit_code_is_that_of_the_verdict(files, capsys):
    tape = files / "tape.parquet"
    history = obi.load(tape)
    for name, code in (("free", 0), ("dear", 3)):
        said = run(capsys, "calibrate", files / f"{name}.toml", tape, code=code)
        report = obi.calibrate(history, obi.Settings.load(files / f"{name}.toml"))
        assert report.verdict == ("viable" if code == 0 else "not viable")
        assert said.startswith(f"{report.verdict.capitalize()}. {report.reason}\n\n")
        assert f"Judged on {history.provenance}.\n" in said


def test_json_has_the_figures_of_the_report(files, capsys):
    arguments = ["calibrate", files / "free.toml", files / "tape.parquet", "--json"]
    more = ["--horizon", "5", "--horizon", "20", "--tried", "40", "--set", "depth=5"]
    found = json.loads(run(capsys, *arguments, *more, code=0))
    settings = obi.Settings(threshold=0.3, price="mid", fee_bps=0.0, depth=5)
    history = obi.load(files / "tape.parquet")
    report = obi.calibrate(history, settings, horizons=(5, 20), tried=40)
    assert found["verdict"] == report.verdict
    assert found["settings"]["depth"] == 5
    assert found["judged_on"]["sha256"] == history.provenance.sha256
    means = [one["mean_bps"] for one in found["calibration"]["horizons"]]
    assert means == [one.mean_bps for one in report.findings.horizons]


def test_a_table_has_a_row_a_horizon_and_dashes_for_what_is_not_known(files):
    history = obi.load(files / "tape.parquet")
    found = obi.calibrate(history, obi.Settings.load(files / "free.toml")).findings
    rows = report_rows(found)
    assert {len(row) for row in rows} == {len(HEAD)}
    (judged,) = [row for row in rows if "*" in row[0]]
    assert judged[0] == f"{found.horizon:g} s *"
    nothing = obi.calibrate(history[:50], obi.Settings(threshold=1.0)).findings
    assert report_rows(nothing)[0][2:] == ("-",) * (len(HEAD) - 2)


def test_settings_and_strategies_are_exported_with_the_verdict(files, capsys, tmp_path):
    judged, strategy = tmp_path / "judged.toml", tmp_path / "strategy.py"
    config, tape = files / "free.toml", files / "tape.parquet"
    said = run(capsys, "export", config, tape, judged, "--set", "hold_seconds=7")
    settings = obi.Settings.load(judged)
    assert settings.hold_seconds == 7
    assert settings.findings.verdict == "viable"
    assert said.startswith(f"{judged}: viable. ")
    run(capsys, "export", config, tape, strategy)
    made = runpy.run_path(str(strategy))
    assert made["CALIBRATION"]["verdict"] == "viable"
    assert made["TUNED_ON"]["sha256"] == obi.load(tape).provenance.sha256
    assert main.main(["export", str(config), str(tape), str(judged)]) == 1
    assert "exists already. Give another name, or --replace." in capsys.readouterr().err
    run(capsys, "export", config, tape, judged, "--replace")
    assert main.main(["export", str(config), str(tape), str(tmp_path / "x.yaml")]) == 1
    assert "'x.yaml' ends in '.yaml'." in capsys.readouterr().err


def test_what_is_converted_is_what_was_recorded(capsys, tmp_path):
    out = tmp_path / "tape.parquet"
    said = run(capsys, "convert", SIM, out, "--interval", "0", "--levels", "7")
    history = obi.load(SIM, interval=0, levels=7)
    assert obi.load(out).provenance == history.provenance
    assert said == f"{out}: {history.provenance}.\n"
    assert main.main(["convert", str(SIM), str(out)]) == 1
    assert "exists already." in capsys.readouterr().err
    assert main.main(["convert", str(SIM)]) == 1
    assert "is no Parquet file to write." in capsys.readouterr().err


def test_a_folder_is_converted_day_by_day(capsys, tmp_path):
    obi.record(["sim:BTC-PERP"], tmp_path / "data", seconds=0.5, progress=False)
    (made,) = run(capsys, "convert", tmp_path / "data").splitlines()
    assert Path(made).suffix == ".parquet"
    assert len(obi.load(made)) > 0


def test_a_parquet_file_is_replayed_at_once(files, capsys):
    tape, config = files / "tape.parquet", files / "free.toml"
    for how in ([], ["--speed", "all"]):
        said = run(capsys, "replay", tape, "--config", config, "--every", 600, *how)
        assert "threshold 0.3" in said
        assert len([line for line in said.splitlines() if " bps " in line]) == 2
    assert main.main(["replay", str(SIM), "--speed", "fast"]) == 2
    assert "'fast' is neither a number nor 'all'." in capsys.readouterr().err
