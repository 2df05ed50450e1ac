"""What the page draws of a day, read back at every zoom, against the history itself.

The history is made here and in the kernel by the same text. What should be drawn is computed here
from its arrays; what is drawn is read from the paths and the pixels of the page.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import obi_widgets as obi
from browser.screen import Screen

MIDNIGHT = 1_700_006_400_000
"""Begin of the day, ms UTC."""

DAY = """
import numpy as np
import obi_widgets as obi

def made():
    dice = np.random.default_rng(5)
    count = 86_400
    time = 1_700_006_400_000_000_000 + np.cumsum(dice.integers(500, 1500, count)) * 1_000_000
    mid = 60_000 + 0.5 * np.cumsum(dice.integers(-1, 2, count))
    lost = (np.arange(count) % 20_000) > 19_950
    lean = np.zeros(count)
    for row in range(1, count):
        lean[row] = 0.9 * lean[row - 1] + dice.normal(0, 0.5)
    prices = [np.where(lost, np.nan, mid + side)[:, None] for side in (-0.5, 0.5)]
    sizes = [np.exp(side * lean / 2)[:, None] for side in (1, -1)]
    return obi.History.from_arrays(
        time, prices[0], sizes[0], prices[1], sizes[1], tick_size=0.5, interval=0.5
    )
"""

SHOW = """
lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=1)
past = made()

def show(seconds, end, **settings):
    lab.settings.update(obi.Settings(**settings))
    lab.session._paused = past  # a paused screen shows this history
    lab.session.look_at(seconds, end)

lab
"""

ZOOMS = (5, 60, 300, 3600, 21_600, 86_400)

RULES = {
    "value": {"depth": 1, "decay": 0.0, "threshold": 0.7, "hold_seconds": 20.0},
    "quantile": {
        "depth": 1, "decay": 0.0, "threshold": 0.95, "threshold_is": "quantile",
        "quantile_window": 600.0, "hold_seconds": 20.0,
    },
}  # fmt: skip

DRAWN = """part => {
    const root = document.querySelector(`.obi-part-${part}`);
    const field = root.querySelector('.obi-field');
    const ticks = where => [...document.querySelectorAll(`.obi-part-${where} .axis .tick`)]
        .map(tick => [tick.__data__.valueOf(), tick.transform.baseVal[0].matrix]);
    const curves = [...root.querySelectorAll('.curve path.line')].map(
        path => path.getAttribute('d') ?? '');
    return {
        curves, width: field.clientWidth, height: field.clientHeight,
        times: ticks('equity').filter(([, { f }]) => !f).map(([at, { e }]) => [at, e - 0.5]),
        values: ticks(part).filter(([, { e }]) => !e).map(([at, { f }]) => [at, f - 0.5]),
    };
}"""
"""Paths of the lines of a chart, and where the ticks of bqplot's axes stand. d3 moves ticks by half
a pixel, so that they are sharp."""

PIXELS = """places => {
    const canvas = document.querySelector('.obi-part-price canvas.obi-above');
    const field = document.querySelector('.obi-part-price .obi-field');
    const ratio = canvas.width / canvas.clientWidth, context = canvas.getContext('2d');
    return places.map(([x, y]) => [...context.getImageData(
        (field.offsetLeft + x) * ratio, (field.offsetTop + y) * ratio, 1, 1).data]);
}"""

PAINTED = (
    "lab.session.time_range.seconds == {0} and lab._page.frame > {1}"
    " and all(view.painted >= lab._page.frame for view in lab._page._views.values())"
)

ABOVE, LOW, HIGH, LINE = 4, 8, 9, 13
"""Paths of the signal chart: bound of a quantile, range of columns, line."""

MARKS = 12
"""Columns of which a chart draws one entry at most."""


def corners(path):
    """Return the points of a path of M and L, shape (n, 2)."""
    assert set(re.findall("[A-Za-df-z]", path)) <= set("MLZ"), path
    return np.array(re.findall(r"[-+.\de]+", path), float).reshape(-1, 2)


class Chart:
    """What is drawn of a chart: times in ms UTC, and values."""

    def __init__(self, nb, part):
        drawn = nb.page.evaluate(DRAWN, part)
        self.width, self.height, self.paths = drawn["width"], drawn["height"], drawn["curves"]
        (first, left), *_, (last, right) = sorted(drawn["times"])
        self.ms = (last - first) / (right - left)  # a pixel
        self.start = MIDNIGHT + first - left * self.ms
        self.read = {}  # lines, by path
        self.low, self.high = -1.0, 1.0  # an imbalance, whose axis has labels of its own
        if drawn["values"]:
            (least, bottom), *_, (most, top) = sorted(drawn["values"])
            step = (most - least) / (bottom - top)
            self.low = least - (self.height - bottom) * step
            self.high = most + top * step

    def points(self, which):
        """Return the corners of a line."""
        if which not in self.read:
            x, y = corners(self.paths[which]).T
            value = self.high - y / self.height * (self.high - self.low)
            self.read[which] = self.start + x * self.ms, value
        return self.read[which]

    def between(self, which, start, end):
        """Return what a step line shows from a time up to another."""
        x, y = self.points(which)
        first = np.searchsorted(x, start + 0.001 * self.ms, "right") - 1
        return y[max(first, 0) : np.searchsorted(x, end - 0.001 * self.ms)]

    def at(self, which, time):
        """Return the value of a line's point at a time."""
        x, y = self.points(which)
        near = int(np.abs(x - time).argmin())
        assert abs(x[near] - time) < 0.1 * self.ms
        return y[near]

    def place(self, time, price):
        """Return where a time and a price are, px."""
        return (
            (time - self.start) / self.ms,
            (self.high - price) / (self.high - self.low) * self.height,
        )


@pytest.fixture(scope="module")
def day():
    scope = {}
    exec(DAY, scope)
    return scope["made"]()


@pytest.fixture(scope="module")
def lab(jupyterlab):
    with jupyterlab.notebook((DAY + SHOW,)) as nb:
        nb.run_all()
        Screen(nb).wait_for_state("live")
        yield nb
        assert nb.errors() == []


def columns(time, values, column):
    """Yield each column of pixels: its begin (ms), its least and its greatest value."""
    known = np.isfinite(values)
    time, values = time[known] // column, values[known]
    first = np.flatnonzero(np.diff(time, prepend=-1))
    for at, low, high in zip(
        time[first], np.minimum.reduceat(values, first), np.maximum.reduceat(values, first),
        strict=True,
    ):  # fmt: skip
        yield at * column, low, high


def check_steps(chart, which, inside, column, near):
    """Assert that a step line shows the extremes of each column, and nothing beyond them."""
    count, held = 0, None
    for start, low, high in inside:
        drawn = chart.between(which, start, start + column)
        drawn = drawn[np.isfinite(drawn)]
        assert np.abs(drawn - low).min() < near, (start, low, drawn)
        assert np.abs(drawn - high).min() < near, (start, high, drawn)
        if held is not None:
            least, most = min(low, *held), max(high, *held)
            assert least - near < drawn.min() <= drawn.max() < most + near, (start, drawn)
        held, count = (low, high), count + 1
    return count


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("rule", RULES)
def test_what_is_drawn_is_what_was(lab, day, rule, zoom):
    nb, settings = lab, obi.Settings(**RULES[rule])
    trades, values = obi.entries(day, settings), obi.imbalance(day, settings)
    entered = trades["entry_time"].astype("int64").to_numpy() // 1_000_000
    time, column = day.time // 1_000_000, zoom * 1000 / 600
    # An entry is in view; a day is all of it.
    end = entered[len(entered) // 2] + 400 * zoom if zoom < 86_400 else time[-1]
    before = nb.value("lab._page.frame")
    nb.execute(f"show({zoom}, {int(end) * 1_000_000}, **{RULES[rule]!r})")
    nb.until(PAINTED.format(zoom, before))
    price, signal = Chart(nb, "price"), Chart(nb, "signal")
    start = price.start
    assert end - 1000 * zoom <= start + 1 <= end - 1000 * zoom + column + 2
    assert price.width * price.ms == pytest.approx(1000 * zoom, rel=1e-3)
    rows = (time >= start + column) & (time < start + 1000 * zoom - column)

    seen = list(columns(time[rows], day.mid[rows], column))
    assert check_steps(price, 0, seen, column, 0.01) >= min(zoom, 300) * 0.7
    seen = list(columns(time[rows], values[rows], column))
    raw = len(signal.paths[LOW]) < 50
    assert raw == (zoom < 3600)
    if raw:
        assert check_steps(signal, LINE, seen, column, 1e-6) >= min(zoom, 300) * 0.7
    else:
        for begin, low, high in seen:
            assert signal.at(LOW, begin + column / 2) == pytest.approx(low, abs=1e-6)
            assert signal.at(HIGH, begin + column / 2) == pytest.approx(high, abs=1e-6)

    inside = (entered >= start + column) & (entered < start + 1000 * zoom - column)
    assert inside.any()
    for side, at in zip(trades["side"].to_numpy()[inside], entered[inside], strict=True):
        begin = at // column * column
        if raw:
            drawn = signal.between(LINE, begin, begin + column)
        else:
            drawn = np.array([signal.at(which, begin + column / 2) for which in (LOW, HIGH)])
        bound = RULES[rule]["threshold"]
        if rule == "quantile":
            bound = signal.between(ABOVE, begin, begin + column).min()
        assert np.nanmax(side * drawn) > bound - 1e-6, (side, at, drawn, bound)
    check_marks(nb, price, trades[inside], entered[inside], column)


def check_marks(nb, chart, trades, entered, column):
    """Assert that the first entry of each few columns is drawn, in the colour of its side."""
    first = np.flatnonzero(np.diff(entered // (MARKS * column), prepend=-1))
    first = first[1:] if len(first) > 1 else first  # one before the view may hide the first
    prices, sides = trades["entry_price"].to_numpy()[first], trades["side"].to_numpy()[first]
    places = [chart.place(*one) for one in zip(entered[first], prices, strict=True)]
    inside = [0 <= y <= chart.height for _, y in places]
    assert any(inside)
    apart = np.diff([x for x, _ in places], prepend=-99, append=1e9)
    clear = (apart[1:] > 14) & (apart[:-1] > 14) & inside
    colours = nb.page.evaluate(PIXELS, places)
    for (red, _, blue, alpha), side, free in zip(colours, sides, clear, strict=True):
        if free:
            assert alpha == 255
            assert (blue > red) == (side > 0)
