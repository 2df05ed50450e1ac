"""What a click on a level of the ladder sets, asked of the declaration; and what the page says."""

from __future__ import annotations

import numpy as np
import pytest
from session_tools import wait_for
from shown_tools import shown

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.reading.ladder import Ladder
from obi_widgets.presentation.texts.level_choice import LevelChoice, band_to, words


@obi.signal(range=(-1, 1))
def within(history, *, reach: obi.Band(1, 20) = 5.0):
    """Return a signal that has a band and no depth."""
    return obi.imbalance(history, depth=None, band_bps=reach)


@obi.signal(range=(-1, 1))
def few(history, *, levels: obi.Levels(2, 5) = 3):
    """Return a signal of two to five levels."""
    return obi.imbalance(history, depth=levels)


@obi.signal(range=(-1, 1))
def slope(history, *, near: obi.Levels(1, 20) = 5, far: obi.Levels(1, 50) = 20):
    """Return a signal of two depths."""
    return obi.imbalance(history, depth=near) - obi.imbalance(history, depth=far)


CHOICES = [
    (obi.Parameters(), 7, 3.2, {"depth": 7}),
    (obi.Parameters(depth=None), 7, 3.2, {"depth": 7}),
    (obi.Parameters(depth=None, band_bps=2.0), 7, 3.2, {"band_bps": 3.2}),
    (obi.Parameters(depth=None, band_bps=9.0), 7, 3.2, {"band_bps": 3.2}),
    (obi.Parameters(depth=5, band_bps=9.0), 7, 3.2, {"depth": 7}),
    (obi.Parameters(depth=5, band_bps=2.0), 7, 3.2, {"depth": 7, "band_bps": 3.2}),
    (obi.Parameters(within), 7, 3.2, {"reach": 3.2}),
    (obi.Parameters(few), 4, 3.2, {"levels": 4}),
    (obi.Parameters("order_flow_imbalance"), 4, 3.2, {"depth": 4}),
    (obi.Parameters(obi.zscore(obi.imbalance, window=10)), 4, 3.2, {"depth": 4}),
]


@pytest.mark.parametrize(("parameters", "rank", "bps", "wanted"), CHOICES)
def test_the_limit_in_use_is_moved(parameters, rank, bps, wanted):
    assert LevelChoice.of(parameters).changes(rank, bps) == wanted


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (obi.Parameters("queue_imbalance"), "Queue imbalance has neither a depth nor a band."),
        (obi.Parameters("trade_imbalance"), "Trade imbalance has neither a depth nor a band."),
        (obi.Parameters(slope), "Slope has Near and Far: set them by their sliders."),
    ],
)
def test_a_signal_without_one_limit_says_why(parameters, reason):
    choice = LevelChoice.of(parameters)
    with pytest.raises(SettingsError) as error:
        choice.changes(1, 0.1)
    assert str(error.value) == f"A level cannot be chosen. {reason}"
    assert words(choice, 3) == {"why": reason, "depths": [], "band": None}


def test_a_value_out_of_its_bounds_is_refused_and_the_page_knows():
    choice = LevelChoice.of(obi.Parameters(few))
    for rank in (1, 6):
        with pytest.raises(SettingsError, match=f"levels = {rank} is not possible"):
            choice.changes(rank, 0.1)
    no = "Levels: a number from 2 to 5 levels"
    assert words(choice, 6)["depths"] == [
        (no, False), *((f"Levels to {rank} levels", True) for rank in (2, 3, 4, 5)), (no, False),
    ]  # fmt: skip
    narrow = LevelChoice.of(obi.Parameters(within))
    for bps in (0.5, 21.0):
        with pytest.raises(SettingsError, match=f"reach = {bps} is not possible"):
            narrow.changes(3, bps)
    assert words(narrow, 6) == {
        "why": "", "depths": [],
        "band": ["Reach", 0.0, [1, 20], "Reach: a number from 1 to 20 bps"],
    }  # fmt: skip


def test_a_band_reaches_to_its_level_and_no_further(history):
    """The signal uses the levels up to that one, and none beyond."""
    rng = np.random.default_rng(3)
    for row in rng.integers(0, len(history), 40).tolist():
        ladder = Ladder.of(history, obi.Parameters(depth=None), row)
        mid = float(history.mid[row])
        side, rank = int(rng.integers(2)), int(rng.integers(ladder.price.shape[1]))
        price = float(ladder.price[side, rank])
        if price != price:
            continue
        band = band_to(price, mid, history.tick_size)
        after = obi.Parameters(depth=None, band_bps=band)
        used = Ladder.of(history, after, row).weight[side] > 0
        filled = np.isfinite(ladder.price[side])
        assert (used == (filled & (np.arange(len(used)) <= rank))).all()
        assert float(f"{band:.6g}") == band, "a page shows all its digits"


# -- the ladder ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    made = obi.Lab("sim:BTC-PERP", seed=3, warmup=60)
    try:
        wait_for(lambda: made.session.market.has_book, "the past, and a book of now")
        made.pause()
        yield made
    finally:
        made.close()


def show(lab):
    session = lab.session
    frame = session.publisher.frame(session.shown(), lab.settings.parameters)
    lab.show(frame)
    return frame


def click(lab, rank, bps=0.0):
    lab.book._ladder._handle_custom_msg({"do": "use", "rank": rank, "bps": bps}, [])


def test_a_click_sets_the_depth_and_undo_takes_it_back(lab):
    lab.settings.update(obi.Settings())
    click(lab, 4)
    assert lab.settings.depth == 4
    show(lab)
    used = [line[3] > 0 for line in shown(lab.book._ladder)["bids"]]
    assert used == [True] * 4 + [False] * (lab.book._ladder.rows - 4)
    lab.settings.undo()
    assert lab.settings.depth == 10


def test_depth_and_band_move_in_one_step(lab):
    lab.settings.update(obi.Settings(depth=3, band_bps=0.1))
    frame = show(lab)
    state = shown(lab.book._ladder)
    band = state["bands"][1][5]
    assert band == band_to(float(frame.ladder.price[1, 5]), frame.mid, frame.tick_size)
    click(lab, 6, band)
    assert (lab.settings.depth, lab.settings.band_bps) == (6, band)
    lab.settings.undo()
    assert (lab.settings.depth, lab.settings.band_bps) == (3, 0.1)
    lab.settings.update(obi.Settings())


def test_of_a_moment_that_is_read_its_own_distances_are_used(lab):
    lab.settings.update(obi.Settings(depth=None, band_bps=2.0))
    lab.session.pin(int(lab.session.shown().time[100]))
    frame = show(lab)
    then = shown(lab.book._ladder, "then")
    price = float(frame.reading.ladder.price[0, 4])
    band = then["bands"][0][4]
    assert band == band_to(price, frame.reading.mid, frame.tick_size)
    click(lab, 5, band)
    frame = show(lab)
    assert int((frame.reading.ladder.weight[0] > 0).sum()) == 5
    lab.session.pin()
    lab.settings.update(obi.Settings())


def test_a_signal_that_has_no_limit_is_left_alone_and_the_screen_says_why():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=20, signal="queue_imbalance")
    try:
        lab.wait(100)
        before = lab.settings.parameters
        click(lab, 4)
        assert lab.settings.parameters == before
        frame = show(lab)
        assert "neither a depth nor a band" in frame.note
        assert "Click" not in shown(lab.book._ladder)["note"]
    finally:
        lab.close()


def test_choosing_by_depth_adds_nothing_to_a_frame(lab):
    show(lab)
    state = shown(lab.book._ladder)
    assert state["bands"] == [[], []]
    assert state["choose"]["depths"][2] == ("Depth to 3 levels", True)
    assert len(state["choose"]["depths"]) == lab.book._ladder.rows
