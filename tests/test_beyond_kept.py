"""Settings that reach beyond the levels that are kept: no signal, and a sentence that says so."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from history_tools import NAN, early, make

import obi_widgets as obi
from obi_widgets.calibration import entry_sums
from obi_widgets.calibration.grid import Grid
from obi_widgets.history.unchecked import changed
from obi_widgets.presentation.frames.frame import Reach
from obi_widgets.presentation.texts import effects
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import Shortfall, beyond_kept, without_value

BAND = obi.Settings(depth=None, decay=0, band_bps=20, threshold=0.1)


@pytest.fixture(scope="module")
def shallow(captures):
    return obi.load(captures["btcusdt"])


@pytest.fixture(scope="module")
def deep(captures):
    return obi.load(captures["btcusdt"], levels=1000)


@pytest.mark.slow
def test_a_band_is_the_same_signal_however_many_levels_are_kept(shallow, deep):
    """Or none: fifty levels of this book span 1.5 bps."""
    assert np.isnan(obi.imbalance(shallow, BAND)).all()
    assert np.mean(~np.isnan(obi.imbalance(deep, BAND))) > 0.9
    found = []
    for band in (0.4, 0.8, 1.2, 1.6):
        parameters = Parameters(depth=None, decay=0.1, band_bps=band)
        few, many = (obi.imbalance(one, parameters) for one in (shallow, deep))
        there = ~np.isnan(few)
        np.testing.assert_allclose(few[there], many[there], atol=2e-6)
        assert np.array_equal(there, ~np.isnan(many) & ~beyond_kept(shallow, parameters))
        found.append(there.mean())
    assert 1 >= found[0] >= found[1] > found[2] > found[3] > 0


def test_everything_that_rests_on_it_has_nothing(shallow):
    assert len(obi.entries(shallow, BAND)) == 0
    assert len(obi.fills(shallow, BAND)) == 0
    assert np.isnan(obi.imbalance(shallow, BAND)).all()
    assert (obi.sweep(shallow, settings=BAND, threshold=[0.0, 0.5]).sums == 0).all()
    assert (
        obi.walk_forward(shallow, folds=2, settings=BAND, threshold=[0.0, 0.1]).entries == 0
    ).all()


@pytest.mark.parametrize(
    ("changes", "levels", "says"),
    [
        ({"band_bps": 20.0}, 50, "A band of 20 bps reaches beyond the 50 levels kept, which span "
                                 "1.4 bps: open with levels=1000."),
        ({"band_bps": 100.0}, 50, "A band of 100 bps reaches beyond the 50 levels kept, which span "
                                  "1.4 bps: choose a narrower band."),
        ({"band_bps": None, "depth": 10}, 5, "A depth of 10 reaches beyond the 5 levels kept, "
                                             "which span 0.13 bps: open with levels=50."),
    ],
)  # fmt: skip
def test_calibrate_says_which_and_what_to_open(captures, changes, levels, says):
    history = obi.load(captures["btcusdt"], levels=levels)
    report = obi.calibrate(history, BAND.parameters.replace(**changes), horizons=[1, 5])
    assert (report.verdict, report.reason) == ("not enough data", says)
    assert says in report._repr_html_().replace("&#x27;", "'")
    assert report.findings.reason == says


def test_where_some_states_have_a_signal_the_report_says_how_many_have_not(shallow):
    parameters = Parameters(depth=None, band_bps=1.2)
    report = obi.calibrate(shallow, parameters, horizons=[1, 5])
    share = np.isnan(obi.imbalance(shallow, parameters)).mean()
    assert 0.1 < share < 0.3
    assert report.notes == (
        f"{100 * share:.0f} % of states have no signal. A band of 1.2 bps reaches beyond the 50 "
        "levels kept, which span 1.1 bps: open with levels=100.",
    )
    assert report.notes[0] in report._repr_html_()
    assert "levels kept" not in report.reason


def test_arrays_are_not_opened_but_given():
    history = make([(([100, 99], [1.0, 2.0]), ([101, 102], [2.0, 1.0]))] * 3, levels=2)
    found = Shortfall.of(history, Parameters(depth=10))
    assert found.sentence == (
        "A depth of 10 reaches beyond the 2 levels kept, which span 1.5e+02 bps: choose a depth of "
        "at most 2, or give 10 levels a side."
    )
    assert Shortfall.of(history, Parameters(depth=None, band_bps=500)).sentence.endswith(
        " bps: choose a narrower band, or give 50 levels a side."
    )
    one = early([1], [9], [1], [10], [1])
    assert Shortfall.of(one, Parameters()).sentence == (
        "A depth of 10 reaches beyond the only level kept: choose a depth of 1, or give 10 levels "
        "a side."
    )


def test_where_no_more_levels_are_known_the_depth_that_fits_is_said():
    """A file of the best five levels has no more to open."""
    history = make([(([100, 99], [1.0, 2.0]), ([101, 102], [2.0, 1.0]))] * 3, levels=2)
    reach = np.full((2, len(history)), 149.0, np.float32)  # the second level lies there
    found = Shortfall.of(changed(history, reach=reach), Parameters(depth=10))
    assert found.needed is None
    assert found.sentence.endswith(" bps: choose a depth of at most 2.")
    assert (found.fraction, found.setting) == (1.0, "depth")


def test_nothing_is_computed_where_the_settings_cannot_reach_beyond(shallow):
    for depth in (1, 10, 50, None):
        assert without_value(shallow, Parameters(depth=depth)) is None
    assert without_value(shallow, Parameters(depth=50, band_bps=1.0)) is None
    assert without_value(shallow, Parameters(depth=None, band_bps=0.01)).sum() == 0


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("band", [None, 0.9])
def test_a_sweep_makes_the_entries_of_each_setting(shallow, strict, band):
    """Depths within the kept levels and beyond them, and all of them, in one grid."""
    reach = np.random.default_rng(1).uniform(0.05, 2.0, (2, len(shallow))).astype(np.float32)
    states = [
        column[:, :20]
        for side in (+1, -1)
        for column in (shallow.prices(side), shallow.sizes(side))
    ]
    states[2][::3, 12:] = NAN  # asks that are complete with twelve levels
    history = obi.History.from_arrays(shallow.time, *states)
    history = replace(history, reach=reach if strict else history.reach, strict=strict)
    axes = {
        "decay": [0.0, 0.1, 0.2], "depth": [3, None, 20, 10, 50], "threshold": [0.0, 0.3, 0.6],
        "hold_seconds": [0.5, 5.0],
    }  # fmt: skip
    shared = Parameters(band_bps=band)
    found = obi.sweep(history, settings=shared, **axes).parts
    wanted = entry_sums.worse(entry_sums.one_by_one(history, Grid.of(shared, 0.3, axes), Event()))
    np.testing.assert_array_equal(found[..., [0, 1, 4, 5]], wanted[..., [0, 1, 4, 5]])
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    counts = found[..., 0].sum(axis=(0, 2, 3, 4))
    assert counts[0] > 50
    assert len(set(counts.tolist())) >= 4


# -- what the lab says -------------------------------------------------------------------------


def test_the_lab_says_which_setting_and_what_to_open(shallow):
    reach = Reach.of(shallow, BAND.parameters)
    note, warning = effects.depth_effect(None, reach)
    assert warning
    assert note.startswith("A band of 20 bps reaches beyond the 50 levels kept, which span 1.")
    assert note.endswith(" bps: open with levels=1000.")
    assert not reach.notes["decay"].warning, "of levels that are not there nothing can be said"
    within = Parameters(depth=10)
    note, warning = effects.depth_effect(10, Reach.of(shallow, within))
    assert (note[:8], warning) == ("Deepest:", False)


def test_the_lab_says_how_many_states_are_inferred(shallow):
    reach = np.full((2, len(shallow)), 100.0, np.float32)
    reach[0, -25:] = 0.01
    history = replace(shallow, reach=reach)
    parameters = Parameters(depth=10)
    note, warning = effects.depth_effect(10, Reach.of(history, parameters))
    assert warning
    assert note.endswith(" 25 % of states use levels that the last snapshot did not cover.")
    report = obi.calibrate(history, parameters, horizons=[1, 5])
    share = 100 * 25 / len(history)
    assert report.notes == (
        f"In {share:.2f} % of states the signal is inferred: it rests on levels beyond what the "
        "last snapshot covered.",
    )
    strict = obi.calibrate(replace(history, strict=True), parameters, horizons=[1, 5])
    assert strict.notes[0].startswith(f"In {share:.2f} % of states the signal has no value")
