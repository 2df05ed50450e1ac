"""Verdicts, trials, sealed tests and the lab's calibration are of the signal in the settings."""

from __future__ import annotations

import json

import known_market
import numpy as np
import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.calibration import sweep as sweeping
from obi_widgets.errors import SealError
from obi_widgets.parameters import Number, Seconds
from obi_widgets.presentation.tear_sheet.tear_sheet import SheetMaker
from obi_widgets.session.background_calibration import Calibrator, axes
from obi_widgets.session.trials import Tried
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.signal import signal
from obi_widgets.signals.source import source_sha256
from obi_widgets.signals.transforms import smooth, zscore
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import scan

HISTORY = known_market.history(300, edge=2.0, seed=4)


@signal(range=(-1, 1), needs="touch")
def judged_touch(history, *, power: Number(0.1, 4) = 1.0):
    _, (bid, ask) = history.rank(0)
    with np.errstate(invalid="ignore"):
        value = (bid - ask) / (bid + ask)
    return np.sign(value) * np.abs(value) ** power


def again(factor):
    """Define a signal by another source, under the same name."""
    if factor == 1:

        @signal(range=(-1, 1), needs="touch")
        def redefined(history):
            _, (bid, ask) = history.rank(0)
            return (bid - ask) / (bid + ask)

    else:

        @signal(range=(-1, 1), needs="touch")
        def redefined(history):
            _, (bid, ask) = history.rank(0)
            return (ask - bid) / (bid + ask)

    return redefined


# -- calibrate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [judged_touch, zscore(obi.imbalance, 5), smooth(judged_touch, 2)])
def test_a_verdict_is_of_the_settings_signal(of):
    settings = obi.Settings(of, threshold=0.5)
    report = obi.calibrate(HISTORY, settings, horizons=[1, 5])
    same = obi.calibrate(
        HISTORY, obi.Settings(threshold=0.5), horizons=[1, 5], signal=of(HISTORY, settings)
    )
    np.testing.assert_array_equal(report.means.n, same.means.n)
    np.testing.assert_array_equal(report.traded.net_bps, same.traded.net_bps)
    assert report.means.n.min() > 50
    assert report.signal == report.findings.signal == of.name
    assert report.looks_ahead == ""


@pytest.mark.parametrize("given", [judged_touch, "judged_touch"])
def test_a_signal_that_is_given_takes_the_place_of_the_settings_own(given, tmp_path):
    settings = obi.Settings(judged_touch, power=0.5)
    other = obi.Settings(threshold=0.4)
    wanted = obi.calibrate(HISTORY, obi.Settings(judged_touch), horizons=[5])
    report = obi.calibrate(HISTORY, other, signal=given, horizons=[5])
    assert report.parameters == obi.Settings(judged_touch).parameters
    np.testing.assert_array_equal(report.means.n, wanted.means.n)
    own = obi.calibrate(HISTORY, settings, signal=given, horizons=[5])
    assert own.parameters == settings.parameters
    settings.save(tmp_path / "a.toml", findings=own.findings)
    with pytest.raises(obi.ObiError) as error:
        other.save(tmp_path / "a.toml", findings=report.findings)
    assert str(error.value) == (
        "The report is about another signal, 'judged_touch'. The settings use 'imbalance'. "
        "Save them without these findings, or calibrate them."
    )


def test_a_function_of_the_same_name_is_not_the_settings_signal(tmp_path):
    def imbalance(history):
        return history.mid - history.mid[0]

    report = obi.calibrate(HISTORY, obi.Settings(), signal=imbalance, horizons=[5])
    assert report.signal == "the function imbalance"
    with pytest.raises(obi.ObiError, match="The report is about another signal, 'the function imb"):
        obi.Settings().save(tmp_path / "a.toml", findings=report.findings)


def test_findings_of_a_definition_before_are_refused(tmp_path):
    settings = obi.Settings(again(1))
    findings = obi.calibrate(HISTORY, settings, horizons=[5]).findings
    with pytest.raises(obi.ObiError) as error:
        obi.Settings(again(2)).save(tmp_path / "a.toml", findings=findings)
    assert str(error.value) == (
        "The report is about an earlier definition of the signal redefined. "
        "Calibrate these settings again."
    )


def test_a_signal_of_the_settings_that_looks_ahead_is_told():
    @signal(needs="touch", lookback="window")
    def knows_more(history, *, window: Seconds(0.1, 60) = 1.0):
        return np.append(np.diff(history.mid, n=1), 0.0)  # the step that is still to come

    report = obi.calibrate(HISTORY, obi.Settings(knows_more, threshold=0.0), horizons=[1])
    assert "the data up to then give" in report.looks_ahead
    assert report.verdict != "viable"
    through = obi.calibrate(HISTORY, obi.Settings(smooth(knows_more, 1), threshold=0), horizons=[1])
    assert through.looks_ahead


# -- trials ------------------------------------------------------------------------------------


def test_each_change_of_the_signal_counts_once():
    tried, touch = Tried(), Parameters(judged_touch)
    one, other = Parameters(again(1)), Parameters(again(2))
    cases = [
        Parameters(), touch, touch.replace(power=2), Parameters("zscore(imbalance)"),
        Parameters("zscore(imbalance)", window=5), Parameters("zscore(imbalance)", decay=0.5),
        one, other, Parameters(threshold_is="quantile", threshold=0.9),
        Parameters(threshold_is="quantile", threshold=0.9, quantile_window=60),
    ]  # fmt: skip
    for number, p in enumerate(cases, 1):
        assert tried.add(p) == number
    for p in (
        *cases,
        Parameters(fee_bps=1),
        touch.replace(hold_seconds=30),
        touch.replace(power=2),
    ):
        assert tried.add(p) == len(cases)


# -- sealed tests ------------------------------------------------------------------------------


def sealed(settings, history=HISTORY, at=1000):
    return obi.sealed_test(history, settings, after=int(history.time[at]), clip_bps=50)


@pytest.mark.parametrize(
    "settings",
    [
        obi.Settings(judged_touch, hold_seconds=1),
        obi.Settings(zscore(obi.imbalance, 10), threshold=1, hold_seconds=1),
        obi.Settings(threshold_is="quantile", threshold=0.8, quantile_window=10, hold_seconds=1),
        obi.Settings(
            zscore(judged_touch, 5), threshold_is="quantile", threshold=0.8, quantile_window=10,
            hold_seconds=1,
        ),
    ],
    ids=lambda one: f"{one.signal.name} {one.threshold_is}",
)  # fmt: skip
def test_a_sealed_test_judges_state_by_state_what_the_whole_gives(settings, tmp_path):
    whole = sealed(settings)
    past, end = HISTORY[:1200], 1200
    pieces = sealed(settings, past)
    dice = np.random.default_rng(1)
    while end < len(HISTORY):
        end = min(end + int(dice.choice([1, 5, 40])), len(HISTORY))
        pieces.update(HISTORY[:end])
    assert pieces.trades == whole.trades
    assert len(whole.trades) > 20
    # What looks back knows the states before the seal.
    p = settings.parameters
    made = scan(HISTORY, decisions(HISTORY, p.signal(HISTORY, p), p), p, 1001, None)
    assert [one.entry_time for one in whole.trades] == made.entry_time[made.exit_time > 0].tolist()
    loaded = obi.SealedTest.load(whole.save(tmp_path / "a.json"))
    assert loaded.seal == whole.seal
    assert loaded.seal.sha256 == whole.seal.sha256


def test_the_source_of_a_signal_is_sealed(tmp_path):
    first = obi.Settings(again(1), hold_seconds=1)
    test = sealed(first)
    path = test.save(tmp_path / "a.json")
    assert json.loads(path.read_text())["seal"]["signal_sha256"] == source_sha256(first.signal)
    assert obi.SealedTest.load(path).trades == test.trades
    test.follow_settings(first)
    assert test.broken == ""
    second = obi.Settings(again(2), hold_seconds=1)
    assert sealed(second).seal.sha256 != test.seal.sha256
    with pytest.raises(SealError) as error:
        obi.SealedTest.load(path)
    assert str(error.value) == (
        "a.json was sealed with other source code of the signal redefined. To continue, define it "
        "as it was then. Otherwise seal again in another file."
    )
    test.follow_settings(second)
    assert "the source of redefined changed" in test.broken
    other = sealed(obi.Settings(judged_touch))
    other.follow_settings(obi.Settings())
    assert "signal changed from 'judged_touch' to 'imbalance'" in other.broken


def test_a_seal_of_the_imbalance_is_kept_as_version_1_kept_it():
    table = sealed(obi.Settings()).seal.as_table()
    assert "signal_sha256" not in table
    assert list(table["settings"]) == [
        "decay", "depth", "band_bps", "weighting", "threshold", "hold_seconds", "price", "fee_bps",
    ]  # fmt: skip


# -- the lab's calibration ---------------------------------------------------------------------


def test_a_report_stays_where_its_surface_fails(monkeypatch, caplog):
    told = []
    calibrator = Calibrator(Tried(), lambda: told.append(calibrator.found))
    with monkeypatch.context() as patch:

        def broken(*_, **__):
            raise ZeroDivisionError("by hand")

        patch.setattr(sweeping, "sweep", broken)
        try:
            calibrator.ask(HISTORY, Parameters(judged_touch))
            wait_for(lambda: told, "an answer")
        finally:
            calibrator.close()
    found = told[-1]
    assert found.report.signal == "judged_touch"
    assert (found.surface, found.proposal) == (None, None)
    assert found.error.startswith("Calibration failed: ZeroDivisionError('by hand').")
    assert "Calibration failed." in caplog.text
    sheet = SheetMaker().make(found, HISTORY.instrument, "Waiting.")
    assert (sheet["surface"], sheet["pending"]) == (None, found.error)
    assert sheet["word"] == found.report.verdict.capitalize()
    assert sheet["message"] == ""


@pytest.mark.parametrize(
    "p",
    [
        Parameters(judged_touch, threshold=0.33),
        Parameters("zscore(imbalance)", window=5, threshold=2.2),
        Parameters(threshold_is="quantile", threshold=0.85, quantile_window=10),
    ],
)
def test_the_lab_shows_a_surface_of_any_signal(p):
    told = []
    calibrator = Calibrator(Tried(), lambda: told.append(calibrator.found))
    try:
        calibrator.ask(HISTORY, p)
        wait_for(lambda: told and told[-1].surface is not None, "a surface")
    finally:
        calibrator.close()
    surface = told[-1].surface
    assert surface.parameters == p
    thresholds, holds = axes(p)
    assert (surface.threshold.tolist(), surface.hold_seconds.tolist()) == (thresholds, holds)
    assert p.threshold in thresholds
    trades = obi.entries(HISTORY, p)
    at = thresholds.index(p.threshold), holds.index(p.hold_seconds)
    first = (0,) * (len(surface.axes) - 2)
    assert surface.entries[first + at] == (trades.ended == "held").sum() > 0
