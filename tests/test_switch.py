"""Another signal in the settings, and every part of a screen shows that one."""

from __future__ import annotations

import numpy as np
import pytest
from session_tools import wait_for
from shown_tools import shown

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Choice, Seconds
from obi_widgets.presentation.texts import formatting
from obi_widgets.signals import registry
from obi_widgets.signals.signal import signal
from obi_widgets.signals.transforms import zscore
from obi_widgets.widgets.lab import LADDER

SHARED = [
    "threshold", "hold_seconds", "threshold_is", "quantile_window", "entry_rule",
    "transition_seconds", "most_per_hour", "stop_bps", "stop_by", "target_bps", "exit_flip",
    "exit_fade", "exit_deceleration", "deceleration_seconds", "execution", "wait_seconds", "price",
    "latency_ms", "slippage_bps", "size", "size_by", "least_weight", "fees", "fee_bps",
    "maker_fee_bps",
]  # fmt: skip
OF_IMBALANCE = ["decay", "depth", "band_bps", "weighting"]


@pytest.fixture
def touch_z():
    """A signal of the touch as a user writes it: of two parameters, with a unit and a window."""

    @signal(unit="sd", needs="touch", lookback="window", threshold=1.5)
    def touch_z(history, *, window: Seconds(5, 600) = 30.0, of: Choice("mid", "spread") = "mid"):
        """Return how far a price is from its mean of late.

        Parameters
        ----------
        window : float
            Seconds that are looked back over.
        of : str
            Which price.
        """
        price = history.spread if of == "spread" else history.mid
        begins = np.searchsorted(history.time, history.time - round(window * 1e9), "right")
        out = np.full(len(price), np.nan)
        for row, begin in enumerate(begins):
            part = price[begin : row + 1]
            if np.std(part) > 0:
                out[row] = (price[row] - np.mean(part)) / np.std(part)
        return out

    yield touch_z
    registry._user_signals.pop("touch_z")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim"
    return obi.record("sim:ETH-PERP", path, seconds=0.2, warmup=120.0, seed=2)


@pytest.fixture
def lab(recording):
    lab = obi.Lab(recording, speed=None)
    try:
        wait_for(lambda: lab.session.market.state == "closed", "the end of the recording")
        yield lab
    finally:
        lab.close()


def show(lab):
    """Show a frame as the publisher would, in this thread."""
    frame = lab.session.publisher.frame(lab.history, lab.settings.parameters)
    lab.show(frame)
    return frame


def names_of(lab):
    """Return the settings that have a control, in the order in which they stand."""
    behind = [box for group in lab.controls._fold._boxes.values() for box in group.children]
    boxes = [*lab.controls._sliders.children, *behind]
    by_box = {control.box: name for name, control in lab.controls._controls.items()}
    return [by_box[box] for box in boxes]


def check(lab, wanted, *, title, unit, own, behind, used, weighs, text):
    """Compare every surface with a signal that was computed by itself."""
    frame, history = show(lab), lab.history
    chart, line = lab.signal_chart, shown(lab.status._line)
    # The newest value, the chart's series, and the frame that a user gets.
    assert frame.signal == wanted[-1]
    assert lab.session.to_frame()[lab.settings.signal.name].to_numpy() == pytest.approx(
        wanted, nan_ok=True, abs=0
    )
    assert f"{lab.settings.signal.name}" in lab.session.to_frame().columns
    time, least, greatest = frame.signals[0].extent
    assert not frame.signals[0].raw
    for at, low, high in list(zip(time, least, greatest, strict=True))[-30:]:
        column = frame.window.column
        rows = slice(*np.searchsorted(history.time, [at - column // 2, at + column - column // 2]))
        assert (low, high) == (wanted[rows].min(), wanted[rows].max())
    drawn = np.isfinite(least)
    np.testing.assert_array_equal(
        np.stack(shown(chart.range, "y"))[:, -5:],
        np.stack([least[drawn], greatest[drawn]])[:, -5:].astype(np.float32),
    )
    # Scale, title, thresholds, and the newest value beside them.
    low, high = frame.signal_range
    assert (shown(chart.scale, "min"), shown(chart.scale, "max")) == (low, high)
    assert low <= np.nanmin(least) <= np.nanmax(greatest) <= high
    assert shown(chart._overlay)["title"].startswith(f"{title}{unit and ', ' + unit} · grey")
    threshold = lab.settings.threshold
    assert [line[0] for line in shown(chart.above, "y")] == [threshold, high]
    assert [line[0] for line in shown(chart.below, "y")] == [-threshold, low]
    assert shown(chart._overlay)["last"] == text
    assert line["signal"] == formatting.signal(wanted[-1], (low, high), unit)
    assert line["signal_name"] == title.lower()
    # The ladder: levels that are not used are faint, and only what is weighed has another bar.
    rows = shown(lab.book._ladder)
    assert [row[3] > 0 for row in rows["bids"]] == [n < used for n in range(LADDER)]
    in_use = [row for row in rows["bids"] + rows["asks"] if row[3]]
    assert any(row[3] < row[2] for row in in_use) == weighs
    assert ("after decay" in rows["note"]) == weighs
    assert frame.reach.levels == used
    # Sliders, and what they are views of.
    assert names_of(lab) == [*own, *SHARED[:2], *behind, *SHARED[2:]]
    assert {name: getattr(lab.settings, name) for name in [*own, *behind]} == dict(
        lab.settings.parameters.values
    )
    assert lab.controls._choice.value == lab.settings.signal.name
    return frame


@pytest.mark.slow
def test_every_surface_follows_the_signal_of_the_settings(lab, touch_z):
    history = lab.history
    imbalance = obi.imbalance(history)
    frame = check(
        lab, imbalance, title="Imbalance", unit="", own=["decay", "depth"],
        behind=["band_bps", "weighting"], used=10, weighs=True,
        text=formatting.signal(imbalance[-1]),
    )  # fmt: skip
    assert frame.signal_range == (-1, 1)
    note = shown(lab.controls["decay"].note, "value")
    assert "decay" in note or "Half weight" in note
    assert "Deepest" in shown(lab.controls["depth"].note, "value")
    assert "weight" in shown(lab.controls["depth"].note, "value")
    assert (
        lab.controls._opener.description == "▸ Band, weighting, entries, exits, gates, orders, fees"
    )

    lab.settings.signal = touch_z
    wanted = touch_z(history)
    assert np.isnan(wanted[:290]).all()
    frame = check(
        lab, wanted, title="Touch z", unit="sd", own=["window"], behind=["of"], used=1,
        weighs=False, text=formatting.signal(wanted[-1], show(lab).signal_range),
    )  # fmt: skip
    assert frame.signal_range[0] == -frame.signal_range[1]
    assert lab.settings.threshold == 1.5
    assert "Seconds that are looked back over." in shown(lab.controls["window"].note, "value")
    assert 'title="Seconds that are looked back over. Type a number' in (
        lab.controls["window"]._name.value
    )
    assert lab.controls["window"].entry.value == "30 s"
    assert lab.controls._opener.description == "▸ Of, entries, exits, gates, orders, fees"
    assert frame.trouble == ""

    lab.controls["window"].control.value = 60.0
    lab.controls["of"].control.value = "spread"
    assert (lab.settings.window, lab.settings.of) == (60.0, "spread")
    assert show(lab).signal == touch_z(history, window=60.0, of="spread")[-1]

    lab.settings.signal = z = zscore(obi.imbalance, window=20)
    wanted = z(history)
    check(
        lab, wanted, title="Zscore(imbalance)", unit="sd", own=["decay", "depth", "window"],
        behind=["band_bps", "weighting"], used=10, weighs=True,
        text=formatting.signal(wanted[-1], show(lab).signal_range),
    )  # fmt: skip
    assert shown(lab.controls["decay"].note, "value") == note, "its part tells of decay"

    lab.controls._choice.value = "imbalance"
    check(
        lab, imbalance, title="Imbalance", unit="", own=["decay", "depth"],
        behind=["band_bps", "weighting"], used=10, weighs=True,
        text=formatting.signal(imbalance[-1]),
    )  # fmt: skip
    assert "zscore(imbalance)" in dict(lab.controls._choice.options).values(), "one can go back"


def test_a_signal_can_be_given_to_a_lab_and_a_session(recording, touch_z):
    lab = obi.Lab(recording, speed=None, signal=touch_z)
    assert lab.settings == obi.Settings(touch_z)
    lab.close()
    session = obi.Session(recording, speed=None, signal="zscore(imbalance)")
    assert session.settings.signal.name == "zscore(imbalance)"
    session.close()
    with pytest.raises(obi.ObiError, match="Settings and a signal were given"):
        obi.Lab(recording, settings=obi.Settings(), signal=touch_z)


def test_a_signal_that_cannot_be_used_leaves_the_others_to_choose_from(recording):
    @signal(unit="", needs="touch")
    def clashes(history, *, size: Seconds(1, 10) = 2.0):
        return history.mid * 0

    try:
        lab = obi.Lab(recording, speed=None)
        assert {"imbalance", "clashes"} <= {name for _, name in lab.controls._choice.options}
        with pytest.raises(SettingsError, match="clashes has a parameter size"):
            lab.settings.signal = "clashes"
        lab.close()
    finally:
        registry._user_signals.pop("clashes")


def test_the_controls_of_a_signal_go_with_it(lab, touch_z):
    """What was made for another signal neither follows settings nor assigns to them any more."""
    old = lab.controls["decay"]
    lab.settings.signal = touch_z
    assert old.box.comm is None
    old.control.value = 0.9
    lab.settings.signal = "imbalance"
    assert lab.settings.decay == 0.1
    assert lab.controls["decay"] is not old
    lab.controls["decay"].control.value = 0.3
    assert lab.settings.decay == 0.3


def test_a_signal_that_is_defined_meanwhile_is_offered(lab):
    show(lab)
    assert "late_comer" not in dict(lab.controls._choice.options).values()
    try:

        @signal(needs="touch")
        def late_comer(history):
            return history.spread

        show(lab)
        assert dict(lab.controls._choice.options)["Late comer"] == "late_comer"
        assert lab.controls._choice.value == "imbalance"
        lab.controls._choice.value = "late_comer"
        assert lab.settings.signal is late_comer
    finally:
        registry._user_signals.pop("late_comer")


def test_a_value_that_is_not_possible_is_told_and_taken_back(lab):
    control = lab.controls["decay"]
    control.control.max = 1000.0
    control.control.value = 500.0
    assert lab.settings.decay == 0.1
    assert control.control.value == 0.1
    assert lab.session.publisher.note.startswith("decay = 500.0 is not possible. Give a number")


def test_a_signal_that_is_not_there_yet_says_why(lab, touch_z):
    lab.settings.signal = touch_z
    lab.settings.window = 600
    show(lab)
    nothing = shown(lab.signal_chart._overlay)["nothing"]
    assert nothing.startswith("No signal yet: it needs 10 min of data, and has ")
    assert shown(lab.status._line)["signal"] == formatting.NOTHING


def test_a_signal_that_fails_is_told_and_the_screen_goes_on(lab, caplog):
    try:

        @signal(needs="touch")
        def broken(history):
            raise ZeroDivisionError("one")

        lab.settings.signal = broken
        frame = show(lab)
        said = (
            "The signal broken failed: ZeroDivisionError('one'). Correct its function, and choose"
        )
        assert shown(lab.status._line)["message"].startswith(said)
        assert shown(lab.status._line)["tone"] == "bad"
        assert shown(lab.signal_chart._overlay)["nothing"].startswith(said)
        assert np.isfinite(frame.mid)
        assert np.isnan(frame.signal)
        assert frame.results.entries == 0
        show(lab)
        assert caplog.text.count("Traceback") == 1, "logged once, not with each frame"
        lab.settings.signal = "imbalance"
        assert np.isfinite(show(lab).signal)
        assert shown(lab.status._line)["message"].startswith("The recording has ended.")
    finally:
        registry._user_signals.pop("broken")


@pytest.mark.parametrize(
    ("value", "span", "unit", "text", "side"),
    [(0.126, (-1, 1), "", "+0.13 ▲", "bid"), (-2.345, (-3, 3), "sd", "−2.35 sd ▼", "ask"),
     (1234.56, (-4000, 4000), "BTC", "+1,235 BTC ▲", "bid"),
     (0.00042, (-0.001, 0.001), "bps", "+0.00042 bps ▲", "bid"),
     (np.nan, (-3, 3), "sd", formatting.NOTHING, "")],
)  # fmt: skip
def test_a_value_has_the_decimals_of_its_chart_and_its_unit(value, span, unit, text, side):
    assert (formatting.signal(value, span, unit), formatting.side(value, span)) == (text, side)


@pytest.mark.parametrize(
    ("bounds", "steps"),
    [((1, 3600), (1, 3600, 1)), ((5, 120), (5, 120, 0.1)), ((0.1, 3), (0.1, 3, 0.01)),
     ((0, 1000), (0, 1000, 1))],
)  # fmt: skip
def test_a_slider_without_steps_of_its_own_stops_at_round_values(bounds, steps):
    assert Seconds(*bounds).steps == pytest.approx(steps)
