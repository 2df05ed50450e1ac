"""The widgets without a browser: what they send, what they say, and that nothing is left."""

from __future__ import annotations

import operator
import statistics
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from session_tools import wait_for
from shown_tools import hear, shown, values_of

import obi_widgets as obi
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.events import Instrument
from obi_widgets.presentation.charts.ticks import nice_step, nice_ticks
from obi_widgets.presentation.texts import formatting
from obi_widgets.signals.imbalance_insight import DecayEffect, decay_note
from obi_widgets.signals.insight import LevelsInUse, Note
from obi_widgets.widgets import cells, status
from obi_widgets.widgets.control import note_html
from obi_widgets.widgets.lab import LADDER

PARTS = ("StatusWidget", "BookWidget", "PriceWidget", "SignalWidget")


@pytest.fixture
def lab():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=120)
    try:
        wait_for(lambda: lab.session.market.has_book, "the past, and a book of now")
        yield lab
    finally:
        lab.close()


def show(lab, history=None):
    """Show a frame as the publisher would, in this thread."""
    session = lab.session
    frame = session.publisher.frame(history or session.market.history(), lab.settings.parameters)
    lab.show(frame)
    return frame


# -- cost ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("window", [60, 300, 900, 3600])
def test_a_frame_of_the_whole_lab_is_one_message_of_a_few_kilobytes(window, wire):
    market = SimulatedMarket(seed=5)
    lab = obi.Lab("sim:BTC-PERP", seed=5, warmup=0)
    history = simulated(market, 3700)
    lab.session.look_at(window)
    messages, sizes = [], []
    for end in range(36_100, 36_600):
        wire.sizes.clear()
        show(lab, history[end - 36_000 : end])
        messages.append(len(wire.sizes))
        sizes.append(sum(wire.sizes))
    lab.close()
    assert max(messages) <= 2
    assert statistics.median(sizes) <= 6_000


def simulated(market, seconds):
    """Return a history of a market at ten states a second, without an exchange between."""
    count = 10 * seconds
    sides = {side: (np.empty((count, 20)), np.empty((count, 20))) for side in (+1, -1)}
    for row in range(count):
        market.step()
        for side, (prices, sizes) in sides.items():
            top = market.top(side, 20)
            prices[row], sizes[row] = list(top), list(top.values())
    listing = market.listing
    levels = [one for side in (+1, -1) for one in sides[side]]
    for which in (0, 2):
        levels[which] = levels[which] * listing.tick_size
    return obi.History.from_arrays(
        1_700_000_000_000_000_000 + np.arange(count) * 100_000_000,
        *levels,
        tick_size=listing.tick_size,
        instrument=Instrument("sim", "BTC-PERP", "Simulator", "USDT", listing.tick_size),
    )


def test_the_same_frame_again_sends_nothing_but_bars_that_settle(lab, wire):
    lab.pause()
    show(lab, lab.session._paused)
    wire.sent.clear()
    for _ in range(3):
        show(lab, lab.session._paused)
    targets = lab._page._encoder._targets
    ladder = targets[lab.book._ladder.model_id, "state"]
    status = targets[lab.status._line.model_id, "state"]
    for content, buffers in wire.sent:
        assert buffers == []
        assert content.keys() == {"frame", "on", "some"}
        # Messages still come, so that their rate can change.
        assert content["some"].pop(status, {}).keys() <= {"rate"}
        assert content["some"].keys() <= {ladder}


# -- what is shown -------------------------------------------------------------------------


def test_the_lab_shows_what_the_history_and_the_settings_come_to(lab):
    lab.pause()
    history = lab.session._paused
    frame = show(lab, history)
    state = shown(lab.status._line)
    assert state["mid"] == f"{history.mid[-1]:,.2f}"
    assert state["symbol"] == "BTC-PERP"
    assert state["state"] == "live"
    signal = obi.imbalance(history, lab.settings)
    assert frame.signal == signal[-1]
    assert state["signal"][1:5] == f"{abs(signal[-1]):.2f}"
    trades = obi.entries(history, lab.settings)
    done = trades[trades.ended == "held"]
    rows = {row[0]: row[1] for row in shown(lab.controls._results)["rows"]}
    assert rows["entries"] == f"{len(done):,}"
    mean = f"{done.net_bps.mean():+.2f} bps".replace("-", "−")
    assert rows["mean, after 2 × 5 bps"] == mean
    assert shown(lab.price.line, "y")[-1] == np.float32(history.mid[-1])
    assert abs(shown(lab.signal_chart.line, "y")).max() <= 1
    bids = shown(lab.book._ladder)["bids"]
    assert [row[0] for row in bids] == [f"{p:,.1f}" for p in history.prices(+1)[-1, :LADDER]]
    in_use = [row[3] > 0 for row in bids]
    assert in_use == [True] * 10 + [False] * (LADDER - 10)


def test_what_is_drawn_does_not_depend_on_what_was_drawn_before(lab):
    history = simulated(SimulatedMarket(seed=5), 120)
    session, drawn = lab.session, set()
    for last, threshold, seconds, back in [
        (600, 0.3, 60, None), (601, 0.3, 60, None), (602, 0.9, 60, None), (900, 0.9, 60, None),
        (1200, 0.1, 60, None), (1200, 0.5, 60, None), (1200, 0.1, 60, 700),
        (1200, 0.1, 3600, None), (600, 0.1, 60, None),
    ]:  # fmt: skip
        lab.settings.threshold = threshold
        session.look_at(seconds, None if back is None else int(history.time[back]))
        frame = show(lab, history[:last])
        fresh = obi.PriceWidget(session, alone=False)
        wanted = values_of(fresh, frame)
        for axis in "xy":
            here = wanted[fresh.line.model_id, axis]
            np.testing.assert_array_equal(shown(lab.price.line, axis), here)
        entries = wanted[fresh._overlay.model_id, "entries"]
        for column, other in zip(shown(lab.price._overlay, "entries"), entries, strict=True):
            np.testing.assert_array_equal(column, other)
        for name in ("scale", "time.scale"):
            scale, other = (operator.attrgetter(name)(one) for one in (lab.price, fresh))
            for end in ("min", "max"):
                assert shown(scale, end) == wanted[other.model_id, end]
        assert shown(lab.price.axis, "tick_values") == wanted[fresh.axis.model_id, "tick_values"]
        for name in ("state", "place"):
            assert shown(lab.price._overlay, name) == wanted[fresh._overlay.model_id, name]
        drawn.add(tuple(np.count_nonzero(entries[-1] * side > 0) for side in (+1, -1)))
        fresh.close()
    assert len(drawn) > 4


def test_moving_a_slider_assigns_and_assigning_moves_the_slider(lab):
    lab.controls["decay"].control.value = 0.25
    assert lab.settings.decay == 0.25
    lab.settings.decay = 0.5
    assert lab.controls["decay"].control.value == 0.5
    lab.settings.decay = 3.0
    assert (lab.controls["decay"].control.max, lab.controls["decay"].control.value) == (3.0, 3.0)
    lab.settings.depth = None
    assert lab.controls["depth"].control.label == "all levels"
    lab.controls["band_bps"].control.value = 4.0
    assert lab.settings.band_bps == 4.0
    lab.controls["band_bps"].control.value = 0.0
    assert lab.settings.band_bps is None


def test_a_typed_value_that_is_refused_is_told_on_the_screen(lab):
    lab.controls["threshold"].entry.value = "1.5"
    assert lab.settings.threshold == 0.4
    assert lab.session.publisher.note == (
        "threshold = 1.5 is not possible. Give a number from 0 to 1."
    )


def test_text_from_a_venue_never_becomes_markup(lab):
    def told():
        lab.session.market.end("<img src=x onerror=alert(1)>", "")  # while its feed goes on
        show(lab)
        return shown(lab.status._line)["message"]

    # It goes to textContent as it is; what goes to an HTML widget is escaped.
    assert wait_for(told).startswith("<img")
    assert "&lt;b&gt;" in note_html(Note("<b>bold</b>"))


def test_buttons_act_and_say_what_went_wrong(lab, tmp_path, wire, monkeypatch):
    def press(**content):
        lab.status._do(None, content, None)
        return lab.session.publisher.note

    press(do="pause")
    assert lab.session.paused
    press(do="resume")
    assert not lab.session.paused
    press(do="window", seconds=900)
    assert lab.session.time_range.seconds == 900
    path = tmp_path / "btc.toml"
    for name in ("btc.toml", "btc-2.toml", "btc-3.toml"):
        assert press(do="export", path=str(path)) == ""
        assert wire.sent[-1] == (
            {"saved": str(tmp_path / name)}, [(tmp_path / name).read_bytes()]
        )  # fmt: skip
    assert obi.Settings.load(path) == lab.settings
    monkeypatch.chdir(tmp_path)
    press(do="export", path="btc.py")
    assert wire.sent[-1] == ({"saved": str(tmp_path / "btc.py")}, [Path("btc.py").read_bytes()])
    said = press(do="export", path=str(tmp_path / "btc.txt"))
    assert (
        said == "'btc.txt' ends in '.txt'. Settings are saved as .toml or .json, a strategy as .py."
    )
    assert "cannot be written" in press(do="export", path=str(tmp_path / "no" / "btc.toml"))
    assert press(do="window") == "That failed: KeyError('seconds'). Please report this."


# -- parts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
def test_a_part_shows_frames_alone(name):
    session = obi.Session("sim:ETH-PERP", seed=1, warmup=10)
    part = getattr(obi, name)(session)
    hear(part._page)
    wait_for(lambda: part._page.frame > 1, "frames")
    part.close()
    session.close()


def test_settings_can_be_shown_without_a_session():
    settings = obi.Settings(decay=0.3)
    widget = obi.SettingsWidget(settings)
    widget["depth"].control.value = 5
    assert settings.depth == 5
    widget.close()
    settings.depth = 7  # and nobody is left to follow


@pytest.mark.parametrize("levels", [0, 21])
def test_a_ladder_of_no_levels_is_refused(levels):
    session = obi.Session("sim:BTC-PERP")
    with pytest.raises(obi.ObiError, match=f"levels = {levels} is not possible. Give 1 to 20."):
        obi.BookWidget(session, levels=levels)


@pytest.mark.parametrize("name", [*PARTS, "SettingsWidget"])
def test_a_part_of_a_source_says_what_to_do(name):
    with pytest.raises(TypeError) as error:
        getattr(obi, name)("sim:BTC-PERP")
    assert isinstance(error.value, obi.ObiError)
    assert str(error.value) == (
        f"{name} needs a session, and 'sim:BTC-PERP' is not one. Give obi.Session('sim:BTC-PERP'), "
        "which parts can share; or use obi.Lab('sim:BTC-PERP')."
    )
    with pytest.raises(TypeError, match="and 3 is not one"):
        getattr(obi, name)(3)


# -- life ----------------------------------------------------------------------------------


def test_close_twice_is_close_and_the_history_stays(lab):
    lab.close()
    lab.close()
    assert len(lab.history) > 1150


def test_running_a_cell_again_closes_what_it_made_before(monkeypatch):
    monkeypatch.setattr(cells, "_made", {})
    closed, kept = [], []  # widgets are kept by ipywidgets

    class Made:
        def __init__(self, name):
            self.name = name
            kept.append(self)

        def close(self):
            closed.append(self.name)

    def run(cell, run_id, *names):
        monkeypatch.setattr(cells, "_running", lambda: (cell, run_id))
        for name in names:
            cells.replace_in_cell(Made(name))

    run("a", "1", "one", "two")  # two labs in one cell live side by side
    run("b", "2", "three")
    assert closed == []
    run("a", "3", "four")
    assert closed == ["one", "two"]
    run("", "4", "five")  # outside a notebook
    run("", "5", "six")
    assert closed == ["one", "two"]


def test_what_is_to_be_known_of_a_live_book_is_shown_and_is_no_trouble(lab):
    def told(**changes):
        lab.show(replace(frame, **changes))
        state = shown(lab.status._line)
        return state["message"], state["tone"]

    frame = replace(show(lab), state="live", detail="The clock here is wrong.", note="", advice="")
    assert told() == ("The clock here is wrong.", "")
    assert told(note="Saved.") == ("Saved.", "")
    assert told(state="stale", note="Saved.", advice="Wait.") == (
        "The clock here is wrong. Wait.",
        "bad",
    )
    assert told(detail="") == ("", "")


def test_the_line_tells_how_late_data_are_and_a_rate_that_is_known(lab):
    frame = show(lab)
    assert shown(lab.status._line)["late"] == ("", "")
    lab.show(replace(frame, lag=2.34, late=-0.5, rate=np.nan))
    state = shown(lab.status._line)
    assert state["late"][0] == "late by 2.3 s"
    assert state["late"][1] == (
        "The newest change arrived 2.3 s late. By this computer's clock it took −0.5 s to arrive."
    )
    assert state["rate"] == formatting.NOTHING
    for none in ({"state": "syncing"}, {"state": "closed"}, {"paused": True}):
        lab.show(replace(frame, lag=2.34, **none))
        assert shown(lab.status._line)["late"] == ("", ""), f"nothing comes: {none}"
    lab.show(replace(frame, rate=1234.5))
    assert shown(lab.status._line)["rate"] == "1,234"


@pytest.mark.parametrize(
    ("lag", "text"),
    [(np.nan, ""), (0.0, ""), (1.0, ""), (1.06, "late by 1.1 s"), (59.6, "late by 60 s"),
     (180, "late by 3 min")],
)  # fmt: skip
def test_lag_is_worth_showing_beyond_a_second(lag, text):
    assert formatting.late(lag, np.nan)[0] == text


@pytest.mark.parametrize(
    ("value", "text", "side"),
    [(0.126, "+0.13 ▲", "bid"), (-0.126, "−0.13 ▼", "ask"), (0.004, "0.00", ""),
     (-0.004, "0.00", ""), (np.nan, formatting.NOTHING, "")],
)  # fmt: skip
def test_arrow_and_colour_repeat_the_sign_that_is_shown(value, text, side):
    assert (formatting.signal(value), formatting.side(value)) == (text, side)


def test_charts_wait_for_data_only_while_there_are_none_and_some_may_come(lab):
    frame = show(lab)
    for states, state, text in (
        (0, "connecting", "Waiting for data."),
        (0, "closed", "No data arrived."),
        (1, "connecting", ""),
    ):
        assert formatting.nothing_yet(replace(frame, states=states, state=state)) == text
    new = obi.Session("sim:BTC-PERP")
    chart = obi.PriceWidget(new, alone=False)
    assert shown(chart._overlay)["nothing"] == "", "before the first frame nobody knows"
    chart.close()


# -- axes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (63_835.0, 64_005.0, range(63_840, 64_001, 20)),
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3e-6, 2e-6, [-3e-6, -2e-6, -1e-6, 0, 1e-6, 2e-6]),
    ],
)
def test_ticks_are_round_and_few(low, high, ticks):
    assert np.allclose(nice_ticks(low, high), list(ticks), rtol=0, atol=1e-9 * (high - low))


def test_longer_windows_are_offered_where_so_much_is_kept():
    def offered(**options):
        session = obi.Session("sim:BTC-PERP", **options)
        return [text for _, text, _ in status._windows(session)]

    assert offered() == ["1 min", "5", "15", "60"]
    assert offered(history_seconds=86_400) == ["1 min", "5", "15", "60", "6 h", "24 h"]
    assert offered(history_seconds=30 * 86_400)[-1] == "7 d"
    assert formatting.window(60) == ("1 min", "minute")
    assert formatting.window(86_400) == ("24 h", "24 hours")


def test_a_day_of_entries_is_drawn_without_hiding_the_line(lab):
    lab.settings.update(obi.Settings(threshold=0.01, hold_seconds=1))
    frame = show(lab)
    chart = lab.price
    drawn = len(shown(chart._overlay, "entries")[-1])
    entries = np.count_nonzero(frame.trades.entry_time >= frame.window.start)
    assert drawn <= 51 < entries
    title = shown(lab.price._overlay)["title"]
    assert title.startswith("Price · mid, USDT · ")
    assert title.endswith(" entries drawn")
    assert f" {drawn} of " in title
    lab.settings.update(obi.Settings(threshold=1.0))
    show(lab)
    assert shown(lab.price._overlay)["title"] == "Price · mid, USDT"


def test_the_title_says_what_the_mean_is_of(lab):
    for seconds, mean in ((300, "1 s mean"), (900, "1.5 s mean"), (86_400, "144 s mean")):
        lab.session.look_at(seconds)
        show(lab)
        assert shown(lab.signal_chart._overlay)["title"].endswith(mean)


@pytest.mark.parametrize(
    ("size", "decimals", "text"),
    [
        (0.0004, 3, "<0.001"),
        (12.5, 3, "12.500"),
        (1234.5678, 8, "1,234.568"),  # the rest is not known
        (9_999_999.0, 0, "9,999,999"),
        (16_777_217.0, 0, "16.78 M"),
        (123_456_789.0, 3, "123.46 M"),
        (4.5e9, 0, "4.50 B"),
        (3e14, 0, "300.00 T"),
    ],
)
def test_a_size_shows_no_digits_that_are_not_kept(size, decimals, text):
    assert formatting.size(float(np.float32(size)), decimals) == text


def test_labels_have_the_decimals_of_their_step():
    for low, high in ((63_943.2, 63_944.6), (0.00001, 0.000013), (2_759.98, 2_760.44)):
        decimals = formatting.decimals_of(nice_step(low, high))
        for tick in nice_ticks(low, high):
            assert float(f"{tick:.{decimals}f}") == pytest.approx(tick, rel=1e-12)
        assert decimals <= 7


# -- what is not of now --------------------------------------------------------------------


def test_a_book_that_comes_late_is_shown_and_dimmed_everywhere(lab):
    lab.pause()
    live = show(lab, lab.session._paused)
    before = shown(lab.controls["depth"].note, "value")
    seen = {name: shown(lab.status._line)[name] for name in ("mid", "spread", "signal")}
    prices = [row[0] for row in shown(lab.book._ladder)["bids"]]
    lab.show(replace(live, state="stale", paused=False, lag=8.0, late=8.1))
    line, ladder = shown(lab.status._line), shown(lab.book._ladder)
    assert {name: line[name] for name in seen} == seen
    assert line["late"][0] == "late by 8.0 s"
    assert [row[0] for row in ladder["bids"]] == prices
    states = (line, ladder, shown(lab.price._overlay), shown(lab.signal_chart._overlay))
    assert [state["old"] for state in states] == [True] * 4
    assert shown(lab.controls["depth"].note, "value") == before
    lab.show(live)
    states = map(shown, (lab.status._line, lab.book._ladder, lab.price._overlay))
    assert [state["old"] for state in states] == [False] * 3


def test_a_start_is_no_trouble_and_a_failure_is(lab):
    frame = replace(show(lab), state="syncing", detail="Filling the history.", advice="", note="")
    tones = []
    for changes in ({}, {"state": "connecting", "advice": "Connecting again."}, {"state": "gap"}):
        lab.show(replace(frame, **changes))
        tones.append(shown(lab.status._line)["tone"])
    assert tones == ["", "bad", "bad"]


def test_a_shortfall_is_said_once(lab):
    lab.settings.update(obi.Settings(depth=None, band_bps=40))
    sentence = "A band of 40 bps reaches beyond the"

    def places():
        show(lab)
        controls = (lab.controls["depth"], lab.controls["band_bps"])
        return [sentence in shown(control.note, "value") for control in controls]

    assert places() == [True, False]
    reason = "No signal: the settings need more levels than the history keeps."
    assert shown(lab.signal_chart._overlay)["nothing"] == reason
    assert shown(lab.price._overlay)["nothing"] == ""
    lab.controls._turn()
    assert places() == [False, True]
    lab.controls._turn()
    assert places() == [True, False]
    lab.settings.update(obi.Settings())
    assert places() == [False, False]


def test_a_recording_is_never_called_live(tmp_path):
    path = obi.record("sim:BTC-PERP", tmp_path / "past.gz", seconds=1, seed=3, warmup=30)
    lab = obi.Lab(path, speed=None)
    market = lab.session.market
    market.handle(market.start(1), 1)
    frame = show(lab)
    assert (frame.state, frame.detail) == ("syncing", "Reading the recording.")
    assert np.isnan(frame.mid)
    lab.show(replace(frame, state="live"))
    assert shown(lab.status._line)["state"] == "replay"
    lab.close()


def test_a_warning_of_decay_stays_until_the_effect_is_clear():
    used, effects = LevelsInUse(10, 3.0, enough=True), (0.03, 0.019, 0.03, 0.041, 0.03)
    warned, warnings = False, []
    for mean in effects:
        note = decay_note(0.1, DecayEffect(mean, 0.5), used, warned=warned)
        warned = note.warning
        warnings.append(warned)
    assert warnings == [False, True, True, False, False]
