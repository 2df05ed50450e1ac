"""The book at the right edge of the price chart, against a plain sum of its levels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from history_tools import SECOND, book, writer

import obi_widgets as obi
from obi_widgets.history.depth import ROW
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.layers import depth_strip
from obi_widgets.presentation.layers.chart_layers import Appearance, LayerMaker
from obi_widgets.presentation.layers.depth_strip import FADE, FULL, DepthStrips

T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def simulated():
    return obi.simulate(seconds=60, seed=5, levels=400)


@pytest.fixture(params=["numba", "numpy"], autouse=True)
def kernels(request, monkeypatch):
    assert depth_strip.KERNELS.wait()
    if request.param == "numpy":
        monkeypatch.setattr(depth_strip.KERNELS, "code", None)


def plain(history, row, strip):
    """Return sizes by row of a strip of the kept levels of a state; below 0 for asks."""
    sums = defaultdict(float)
    for sign in (+1, -1):
        prices, sizes = history.prices(sign)[row], history.sizes(sign)[row]
        for price, size in zip(prices.tolist(), sizes.astype(float).tolist(), strict=True):
            if np.isfinite(price):
                place = int((price - strip.low) / strip.step + 1e-6)
                if 0 <= place < len(strip.bars):
                    sums[place] += sign * size
    return sums


@pytest.mark.parametrize("row", [-1, 40, 200])
def test_each_bar_is_the_root_of_what_rests_in_its_row(simulated, row):
    until = simulated if row == -1 else simulated[: row + 1]
    mid = float(until.mid[-1])
    strip = DepthStrips().now(until, (mid - 20, mid + 20))
    wanted = plain(until, len(until) - 1, strip)
    largest = max(map(abs, wanted.values()))
    shown = {place: int(bar) for place, bar in enumerate(strip.bars) if bar}
    assert shown.keys() == wanted.keys()
    for place, size in wanted.items():
        length = np.ceil(FULL * np.sqrt(abs(size) / largest) - 1e-6)
        assert abs(shown[place] - np.sign(size) * length) <= 1, "a rounding at most"


def test_a_side_has_its_sign_and_a_single_order_the_whole_length():
    made = writer(tick_size=0.5)
    made.append(T0, T0, book([(99.5, 4.0), (98.5, 1.0)], [(100.5, 1.0)]))
    strip = DepthStrips().now(made.history(), (95.0, 105.0))
    at = {
        strip.low + place * strip.step: bar for place, bar in enumerate(strip.bars.tolist()) if bar
    }
    assert at == {99.5: FULL, 98.5: 64, 100.5: -64}


def test_the_scale_of_now_lets_go_slowly_and_holds_for_then():
    made = writer(tick_size=0.5)
    made.append(T0, T0, book([(99.5, 4.0)], [(100.5, 1.0)]))
    strips = DepthStrips()
    strips.now(made.history(), (95.0, 105.0))
    made.append(T0 + SECOND, T0 + SECOND, book([(99.5, 1.0)], [(100.5, 1.0)]))
    history = made.history()
    now = strips.now(history, (95.0, 105.0))
    length = int(np.ceil(FULL * np.sqrt(1 / (FADE * 4))))
    assert sorted(now.bars[now.bars != 0].tolist()) == [-length, length]
    assert strips.now(history, (95.0, 105.0)) is now, "the same state is the same strip"
    then = strips.then(history, 0, (95.0, 105.0))
    assert sorted(then.bars[then.bars != 0].tolist()) == [-length, FULL], "no longer than all"


def test_without_a_book_there_is_none(simulated):
    bid = simulated.bid.copy()
    bid[-1] = np.nan
    lost = replace(simulated, bid=bid)
    assert DepthStrips().now(lost, (86_000.0, 87_000.0)) is None
    assert DepthStrips().now(simulated[:0], (86_000.0, 87_000.0)) is None


def test_the_layers_have_now_and_the_moment_that_is_read(simulated):
    parameters = obi.Settings().parameters
    window, mid = Window.ending(int(simulated.time[-1]), 60.0), float(simulated.mid[-1])
    range_ = (mid - 20, mid + 20)

    def layers(**more):
        return LayerMaker().make(simulated, parameters, window, range_, Appearance(), **more)

    assert layers().depth_then is None
    read = layers(read=100)
    assert plain(simulated, 100, read.depth_then).keys() == set(
        np.flatnonzero(read.depth_then.bars).tolist()
    )
    lost = layers(has_book=False, read=100)
    assert lost.depth is None, "a book that is not known now is not drawn as now"
    assert lost.depth_then is not None


def test_another_history_has_a_scale_of_its_own():
    large, small = writer(tick_size=0.5), writer(tick_size=0.5)
    large.append(T0, T0, book([(99.5, 4.0)], [(100.5, 4.0)]))
    small.append(T0, T0, book([(99.5, 1.0)], [(100.5, 1.0)]))
    strips = DepthStrips()
    strips.now(large.history(), (95.0, 105.0))
    strips.forget()
    assert strips.now(small.history(), (95.0, 105.0)).bars.max() == FULL


@pytest.mark.parametrize("span", [20.0, 150.0, 2000.0])
def test_compiled_code_makes_the_same_bars(span, monkeypatch):
    history = obi.simulate(seconds=60, seed=5, levels=30)
    compiled, plain = DepthStrips(), DepthStrips()
    for until in range(5, len(history) + 1, 7):
        shown = history[:until]
        middle = round(float(shown.mid[-1]))
        range_ = (middle - span, middle + span)
        found = [compiled.now(shown, range_), compiled.then(shown, until // 2, range_)]
        with monkeypatch.context() as patched:
            patched.setattr(depth_strip.KERNELS, "code", None)
            wanted = [plain.now(shown, range_), plain.then(shown, until // 2, range_)]
        for one, other in zip(found, wanted, strict=True):
            assert (one.low, one.step) == (other.low, other.step)
            assert one.bars.tolist() == other.bars.tolist()


def test_depth_beyond_the_kept_levels_is_that_of_the_last_sample():
    history = obi.simulate(seconds=60, seed=5, levels=30)
    sampled = int(history.depth.samples[ROW, 30]) - history.start
    middle = round(float(history.mid[sampled]))
    bars = [
        np.count_nonzero(
            DepthStrips().now(history[: row + 1], (middle - 2000.0, middle + 2000.0)).bars
        )
        for row in range(sampled, sampled + 5)
    ]
    assert min(bars) > 5, "the rows are higher than a bin, so that all rests on samples"
    assert max(bars) - min(bars) <= 2
