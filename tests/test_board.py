"""A board: many markets read by one thread and shown by one publisher, and the lab of one."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest
from session_tools import freed, wait_for
from shown_tools import hear, shown, values_of

import obi_widgets as obi
from obi_widgets.errors import (
    ArgumentError,
    ObiError,
    SettingsError,
    SourceError,
    SymbolError,
    VenueError,
)
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.options import Options
from obi_widgets.feeds.several import WARMUP, open_feeds
from obi_widgets.presentation.board import board_texts
from obi_widgets.presentation.board.board_frame import BoardMaker
from obi_widgets.presentation.board.sparkline import POINTS
from obi_widgets.session import lifecycle
from obi_widgets.signals.signal_checks import COLUMNS, NUMBERED
from obi_widgets.widgets.page import PageWidget
from obi_widgets.widgets.reachability import registry

THREE = ["sim:BTC-PERP", "sim:ETH-PERP", "sim:SOL-PERP"]
BAD = "sim:NONE-PERP"

FIELDS = (
    "mid", "spread", "signal", "tint", "side", "at", "since", "age", "change", "strength",
    "spread_bps", "change_bps",
)  # fmt: skip
STEADY = ("state", "reason", "instead", "tone", "threshold", "factor", "trouble", "empty")
"""What a line has, as in ``static/board_columns.js``: what changes always, and what seldom does."""


@pytest.fixture
def boards():
    """Makes boards, and closes them."""
    made = []

    def make(sources=tuple(THREE), **options):
        options = {"seed": 3, "warmup": 5.0} | options
        made.append(obi.Board(list(sources), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    return [
        str(obi.record(f"sim:{name}", folder / name, seconds=0.2, warmup=20.0, seed=seed))
        for seed, name in enumerate(("BTC-PERP", "ETH-PERP"))
    ]


def running():
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("obi-"))


def line(board, number):
    """Return the fields of a line as the page has them, by name."""
    state = shown(board._table)
    return dict(
        [
            *zip(FIELDS, state[str(number)], strict=True),
            *zip(STEADY, state[f"s{number}"], strict=True),
        ]
    )


# -- sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([], "There are no sources. Give a list such as"),
        ("sim:BTC-PERP", "'sim:BTC-PERP' is no list of sources."),
        (None, "None is no list of sources."),
        (["sim:BTC-PERP", 7], "Source 2, 7, is no text."),
        (["sim:BTC-PERP"] * 2, "'sim:BTC-PERP' is named twice. Name each source once."),
        (["sim:BTC-PERP", "SIM:btcperp"], "'sim:BTC-PERP' and 'SIM:btcperp' are the same market."),
        (["sim:BTC-PERP"] + [f"sim:{n}" for n in range(200)], "There are more than 200 sources."),
    ],
)
def test_sources_that_are_none_are_refused(sources, said):
    before = set(registry())
    with pytest.raises(ArgumentError) as error:
        obi.Board(sources)
    assert str(error.value).startswith(said)
    assert set(registry()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"speed": 3}, "speed = 3 is for a recording. Leave it out."),
        ({"levels": 0}, "levels = 0 is not possible."),
        ({"settings": obi.Settings(), "signal": "imbalance"}, "Settings and a signal were given."),
        ({"signal": "nothing"}, "There is no signal 'nothing'."),
    ],
)
def test_options_that_fit_no_source_are_refused(options, said):
    with pytest.raises(SettingsError) as error:
        obi.Board(THREE, **options)
    assert str(error.value).startswith(said)


def test_a_source_that_cannot_be_opened_says_why_in_its_line(boards):
    board = boards(["sim:BTC-PERP", BAD, "binance:eth//usdt", "nowhere.gz"])
    assert list(board.sessions) == ["sim:BTC-PERP"]
    board.wait(20)
    wait_for(lambda: board["sim:BTC-PERP"].market.state == "live", "the one that goes on")
    table = board.to_frame()
    assert table["state"].tolist() == ["live", "error", "error", "error"]
    assert table.loc[BAD, "reason"].startswith("The simulator lists no symbol 'NONE-PERP'.")
    hear(board._page)
    wait_for(lambda: line(board, 0)["mid"] != "–", "a frame with the market that goes on")
    bad = line(board, 1)
    assert (bad["state"], bad["tone"], bad["mid"], bad["empty"]) == ("error", "bad", "–", True)
    assert bad["instead"].startswith("The simulator lists no symbol")
    with pytest.raises(SourceError):
        board[BAD]
    with pytest.raises((SourceError, SymbolError)):
        board["binance:eth//usdt"]


def test_nobody_waits_for_markets_that_have_all_failed(boards):
    board = boards([BAD], seed=None, warmup=None)
    assert board.to_frame()["time"].dtype == "datetime64[ns, UTC]"
    assert board.to_frame()["time"].isna().all(), "a table before the first state"
    with pytest.raises(SourceError, match="lists no symbol"):
        board.wait(10)


def test_each_market_takes_the_options_that_fit_it(boards, recordings):
    board = boards([*recordings, "sim:ETH-PERP", "sim:BTC-PERP"], speed=None, warmup=None)
    feeds = [one.feed for one in board.sessions.values()]
    assert [one.kind for one in feeds] == ["recording"] * 2 + ["simulated"] * 2
    assert feeds[0].as_fast_as_possible
    assert [one.served.market.seed for one in feeds[2:]] == [3, 4], "they do not move alike"
    assert feeds[2].served.warmup == WARMUP
    board.wait(50)
    assert board.to_frame()["state"].tolist()[:2] == ["closed", "closed"]


def test_each_simulated_market_has_the_next_seed():
    """Whatever type of number it is, and whichever sources stand before."""
    sources = ["sim:NONE-PERP", "sim:BTC-PERP", "nowhere.gz", "sim:ETH-PERP"]
    for seed in (7, np.int64(7), 7.0):
        opened = open_feeds(sources, Options(seed=seed))
        feeds = [opened[name][0] for name in ("sim:BTC-PERP", "sim:ETH-PERP")]
        assert [one.served.market.seed for one in feeds] == [7, 8]
    for seed in (True, -1, "7", 7.5):
        with pytest.raises(SettingsError, match="seed = "):
            open_feeds(sources, Options(seed=seed))


# -- one thread, one publisher, one settings ---------------------------------------------------


def test_one_thread_reads_all_markets_and_one_publishes_them(boards):
    board = boards()
    assert running() == ["obi-feed", "obi-publisher"]
    board.wait(60)
    assert all(len(one.history) >= 60 for one in board.sessions.values())
    assert board["sim:ETH-PERP"] is board.sessions["sim:ETH-PERP"]
    assert {id(one.settings) for one in board.sessions.values()} == {id(board.settings)}
    assert repr(board) == "Board(3 markets: 'sim:BTC-PERP', 'sim:ETH-PERP', 'sim:SOL-PERP')"
    board.close()
    wait_for(lambda: not running(), "its threads to end")
    assert set(board.to_frame()["state"]) == {"closed"}
    assert len(board["sim:BTC-PERP"].history) >= 60


def test_a_row_is_what_its_session_says(boards):
    board = boards(settings=obi.Settings(threshold=0.3))
    board.wait(60)
    board.close()
    table = board.to_frame()
    assert table.index.tolist() == THREE
    for source, session in board.sessions.items():
        row, history = table.loc[source], session.history
        signal = obi.compute(history, board.settings)
        assert row["mid"] == history.mid[-1]
        assert row["time"].value == history.time[-1]
        assert row["imbalance"] == signal[-1]
        assert row["threshold"] == 0.3
        assert row["side"] == (np.sign(signal[-1]) if abs(signal[-1]) > 0.3 else 0)
        column = history.time // round(board.window * 1e9 / POINTS)
        first = history.mid[column == column[0]][-1]
        assert row["change_bps"] == pytest.approx(1e4 * (history.mid[-1] / first - 1))
        assert row["spread_bps"] == pytest.approx(
            1e4 * (history.ask[-1] - history.bid[-1]) / history.mid[-1]
        )


def test_its_markets_are_compared_by_the_receive_clock(boards):
    board = boards(["sim:BTC-PERP", "sim:ETH-PERP", BAD])
    board.wait(65)
    for table in (board.lead_lag(longest=0.5), board.correlations(step=0.1)):
        assert table[["first", "second"]].to_numpy().tolist() == [["sim:BTC-PERP", "sim:ETH-PERP"]]
    assert board.aligned(["sim:ETH-PERP", "sim:BTC-PERP"], of="mid").columns.tolist() == [
        "sim:ETH-PERP", "sim:BTC-PERP", "divergence"
    ]  # fmt: skip
    with pytest.raises(ArgumentError, match="is no list of sources"):
        board.lead_lag("sim:ETH-PERP")
    with pytest.raises(SourceError, match="lists no symbol"):
        board.correlations(["sim:ETH-PERP", BAD])


def test_a_setting_changes_all_lines(boards):
    board = boards()
    board.wait(40)
    hear(board._page)
    wait_for(lambda: line(board, 2)["threshold"] == 0.4, "lines")
    board.settings.threshold = 0.05
    wait_for(lambda: [line(board, n)["threshold"] for n in range(3)] == [0.05] * 3, "new lines")
    assert shown(board._table)["threshold"] == "±0.05"
    board.settings = obi.Settings("queue_imbalance")
    wait_for(lambda: shown(board._table)["signal"] == "queue imbalance", "another signal")


def test_settings_whose_signals_a_board_shows_count_as_tried(boards):
    board = boards(["sim:BTC-PERP", "sim:ETH-PERP", BAD])
    board.wait(20)
    hear(board._page)
    for count, depth in enumerate((None, 5, 7), 1):
        board.settings.depth = depth
        for session in board.sessions.values():
            wait_for(lambda one=session, count=count: len(one.tried) == count, "a trial")


def test_a_table_has_no_column_that_a_signal_may_be_named_like(boards):
    board = boards(["sim:BTC-PERP", BAD])
    board.wait(5)
    for table in (board.to_frame(), board["sim:BTC-PERP"].to_frame()):
        assert {*table.columns, table.index.name} - {"imbalance"} <= COLUMNS
    wide = board["sim:BTC-PERP"].history.to_frame(levels=3, flow=True)
    assert all(NUMBERED.fullmatch(name) for name in {*wide.columns} - COLUMNS)


def test_a_market_that_is_closed_or_fails_leaves_the_others(boards, monkeypatch):
    async def fail(self):
        raise RuntimeError("no more")

    board = boards()
    board.wait(5)
    board["sim:ETH-PERP"].close()
    assert board["sim:ETH-PERP"].closed
    monkeypatch.setattr(LiveFeed, "run", fail)  # of markets that begin from now on
    other = boards(["sim:SOL-PERP"])
    with pytest.raises(VenueError, match="no more"):
        other.wait(10)
    other.close()
    monkeypatch.undo()
    live = ["live", "closed", "live"]
    wait_for(lambda: board.to_frame()["state"].tolist() == live, "the others to go on")
    assert running() == ["obi-feed", "obi-publisher"]


def test_one_market_can_be_read_by_calls_of_its_session(boards):
    board = boards()
    states = []
    stop = board["sim:SOL-PERP"].on_state(lambda state: states.append(state.mid))
    board.wait(60)
    wait_for(lambda: len(states) > 20, "states")
    stop()
    assert "imbalance" in board["sim:SOL-PERP"].to_frame()
    with pytest.raises(SourceError, match=r"has no market 'sim:XRP-PERP'"):
        board["sim:XRP-PERP"]


# -- the lab of a market -----------------------------------------------------------------------


def test_a_lab_shows_the_same_running_market_and_leaves_it_running(boards):
    board = boards()
    board.wait(20)
    before, session = set(registry()), board["sim:ETH-PERP"]
    board._do(None, {"do": "open", "market": 1}, None)
    lab = board.lab
    assert lab.session is session
    assert running() == ["obi-feed", "obi-publisher"], "no second connection"
    hear(lab._page)
    hear(board._page)
    wait_for(lambda: lab._page.frame > 2, "frames of the lab")
    wait_for(lambda: shown(board._table)["opened"] == 1, "the board to say so")
    assert board.open_lab("sim:ETH-PERP") is lab
    other = board.open_lab("sim:SOL-PERP")
    assert lab.comm is None
    other.close()
    assert board.lab is None
    wait_for(lambda: shown(board._table)["opened"] == -1, "the lines again")
    board.back()
    assert set(registry()) == before
    count = len(session.history)
    wait_for(lambda: len(session.history) > count, "the market to go on")


def test_a_lab_of_a_market_that_was_closed_shows_what_was_kept(boards):
    board = boards(["sim:BTC-PERP", "sim:ETH-PERP"])
    board.wait(20)
    session = board["sim:ETH-PERP"]
    session.close()
    lab = board.open_lab("sim:ETH-PERP")
    assert (lab._page.frame, lab._page.life) == (1, "over")
    assert shown(lab.status._line)["state"] == "closed"
    assert float(shown(lab.status._line)["mid"].replace(",", "")) == pytest.approx(
        session.history.mid[-1]
    )
    board.back()
    board.close()
    many = set(registry())
    for refused in (lambda: board.open_lab("sim:BTC-PERP"), board.compare):
        with pytest.raises(ObiError, match=r"The board was closed\. Make a new one\."):
            refused()
    board._turn_chart()
    assert set(registry()) == many, "no lab that nothing closes"
    later = obi.Lab(board["sim:BTC-PERP"])
    assert later._page.frame == 1
    later.close()


def test_a_session_can_be_shown_in_a_lab_elsewhere(boards):
    board = boards()
    lab = obi.Lab(board["sim:BTC-PERP"])
    try:
        board.wait(20)
        hear(lab._page)
        wait_for(lambda: lab._page.frame > 2, "frames")
        with pytest.raises(SettingsError, match="levels = 10 does not fit a session"):
            obi.Lab(board["sim:BTC-PERP"], levels=10)
    finally:
        lab.close()
    assert not board["sim:BTC-PERP"].closed


def test_an_error_of_a_click_is_shown(boards):
    board = boards(["sim:BTC-PERP", BAD])
    hear(board._page)
    board._do(None, {"do": "open", "market": 1}, None)
    wait_for(lambda: "lists no symbol" in shown(board._table)["message"], "the note")
    board._do(None, {"do": "window", "seconds": 60}, None)
    assert board.window == 60
    with pytest.raises(SettingsError, match="seconds = 0"):
        board.window = 0


# -- frames ------------------------------------------------------------------------------------


def test_a_frame_is_small_and_comes_twice_a_second(boards, monkeypatch):
    sizes = []
    deliver = PageWidget._deliver

    def count(self, message):
        if message is not None:
            sizes.append(len(repr(message[0])) + sum(map(len, message[1])))
        deliver(self, message)

    board = boards()
    board.wait(40)
    monkeypatch.setattr(PageWidget, "_deliver", count)
    hear(board._page)
    wait_for(lambda: len(sizes) > 4, "frames")
    hear(board._page, frame=board._page.frame)
    assert np.mean(sizes[1:]) < 10_000 * 3 / 21, "21 markets would have 10 kB"
    assert board._board.publisher._tick <= 3 + len(sizes)


def test_lines_and_texts_are_of_the_same_frame(boards):
    board = boards()
    board.wait(40)
    board._board.close()
    maker = board._board.publisher._maker
    frame = maker.make(board._board.followed(), board.settings.parameters, 60.0, note="n", told=1)
    found = values_of(board, frame)
    state = found[board._table.model_id, "state"]
    assert state["message"] == "n"
    assert state["states"] == [["closed", 3]]
    assert len(found[board._table.model_id, "lines"]) == 3
    assert len(found[board._table.model_id, "beyond"]) == 3
    for number, row in enumerate(frame.rows):
        assert float(state[str(number)][0].replace(",", "")) == pytest.approx(row.mid, rel=1e-9)


def test_a_signal_without_a_range_has_a_scale_of_each_market(boards):
    """Base units of two markets do not compare: neither do bars on one scale, nor a rank."""
    board = boards(settings=obi.Settings("order_flow_imbalance", window=5, threshold=2))
    board.wait(60)
    board.close()
    maker = board._board.publisher._maker
    frame = maker.make(board._board.followed(), board.settings.parameters, 60.0)
    for row, session in zip(frame.rows, board.sessions.values(), strict=True):
        values = obi.compute(session.history, board.settings)
        sizes = np.abs(values[np.isfinite(values)])
        low, high = row.scale
        assert (low, sizes.max() <= high) == (-high, True)
        assert sizes.max() > 0.4 * high or row.threshold > 0.4 * high
        assert row.strength == np.mean(sizes < abs(row.signal))
    assert len({row.scale for row in frame.rows}) > 1


def test_a_gauge_has_no_plus_no_side_and_no_threshold(boards):
    board = boards(settings=obi.Settings("event_frequency", window=5))
    board.wait(60)
    hear(board._page)
    wait_for(lambda: line(board, 0)["signal"] not in ("", "–"), "a value")
    for row in range(3):
        found = line(board, row)
        assert float(found["signal"].replace(",", "")) > 0
        assert "+" not in found["signal"]
        assert (found["tint"], found["side"], found["threshold"]) == ("", 0, None)
    assert shown(board._table)["threshold"] == "none: it has no direction"
    board.close()
    maker = board._board.publisher._maker
    frame = maker.make(board._board.followed(), board.settings.parameters, 60.0)
    (table,) = board_texts.board_still(frame).tables
    assert not any("+" in row[5] or "▲" in row[5] for row in table.rows)


def test_a_signal_that_needs_more_levels_says_so(boards):
    board = boards(levels=3)
    board.wait(20)
    hear(board._page)
    wait_for(lambda: "reaches beyond the 3 levels kept" in shown(board._table)["message"], "why")
    assert line(board, 0)["signal"] == "–"
    assert line(board, 0)["strength"] is None


def test_a_book_without_a_side_says_so(boards):
    board = boards(["sim:BTC-PERP"])
    board.wait(20)
    board.close()
    (market,) = board._board.followed()
    size = np.ones((2, 1))
    for side, bids, asks in (("asks", [99.0, 99.0], [101.0, np.nan]),
                             ("bids", [99.0, np.nan], [101.0, 101.0])):  # fmt: skip
        prices = [np.array(one)[:, None] for one in (bids, asks)]
        history = obi.History.from_arrays(
            [10**18, 10**18 + 10**9], prices[0], size, prices[1], size
        )
        here = market._replace(state="live", detail="", advice="", has_book=True, history=history)
        frame = BoardMaker().make([here], board.settings.parameters, 60.0)
        assert board_texts.instead(frame.rows[0]) == f"The book has no {side}."
    nothing = market._replace(state="live", detail="", advice="", history=history[:0])
    frame = BoardMaker().make([nothing], board.settings.parameters, 60.0)
    assert board_texts.instead(frame.rows[0]) == "No book yet."


def test_a_still_picture_has_a_row_for_each_market(boards):
    board = boards([*THREE, BAD])
    board.wait(20)
    board.close()
    maker = board._board.publisher._maker
    frame = maker.make(board._board.followed(), board.settings.parameters, 60.0)
    picture = board_texts.board_still(frame)
    assert picture.sentence.startswith("Still picture of a board of 4 markets, ")
    (table,) = picture.tables
    assert [row[0] for row in table.rows] == ["BTC-PERP", "ETH-PERP", "SOL-PERP", "NONE-PERP"]
    assert table.rows[3][3].startswith("The simulator lists no symbol")


def test_signals_are_shown_on_one_chart(boards):
    board = boards()
    board.wait(60)
    hear(board._page)
    board.compare(["sim:SOL-PERP", "sim:BTC-PERP"])
    assert board.compared == ("sim:BTC-PERP", "sim:SOL-PERP")
    lines = wait_for(lambda: shown(board._beside.chart, "lines"), "lines")
    state = shown(board._beside.chart)
    assert (state["names"], state["scale"]) == (["BTC-PERP", "SOL-PERP"], [-1, 1])
    assert shown(board._beside.chart, "apart")[-1] == pytest.approx(
        abs(lines[0][-1] - lines[1][-1])
    )
    board._turn_chart()
    assert (board.compared, board._beside.chart.layout.display) == ((), "none")
    board._turn_chart()
    assert board.compared == tuple(THREE)
    for wrong in ("sim:BTC-PERP", 3):
        with pytest.raises(ArgumentError, match="is no list of sources"):
            board.compare(wrong)
    with pytest.raises(ArgumentError, match="7 signals on one chart"):
        board.compare(THREE * 2 + THREE[:1])
    with pytest.raises(SourceError, match="has no market"):
        board.compare(["sim:XRP-PERP"])


def test_a_symbol_that_stands_twice_says_its_venue(boards, recordings):
    board = boards([recordings[0], "sim:BTC-PERP"], speed=None, warmup=2.0)
    board.wait(10)
    board._board.close()
    maker = board._board.publisher._maker
    given = board._board.followed()
    frame = maker.make(given, board.settings.parameters, 60.0, compared=[0, 1])
    names = board_texts.compared_state(frame)["names"]
    assert names == ["BTC-PERP Simulator", "BTC-PERP Simulator"]
    assert len(frame.compared.lines) == 2


# -- the end -----------------------------------------------------------------------------------


def test_a_closed_board_is_freed_whole():
    before = set(registry())

    def open_and_close():
        board = obi.Board(THREE[:2], seed=1, warmup=2.0)
        board.wait(10)
        board.open_lab("sim:BTC-PERP")
        hear(board._page)
        wait_for(lambda: board._page.frame > 1, "a frame")
        sessions = list(board.sessions.values())
        made = [weakref.ref(one) for one in (board, board._board, *sessions, sessions[0].market)]
        board.close()
        return made

    freed(*open_and_close())
    assert set(registry()) == before
    wait_for(lambda: not running(), "its threads to end")


def test_a_board_that_nothing_holds_ends(monkeypatch):
    monkeypatch.setattr(lifecycle, "UNSEEN", 0.1)
    monkeypatch.setattr(lifecycle, "ASK_AGAIN", 0.2)
    before = set(registry())

    def seen():
        board = obi.Board(THREE[:2], seed=1, warmup=2.0)
        return weakref.ref(board)

    board = seen()
    try:
        wait_for(lambda: board()._board.closed and not running(), "it to end")
        assert board().to_frame()["reason"].str.contains("nobody looked for 10 minutes").all()
    finally:
        board().close()
    assert set(registry()) == before


def test_a_market_that_is_held_holds_its_board(monkeypatch, boards):
    monkeypatch.setattr(lifecycle, "UNSEEN", 0.1)
    monkeypatch.setattr(lifecycle, "ASK_AGAIN", 0.2)
    kept = boards(THREE[:2])["sim:ETH-PERP"]
    board = kept._board
    asked = board._life.ask_at
    wait_for(lambda: board._life.ask_at > asked + 0.5, "questions")
    assert not kept.closed
