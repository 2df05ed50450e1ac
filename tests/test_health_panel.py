"""The panel of a feed's health: its words, its places, and when it is read."""

import dataclasses
import math

import numpy as np
import pytest
from exchange_tools import SECOND
from session_tools import View, following, wait_for
from shown_tools import hear, shown
from test_clocks import T0, Talk

import obi_widgets as obi
from obi_widgets.presentation.health import marks, panel_state, words
from obi_widgets.widgets.panel import tree


def made(**changes):
    """Return the health of a market that is live for an hour, with some changes."""
    now = T0 + 3600 * SECOND
    whole = obi.Health(
        "lmex:BTC-PERP", "LMEX", "live", now, "live", since=T0, seconds=3600.0, live_share=1.0,
        stretches=(obi.Stretch("live", T0, now),), messages=7200, bytes=720_000, failures=0,
        resyncs=0, widened=0, messages_per_second=2.0, bytes_per_second=200.0, peak_per_second=9,
        rates=(2.0,) * 360, changes=7200, states=3600, known_bps=(48.0, 51.0), used_bps=10.0,
        inferred_share=0.0, lag=obi.Durations(0.003, 0.012, 0.021, 0.196), lag_limit=5.0,
        age=obi.Durations(0.26, 0.51, 0.56, 1.0), clock=obi.ClockOffset(-0.6, 0.02),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def cell(health, name):
    return next(one for one in words.cells(health) if one["name"] == name)


def test_lengths_are_in_the_unit_that_fits():
    found = [words.length(x) for x in (0.0, 0.0004, 0.0031, 0.026, 0.9996, 7.42, 41, 700, 9000)]
    assert found == ["0 ms", "0.4 ms", "3.1 ms", "26 ms", "1.0 s", "7.4 s", "41 s", "12 min",
                     "2.5 h"]  # fmt: skip
    assert words.length(math.nan) == "–"


def test_a_share_is_all_or_nothing_only_if_it_is():
    assert [words.share(x) for x in (0, 0.0001, 0.5, 0.9996, 1)] == [
        "0 %", "< 0.1 %", "50.0 %", "> 99.9 %", "100 %",
    ]  # fmt: skip


def test_the_first_line_says_what_is_wrong_first():
    head = words.head(made())
    assert (head["tone"], head["since"], head["why"]) == (
        "good",
        "for 60 min",
        "Books come in time.",
    )
    gap = words.head(made(state="gap", reason="A frame was missing.", advice="Asking again."))
    assert (gap["tone"], gap["why"]) == ("bad", "A frame was missing. Asking again.")
    assert words.head(made(state="closed", advice="Run the cell again."))["tone"] == "off"
    short = words.head(made(known_bps=(9.0, 51.0), used_bps=25.0))
    assert short["why"] == "The book knows bids to −9.0 bps, and the signal uses 25.0 bps."
    assert words.head(made(kind="recording"))["state"] == "replay"


def test_cells_say_what_is_not_known():
    nothing = made(
        messages=math.nan, lag=obi.Durations(), clock=obi.ClockOffset(), failures=math.nan,
        known_bps=(math.nan, math.nan),
    )  # fmt: skip
    for name in ("Lag", "Messages", "Clock here", "Refused frames"):
        assert (cell(nothing, name)["figure"], cell(nothing, name)["beside"]) == ("–", "not known")
    assert cell(nothing, "Book known to")["beside"] == "no book"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (math.nan, -1.524, "1,524 ms behind, or more"),
        (math.nan, 0.02, "20 ms ahead at most"),
        (-2.1, -1.524, "1,524 ms to 2,100 ms behind"),
        (0.1, 0.3, "100 ms to 300 ms ahead"),
        (-0.6, 0.02, "−600 ms to +20 ms ahead of it"),
        (math.nan, -240.0, "4 min behind, or more"),
    ],
)
def test_the_clock_is_told_as_a_bound(low, high, said):
    found = cell(made(clock=obi.ClockOffset(low, high)), "Clock here")
    assert f"{found['figure']} {found['beside']}" == said


def test_refused_frames_are_listed_by_name_and_the_rest_is_counted():
    several = tuple(obi.Refusal(f"name {n}", 100 - n, "why") for n in range(7))
    found = cell(made(refused=several), "Refused frames")
    assert found["figure"] == "679"
    assert found["rows"][0] == ["100", "name 0", "why"]
    assert len(found["rows"]) == 5
    assert found["note"] == "and 189 of 2 other names"


def test_the_timeline_has_the_newest_interruptions_with_letters():
    stretches, at = [], T0 - 3600 * SECOND
    for n in range(12):
        stretches.append(obi.Stretch("live", at, at + 590 * SECOND))
        stretches.append(obi.Stretch("gap", at + 590 * SECOND, at + 600 * SECOND, f"loss {n}"))
        at += 600 * SECOND
    gaps = obi.Interruptions(12, 120.0, 10.0, stretches[-1])
    line = marks.timeline(made(stretches=tuple(stretches), gaps=gaps, state="gap"))
    assert line.title == "The last 60 min"
    # Of two hours, the last one is shown: six gaps.
    assert [row[0] for row in line.rows] == list("abcdef")
    assert line.rows[-1][1:] == ["gap", line.rows[-1][2], "gap 10 s, still", "loss 11"]
    assert line.more == "and 6 earlier"
    assert line.bars[0][:3] == ["live", 0.0, round(590 / 3600, 4)]
    assert line.bars[-1] == ["gap", round(3590 / 3600, 4), 1.0, "f"]
    assert marks.timeline(made(stretches=())).bars == []


def test_durations_stand_on_one_logarithmic_scale():
    assert [marks.on_scale(x) for x in (0.0005, 0.001, 0.01, 1.0, 100.0, 5000.0)] == [
        0, 0, 0.2, 0.6, 1, 1,
    ]  # fmt: skip
    assert marks.box(made().lag, 5.0)["over"] is False
    assert marks.box(obi.Durations(), 5.0) is None


def test_the_known_range_is_drawn_on_the_scale_of_the_widest():
    found = marks.known(made(known_bps=(10.0, math.inf), used_bps=20.0))
    assert found == {"bids": round(10 / 23, 4), "asks": 1.0, "used": round(20 / 23, 4)}


def test_a_line_of_many_rates_has_few_points_of_the_same_mean():
    values = tuple(float(n) for n in range(360))
    found = marks.rates(made(rates=values))
    assert len(found) == marks.POINTS
    assert found[-1] == 1
    assert np.mean(found) == pytest.approx(np.mean(values) / (np.mean(values[-4:])), rel=0.01)


def test_the_shares_of_a_recording_are_of_all_its_frames():
    refused = (obi.Refusal("bookTicker", 60), obi.Refusal("late", 10))
    found = marks.used_parts(made(kind="recording", messages=100, refused=refused))
    assert found == [["used", 0.3, "30"], ["bookTicker", 0.6, "60"], ["late", 0.1, "10"]]
    assert marks.used_parts(made(refused=refused)) == []


def test_everything_that_is_shown_is_json():
    import json

    talk = Talk()
    talk.snapshot()
    talk.states(30)
    for health in (made(), talk.market.health(talk.now)):
        state = panel_state(health)
        assert json.loads(json.dumps(state, allow_nan=False))["head"]["state"] == "live"


# -- in a session --------------------------------------------------------------------------


def test_the_health_is_read_only_for_a_view_that_shows_it():
    view = View()
    with following("sim:BTC-PERP", view, seed=3, warmup=5) as session:
        wait_for(lambda: len(view.frames) > 3, "frames")
        assert all(frame.health is None for frame in view.frames)
        view.shows_health = True
        session.refresh()
        first = wait_for(lambda: view.frames[-1].health, "the health")
        wait_for(lambda: view.frames[-1].health.time > first.time, "the next second")


def test_a_page_that_is_behind_is_counted():
    view = View(looked_at=False)
    view.behind = True
    with following("sim:BTC-PERP", view, seed=3, warmup=5) as session:
        wait_for(lambda: session.health().left_out_frames > 2, "frames that were left out")


def test_the_fold_of_the_lab_shows_it_and_reads_nothing_when_closed():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=5)
    try:
        hear(lab._page)
        assert not lab.shows_health
        lab.watching = True
        panel = lab.health_panel._panel
        wait_for(lambda: shown(panel).get("head"), "the panel")
        assert shown(panel)["head"]["market"] == "BTC-PERP"
        assert lab.health().kind == "simulated"
        lab.watching = False
        assert lab._watcher.description == "▸ Health"
        wait_for(lambda: lab.session.publisher._health is None, "an end of reading")
        assert panel in tree(lab, set())
        with pytest.raises(obi.ObiError):
            lab.watching = "yes"
    finally:
        lab.close()


def test_a_panel_alone_leaves_its_figures_and_what_was_not_used():
    with following("sim:BTC-PERP", seed=3, warmup=5) as session:
        panel = obi.HealthWidget(session)
        try:
            hear(panel._page)
            wait_for(lambda: shown(panel._panel).get("head"), "the panel")
            frame = type("Frame", (), {"health": made(unused=("Two frames.",))})()
            still = panel._picture(frame)
            assert still.text == "Two frames."
            assert still.tables[0].rows[0][:2] == ["state", "live for 60 min"]
            assert ["Gaps and resyncs", "0 gaps", ""] in still.tables[-1].rows
        finally:
            panel.close()
