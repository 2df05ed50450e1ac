"""A link opens the same again: source, options, settings, signals, window, selection, pin."""

from __future__ import annotations

import pytest
from session_tools import following, wait_for

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SettingsError, SourceError
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.session.link import Link, code_of, hash_of

TIME = 1_763_600_000_123_456_789


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "eth night"
    return obi.record("sim:ETH-PERP", path, seconds=0.2, warmup=30.0, seed=2)


def test_a_link_is_readable_and_safe_in_an_address():
    with following("sim:BTC-PERP", seed=3, settings=obi.Settings(decay=0.2, depth=None)) as one:
        assert one.link() == (
            "obi:1?source=sim:BTC-PERP&seed=3&a.signal=imbalance&a.decay=0.2&a.depth=off"
            "&a.band_bps=off&a.weighting=size&a.threshold=0.4&a.threshold_is=value"
            "&a.hold_seconds=20&a.price=touch&a.fee_bps=5&window=300"
        )


@pytest.mark.parametrize(
    "settings",
    [
        obi.Settings(decay=1 / 3, depth=None, band_bps=7.25, weighting="notional"),
        obi.Settings("zscore(imbalance)", threshold=2.5, window=77, decay=1e-9),
        obi.Settings("sum(imbalance, smooth(queue_imbalance))"),
        obi.Settings(threshold_is="quantile", threshold=0.99, quantile_window=1234.5),
        obi.Settings(fees="bybit", execution="post_only", wait_seconds=9, latency_ms=5, size=3e38),
        obi.Settings(slippage_bps=0, fee_bps=-0.25),
    ],
)
def test_all_settings_are_the_same_again_to_the_bit(settings):
    other = obi.Parameters("queue_imbalance", threshold=0.123456789012345)
    link = Link(("lmex:BTC-PERP",), settings.parameters, TimeRange(5.5), other=other)
    again = Link.read(str(link))
    assert again == link
    assert again.settings.as_dict() == settings.parameters.as_dict()
    assert str(again) == str(link)


def test_options_window_and_selection_are_kept():
    options = {
        "market": "lmex:BTC-PERP", "speed": None, "levels": 20, "history_seconds": 7200.5,
        "interval": 0, "strict": True, "edge": -0.5, "seed": 2**40,
    }  # fmt: skip
    link = Link(
        ("a b/ü?&=#.gz", "two.gz"), obi.Parameters(), TimeRange(61.25, TIME), options, None,
        (TIME - 10**9, TIME), "0123456789abcdef", "abc",
        (obi.Parameters("queue_imbalance", threshold=0.7), obi.Parameters(decay=0.01)), TIME - 5,
    )  # fmt: skip
    assert Link.read(str(link)) == link
    assert str(link).isascii()
    assert " " not in str(link)


def test_a_lab_opens_from_the_link_of_another(recording):
    lab = obi.Lab(recording, speed=None, settings=obi.Settings(decay=0.3, hold_seconds=5))
    again = None
    try:
        session = lab.session
        wait_for(lambda: session.market.state == "closed", "the recording's end")
        time = session.history.time
        session.look_at(10, int(time[150]))
        session.select(int(time[10]), int(time[90]))
        lab.compare_with(obi.Settings(decay=0.7))
        lab.add_signal("order_flow_imbalance", window=7, threshold=30)
        lab.add_signal("zscore(imbalance)", decay=0.4)
        session.pin(int(time[120]))
        again = obi.Lab.from_link(lab.link())
        assert again.settings == lab.settings
        assert again.session.time_range == session.time_range
        assert again.session.selected == session.selected
        assert again.session.compared == session.compared
        assert again.session.stacked == session.stacked
        assert again.session.cursor == session.cursor
        assert len(again._charts.children) == len(lab._charts.children)
        assert again.session.feed.speed is None
        assert again.link() == lab.link()
        wait_for(lambda: again.session.market.state == "closed", "the recording's end")
        assert (again.history.time == time).all()
    finally:
        lab.close()
        if again is not None:
            again.close()


def test_a_simulated_market_is_the_same_again_but_its_past_is_not_in_the_link():
    with following("sim:ETH-PERP", edge=2.0) as one:
        one.wait(100)
        one.look_at(10, int(one.history.time[50]))
        one.select(int(one.history.time[0]), int(one.history.time[50]))
        one.pin(int(one.history.time[50]))
        link = Link.read(one.link())
        assert link.options == {"edge": 2.0, "seed": one.feed.served.market.seed}
        assert link.time_range == TimeRange(10)
        assert link.selected is None
        assert link.pinned is None


def test_a_recording_that_was_moved_is_found_where_one_says(recording, tmp_path):
    with following(recording) as one:
        link = Link.read(one.link())
    assert link.sources == (str(recording),)
    assert link.source() == str(recording)
    moved = tmp_path / "elsewhere"
    moved.write_bytes(recording.read_bytes())
    assert link.source(moved) == str(moved)
    with moved.open("ab") as file:
        file.write(b"more")
    with pytest.raises(SourceError) as error:
        link.source(moved)
    assert error.value.what == (f"{str(moved)!r} is not the recording that the link was made from.")
    with pytest.raises(SourceError) as error:
        link.source(tmp_path / "nothing")
    assert str(error.value).endswith("Say where it is: obi.Lab.from_link(link, source='path').")


def test_the_hash_is_of_the_content(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x")
    other.write_bytes(b"x")
    assert hash_of([one]) == hash_of([other])
    assert hash_of([one, other]) != hash_of([one])
    other.write_bytes(b"y2")
    assert hash_of([one]) != hash_of([other])


def test_a_signal_of_ones_own_has_to_be_defined_first():
    text = "obi:1?source=sim:BTC-PERP&a.signal=not_defined_here&window=300"
    with pytest.raises(SettingsError) as error:
        Link.read(text)
    assert "There is no signal 'not_defined_here'." in str(error.value)
    assert "Define a signal of your own before you use its name." in str(error.value)


def test_other_code_of_the_same_name_is_told():
    @obi.signal(unit="")
    def linked(history):
        return history.mid * 0

    parameters = obi.Parameters(linked)
    assert len(code_of(parameters)) == 12
    assert code_of(obi.Parameters()) == ""
    with following("sim:BTC-PERP", settings=obi.Settings(linked)) as one:
        link = Link.read(one.link())
        link.apply(one)
        assert one.publisher.note == ""
        Link(link.sources, parameters, link.time_range, code="0" * 12).apply(one)
        assert one.publisher.note == (
            "The signal linked has other code here than where the link was made."
        )


GOOD = "obi:1?source=sim:BTC-PERP&a.signal=imbalance&a.decay=0.2&window=300"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no link. A link of a lab begins with obi:1?."),
        ("https://example", "'https://example' is no link."),
        ("obi:2?source=x", "is a link of another version. Update with"),
        ("obi:1?", "The link cannot be read"),
        ("obi:1?source", "The link cannot be read"),
        (GOOD.replace("source=sim:BTC-PERP&", ""), "The link cannot be read: source is missing."),
        (GOOD.replace("a.signal=imbalance&", ""), "The link cannot be read: signal is missing."),
        (GOOD.replace("&window=300", ""), "The link cannot be read: window is missing."),
        (GOOD.replace("window=300", "window=x"), "The link cannot be read"),
        (GOOD.replace("window=300", "window=1e9"), "A window of 1000000000.0 s is not possible."),
        (GOOD + "&end=12", "A window cannot end at 12."),
        (GOOD + "&a.decay=0.3", "it has 'a.decay' twice"),
        (GOOD + "&strange=1", "it has an unknown part 'strange'"),
        (GOOD + "&a.strange=1", "strange"),
        (GOOD + "&s1.decay=0.3", "The link cannot be read: signal is missing."),
        (GOOD + "&s4.signal=imbalance", "it has an unknown part 's4.signal'"),
        (GOOD + "&pin=soon", "The link cannot be read"),
        (GOOD.replace("0.2", "-1"), "decay = -1.0 is not possible."),
        (GOOD.replace("0.2", "much"), "The link cannot be read"),
        (GOOD + "&%ff=%ff", "The link cannot be read"),
        (GOOD + "&x=1" * 500, "The link cannot be read"),
        (GOOD + "&x=" + "1" * 20_000, "The link has 20,0"),
    ],
)  # fmt: skip
def test_a_bad_text_is_refused_in_words(text, said):
    with pytest.raises(SettingsError) as error:
        Link.read(text)
    assert said in str(error.value)
    assert error.value.advice


def test_what_is_no_text_is_refused():
    with pytest.raises(ArgumentError):
        Link.read(3)
    with pytest.raises(ArgumentError):
        obi.Lab.from_link(None)


def test_an_option_that_does_not_fit_is_refused_as_everywhere():
    with pytest.raises(SettingsError, match="levels"):
        obi.Lab.from_link(GOOD + "&levels=0")
