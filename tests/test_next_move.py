"""The area under the ROC curve of the next move of mid, and the times at which it is sampled."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import MS, NAN, early

import obi_widgets as obi
from obi_widgets.calibration.next_move import area
from obi_widgets.signals.next_move import Samples, uniform

# Milliseconds and the bid; the ask is 1 above. Moves of mid are in rows 1, 4, 5, 6, 9, 10 and 12.
# From 4 to 5 no time passes, and between 6 and 9 the book was lost.
TAPE = [
    (0, 100), (10, 101), (20, 101), (30, 101), (40, 102), (40, 101), (60, 102), (70, NAN),
    (80, 102), (90, 103), (100, 102), (110, 102), (120, 101),
]  # fmt: skip


def made(rows):
    at, bid = np.array(rows, float).T
    size = np.where(np.isnan(bid), NAN, 1.0)
    return early((at * MS).astype(int), bid, size, bid + 1, size, tick_size=1.0)


def test_samples_by_hand():
    history = made(TAPE)
    seen = set()
    for seed in range(40):
        samples = Samples.of(history, seed)
        assert samples.began.tolist() == [1, 5, 9, 10]
        assert samples.ended.tolist() == [4, 6, 10, 12]
        assert samples.rose.tolist() == [True, True, False, False]
        seen.update(zip(samples.began.tolist(), samples.row.tolist(), strict=True))
    assert seen == {(1, 1), (1, 2), (1, 3), (5, 5), (9, 9), (10, 10), (10, 11)}


def test_times_are_uniform_and_the_same_wherever_a_history_begins(history):
    drawn = uniform(np.arange(100_000) * 1_000_003, 0)
    assert np.abs(np.histogram(drawn, 20, (0, 1))[0] / 5000 - 1).max() < 0.06
    assert abs(np.corrcoef(drawn, uniform(np.arange(100_000) * 1_000_003, 1))[0, 1]) < 0.02
    whole, part = Samples.of(history), Samples.of(history[500:4000])
    both = np.isin(whole.began - 500, part.began) & (whole.ended < 4000)
    np.testing.assert_array_equal(whole.row[both] - 500, part.row)


def test_the_area_is_that_of_all_pairs():
    random = np.random.default_rng(3)
    values = random.integers(0, 8, 120).astype(float)
    rose = random.random(120) < values / 8
    up, down = values[rose][:, None], values[~rose][None]
    found = area(values, rose, 0.95)
    assert found.auc == pytest.approx(np.mean((up > down) + 0.5 * (up == down)), abs=1e-12)
    assert (found.n, found.rises) == (120, np.count_nonzero(rose))
    wide = area(values, rose, 0.99)
    assert 0 < wide.low < found.low < found.auc < found.high < wide.high < 1


def test_its_interval_holds_its_rate():
    random = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        rose = random.random(200) < 0.5
        found = area(random.normal(size=200) + 1.5 * rose, rose, 0.95)
        held += found.low < 0.8556 < found.high  # Φ(1.5 / √2)
    assert 0.91 <= held / 300 <= 0.99


def test_on_captures_it_is_what_was_found_before(history):
    """Of independent code: .96 on BTC, .94 on ETH, of all states."""
    found = obi.next_move(history)
    assert found.low < 0.95 < found.high
    assert 0.9 < found.auc < 0.97
    assert found.n > 150
    values = obi.queue_imbalance(history)
    assert obi.next_move(history, values) == found
    against = obi.next_move(history, -values)
    assert against.auc == pytest.approx(1 - found.auc, abs=1e-12)


def test_few_moves_and_wrong_input_are_told():
    few = obi.next_move(made(TAPE))
    assert (few.n, few.rises) == (4, 2)
    assert few.auc == 0.5  # all sizes are alike
    assert np.isnan([few.low, few.high]).all()
    assert np.isnan(obi.next_move(made(TAPE[:3])).auc)
    with pytest.raises(obi.ObiError, match="confidence"):
        obi.next_move(made(TAPE), confidence=2)
    with pytest.raises(obi.ObiError, match="shape"):
        obi.next_move(made(TAPE), np.ones(3))
