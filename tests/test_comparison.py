"""A against B: the results of both on the same states, as if each were alone."""

from __future__ import annotations

import numpy as np
import pytest
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.calibration.difference import difference
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.reading.comparison import Comparison

A = obi.Parameters(depth=5, threshold=0.3, hold_seconds=5)
B = obi.Parameters(depth=5, threshold=0.3, hold_seconds=8, fee_bps=2)


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=1200, levels=10, seed=4, edge=2)


def test_b_is_what_its_settings_alone_give_while_states_are_appended(history):
    present, comparison = Analysis(A), Comparison(B)
    for end in (1, 2, 50, 51, 4000, len(history)):
        part = history[:end]
        present.update(part, A)
        found = comparison.update(part, present, 2)
        alone = obi.entries(part, B)
        assert len(found.trades.side) == len(alone)
        assert np.array_equal(found.trades.gross_bps, alone["gross_bps"], equal_nan=True)
        assert found.results.entries == np.count_nonzero(~np.isnan(alone["net_bps"]))
    assert found.parameters == B
    assert found.difference == difference(present.trades, found.trades, 8.0, 0.95)
    assert found.difference.enough


def test_the_interval_allows_for_all_settings_that_were_tried(history):
    present, comparison = Analysis(A), Comparison(B)
    present.update(history, A)
    widths = []
    for tried in (1, 2, 11):
        found = comparison.update(history, present, tried)
        widths.append(found.difference.high - found.difference.low)
    assert widths[0] == widths[1] < widths[2]
    assert found.difference.level == pytest.approx(1 - 0.05 / 10)


def test_a_session_shows_both_and_counts_b_as_tried():
    view = View()
    with following("sim:BTC-PERP", view, seed=3, settings=obi.Settings(A.signal)) as session:
        wait_for(lambda: len(session.tried) == 1, "the first settings")
        session.compare_with(session.settings)
        session.settings.decay = 0.3
        wait_for(
            lambda: view.frames[-1].other is not None and view.frames[-1].parameters.decay == 0.3
        )
        assert view.frames[-1].other.parameters.decay == 0.1
        wait_for(lambda: len(session.tried) == 2, "both")
        session.compare_with(obi.Settings(decay=0.9))
        wait_for(lambda: len(session.tried) == 3, "another B")
        wait_for(lambda: view.frames[-1].other.tried == 3)
        session.compare_with(None)
        wait_for(lambda: view.frames[-1].other is None)
        assert session.compared is None


def test_b_is_a_copy_and_a_swap_can_be_undone():
    with following("sim:BTC-PERP", seed=3) as session:
        session.swap()  # nothing to swap
        session.compare_with(session.settings)
        session.settings.update(B)
        assert session.compared == obi.Parameters()
        session.swap()
        assert session.settings.parameters == obi.Parameters()
        assert session.compared == B
        session.settings.undo()
        assert session.settings.parameters == B


def test_other_things_are_no_settings():
    with following("sim:BTC-PERP", seed=3) as session:
        for wrong in ("scalp", 3, {}):
            with pytest.raises(SettingsError, match="is not settings"):
                session.compare_with(wrong)
        assert session.compared is None
