"""Every way out carries the verdict and the origin, or says that there is none."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, replace

import known_market
import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.market_data.events import Instrument
from obi_widgets.settings.provenance import NOT_CALIBRATED, NOT_KNOWN

SETTINGS = obi.Settings(price="mid", fee_bps=0)


@pytest.fixture(scope="module")
def history():
    market = known_market.history(300, edge=2.0, seed=1)
    return replace(market, instrument=Instrument("sim", "BTC-PERP"))


@pytest.fixture(scope="module")
def report(history):
    return obi.calibrate(history, SETTINGS)


def test_a_report_knows_market_span_and_hash(history, report):
    origin = report.origin
    assert origin == history.provenance
    assert (origin.market, origin.states, origin.gaps) == ("sim:BTC-PERP", len(history), 0)
    assert origin.sha256 == history.sha256()
    assert [origin.start, origin.end] == [
        f"{one}Z" for one in history.time[[0, -1]].view("datetime64[ns]")
    ]
    assert repr(report).startswith("<Report sim:BTC-PERP ")
    assert f"Signal: imbalance. Data: {origin}." in report._repr_html_()
    assert str(origin) == (
        "sim:BTC-PERP, 2023-11-14 22:13:20 to 2023-11-14 22:18:19 UTC, 3,000 states of 2 levels, "
        f"0 gaps, from arrays given by the user, sha256 {history.sha256()[:12]}"
    )
    lost = history.bid.copy()
    lost[[10, 11, 500]] = np.nan
    broken = replace(history, bid=lost, ask=np.where(np.isnan(lost), np.nan, history.ask))
    assert obi.calibrate(broken, SETTINGS).origin.gaps == 2
    both = obi.calibrate([history[:1000], history[2000:]], SETTINGS).origin
    assert (both.states, both.gaps) == (2001, 1)
    assert obi.calibrate(history[:0], SETTINGS).origin is None


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_settings_file_has_the_origin_of_its_findings(tmp_path, history, report, suffix):
    path = SETTINGS.save(tmp_path / f"a{suffix}", findings=report.findings)
    document = parsed(path)
    assert document["tuned_on"] == asdict(history.provenance)
    assert document["calibration"]["verdict"] == report.verdict
    assert "judged_on" not in document
    loaded = obi.Settings.load(path)
    assert loaded.findings == report.findings
    assert loaded.findings.origin == loaded.provenance == report.origin


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_file_of_nothing_says_so(tmp_path, suffix):
    path = SETTINGS.save(tmp_path / f"a{suffix}")
    document = parsed(path)
    assert document["calibration"] == NOT_CALIBRATED
    assert document["calibration"]["verdict"] == "not calibrated"
    assert document["tuned_on"] == NOT_KNOWN == {"market": "not known"}
    loaded = obi.Settings.load(path)
    assert (loaded.provenance, loaded.findings) == (None, None)


def test_a_part_that_was_judged_is_told_beside_what_was_tuned_on(tmp_path, history):
    part = obi.calibrate(history[:2000], SETTINGS).findings
    path = SETTINGS.save(tmp_path / "a.toml", provenance=history.provenance, findings=part)
    document = parsed(path)
    assert document["tuned_on"]["sha256"] == history.sha256()
    assert document["judged_on"]["sha256"] == history[:2000].sha256()
    loaded = obi.Settings.load(path)
    assert loaded.findings == part
    assert loaded.provenance == history.provenance


def parsed(path):
    text = path.read_text()
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def test_findings_of_others_are_refused(tmp_path, history, report):
    path = tmp_path / "a.toml"
    others = obi.Settings(price="mid", fee_bps=0, decay=2, depth=None)
    with pytest.raises(obi.ObiError) as error:
        others.save(path, findings=report.findings)
    assert str(error.value) == (
        "The report is about other settings: decay = 0.1, not 2.0; depth = 10, not None. "
        "Calibrate these settings, or save the settings of the report."
    )
    elsewhere = replace(history, instrument=Instrument("okx", "BTC-PERP")).provenance
    with pytest.raises(obi.ObiError) as error:
        SETTINGS.save(path, provenance=elsewhere, findings=report.findings)
    assert str(error.value) == (
        "The report is about 'sim:BTC-PERP', and the settings were tuned on 'okx:BTC-PERP'. "
        "Calibrate them on the market that they were tuned on."
    )
    for signal, name in (
        (obi.weighted_mid, "'weighted_mid'"),
        (np.sin(np.arange(len(history))), "'an array'"),
    ):
        found = obi.calibrate(history, SETTINGS, signal=signal).findings
        with pytest.raises(obi.ObiError) as error:
            SETTINGS.save(path, findings=found)
        assert str(error.value).startswith(f"The report is about another signal, {name}.")
    assert not path.exists()


def test_tables_tell_what_they_are_of(history, report):
    for table in (report.table, report.as_traded):
        assert table.attrs["settings"] == SETTINGS.parameters.as_table()
        assert table.attrs["tuned_on"] == asdict(history.provenance)
        assert table.attrs["calibration"]["verdict"] == report.verdict
    parts = [history[:1500], history[1500:]]
    table = obi.sweep(parts, settings=SETTINGS, threshold=[0.2, 0.4]).to_frame()
    assert table.attrs["tuned_on"] == [asdict(one.provenance) for one in parts]
    assert table.attrs["calibration"] == NOT_CALIBRATED
    empty = obi.sweep(history[:0], settings=SETTINGS).to_frame()
    assert empty.attrs["tuned_on"] == NOT_KNOWN
    frames = [
        (obi.walk_forward(history, folds=2, settings=SETTINGS), SETTINGS.parameters),
        (
            obi.break_even(history, SETTINGS, latency=[0.1], fee_bps=[0.0]),
            SETTINGS.parameters.replace(execution="taker", price="touch"),
        ),
    ]
    for table, parameters in frames:
        assert table.attrs == {
            "settings": parameters.as_table(),
            "tuned_on": asdict(history.provenance),
            "calibration": NOT_CALIBRATED,
        }
