"""What is said about heatmap, trades, large levels and gaps."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.presentation.layers.heatmap import Heat
from obi_widgets.presentation.layers.outcomes import (
    AGAINST,
    PAID,
    PENDING,
    UNKNOWN,
    Markout,
    WallOutcome,
)
from obi_widgets.presentation.layers.trade_bubbles import Bubbles, Grid
from obi_widgets.presentation.layers.walls import Wall
from obi_widgets.presentation.texts import layer_texts

SECOND = 1_000_000_000
NOON = 1_700_049_600 * SECOND
BTC = obi.Instrument("binance-usdm", "BTCUSDT", quote="USDT", tick_size=0.1)


def heat(step):
    nothing = np.zeros((0, 1), np.uint8)
    return Heat(nothing, np.zeros(0, np.float32), 0, 1, 0.0, step, 1.0, (4.0, 40.0))


def test_the_colours_of_a_heatmap():
    assert layer_texts.resting(heat(0.8), BTC) == "resting BTC per 0.8 USDT, log"
    weighted = layer_texts.resting(heat(0.8), BTC, weighted=True)
    assert weighted == "resting BTC × weight per 0.8 USDT, log"
    unknown = obi.Instrument("x", "ODD")
    assert layer_texts.resting(heat(1e-6), unknown) == "resting size per 1e-06, log"
    assert layer_texts.resting(heat(2500.0), BTC) == "resting BTC per 2,500 USDT, log"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0.01304, "0.013"), (13.26, "13.3"), (1333.0, "1,330"), (2.0, "2"), (1.5e10, "15.00 B"),
        (1e-8, "0.00000001"), (0.0, "0"),
    ],
)  # fmt: skip
def test_sizes_have_three_digits(size, text):
    assert layer_texts.amount(size) == text


def test_the_least_trade_that_is_drawn():
    marks, keys, grid = np.zeros((0, 3)), np.zeros(0, np.int64), Grid(0, 1, 1.0)
    assert layer_texts.least(Bubbles(marks, 2.0, 9.0, keys, grid), BTC) == "≥ 2 BTC"
    assert layer_texts.least(Bubbles(marks, 0.0, 9.0, keys, grid), BTC) == ""


@pytest.mark.parametrize(
    ("side", "ended", "older", "end", "text"),
    [
        (-1, 0, False, "standing", "ask wall 63,900.0 · 13.3 BTC · 2 min 31 s old"),
        (-1, 0, True, "standing", "ask wall 63,900.0 · 13.3 BTC · ≥ 2 min 31 s old"),
        (1, 168, False, "traded",
         "bid wall 63,900.0 · 13.3 BTC · stood 2 min 48 s, traded 12:02:48"),
        (1, 45, True, "pulled", "bid wall 63,900.0 · 13.3 BTC · stood ≥ 45 s, pulled 12:00:45"),
        (1, 3700, False, "unknown",
         "bid wall 63,900.0 · 13.3 BTC · stood 1 h 1 min, out of sight 13:01:40"),
    ],
)  # fmt: skip
def test_a_large_level_tells_its_age_and_its_end(side, ended, older, end, text):
    ended = NOON + ended * SECOND if ended else 0
    wall = Wall(3, 63_900.0, side, 13.31, NOON, ended, older, end)
    assert layer_texts.wall(wall, NOON + 151 * SECOND, BTC, 0.1) == text


def test_a_large_level_tells_what_became_of_it():
    ended = NOON + 168 * SECOND
    wall = Wall(3, 63_871.0, 1, 22.07, NOON, ended, True, "traded")
    outcome = WallOutcome(9.31, 3, Markout(0.123, PAID), Markout(-0.3, AGAINST))
    assert layer_texts.wall_name(wall, 0.1) == "bid wall 63,871.0"
    assert layer_texts.wall_rows(wall, outcome, ended + SECOND, BTC) == [
        ["size", "22.1 BTC"], ["largest against usual", "9.3 ×"], ["age", "≥ 2 min 48 s"],
        ["refills", "3"], ["end", "traded 12:02:48"], ["5 s after known", "+0.12 bps, away"],
        ["5 s after its end", "−0.30 bps, toward"],
    ]  # fmt: skip
    stands = wall._replace(ended=0, older=False, end="standing")
    rows = layer_texts.wall_rows(stands, outcome._replace(ended=None), NOON + 4 * SECOND, BTC)
    assert rows[2:] == [
        ["age", "4 s"], ["refills", "3"], ["end", "standing"],
        ["5 s after known", "+0.12 bps, away"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bps", "kind", "text"),
    [
        (0.0, AGAINST, "0.00 bps, unmoved"), (float("nan"), PENDING, "pending"),
        (float("nan"), UNKNOWN, "– not known"), (0.001, PAID, "+0.001 bps, away"),
    ],
)  # fmt: skip
def test_what_is_not_known_yet_is_said_so(bps, kind, text):
    assert layer_texts.wall_markout(Markout(bps, kind)) == text


@pytest.mark.parametrize(("ms", "text"), [(4200, "gap, 4.2 s"), (75_000, "gap, 1 min 15 s")])
def test_a_gap_tells_its_length(ms, text):
    assert layer_texts.gap((NOON, NOON + ms * 1_000_000)) == text
