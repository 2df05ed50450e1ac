"""Paper runs: what is logged, and what the log is held against. No order, and no cause made up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import HistoryError, RecordingError
from obi_widgets.paper.backtest import backtest
from obi_widgets.paper.log import LogWriter, ns, read_log
from obi_widgets.paper.run import PaperRun, begin_of
from obi_widgets.paper.seconds import seconds_of

HISTORY = obi.simulate(seconds=240, seed=7)
PLAIN = obi.Parameters(threshold=0.3, hold_seconds=3)
SETTINGS = {
    "plain": PLAIN,
    "gate": PLAIN.replace(gates={"spread": {"quantile": 0.5, "window": 20}}),
    "cap": PLAIN.replace(most_per_hour=9),
    "late": PLAIN.replace(latency_ms=250, size=3.0, slippage_bps=0.2),
    "strength": PLAIN.replace(size=2.0, size_by="strength", stop_bps=1.0),
    "quantile": PLAIN.replace(threshold=0.8, threshold_is="quantile", quantile_window=30),
    "post only": PLAIN.replace(execution="post_only", wait_seconds=2),
    "crossing": PLAIN.replace(entry_rule="crossing"),
}
STEPS = (1, 2, 3, 50, 7, 400)


def lines_of(history, settings, steps=STEPS):
    """Return what a run says that sees some more states at a time."""
    run, end, at = PaperRun(settings), 0, 0
    lines = [begin_of(history[:1], settings)]
    while end < len(history):
        end, at = min(end + steps[at % len(steps)], len(history)), at + 1
        part = history[:end]
        lines += run.extend(part, obi.compute(part, settings))
    last = str(history.time[-1].astype("datetime64[ns]"))
    return [*lines, *run.end(), {"type": "end", "time": last, "last_state": last}]


@pytest.fixture
def written(tmp_path):
    def write(lines):
        path = tmp_path / f"{len([*tmp_path.iterdir()])}.jsonl"
        writer = LogWriter(path)
        writer.write(lines)
        writer.close()
        return path

    return write


def of_type(lines, *kinds):
    return [one for one in lines if one["type"] in kinds]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_entries_are_those_of_the_backtest_however_the_states_come(name, written):
    lines = lines_of(HISTORY, SETTINGS[name])
    log = read_log(written(lines))
    table = obi.entries(HISTORY, SETTINGS[name])
    ended = [one for one in log.entries if one.ended != "open"]
    assert len(ended) > 5
    assert [one.side for one in log.entries][: len(table)] == table.side.tolist()
    prices = [one.exit_price for one in log.entries][: len(table)]
    assert np.array_equal(prices, table.exit_price, equal_nan=True)
    assert [one.ended for one in log.entries][: len(table)] == table.ended.tolist()
    assert np.array_equal([one.weight for one in log.entries][: len(table)], table.weight)
    found = obi.reconcile(log.path, HISTORY)
    assert (found.differences, found.not_explained, found.seconds_differ) == (0, 0, 0)
    assert set(found.table.what) == {"same"}
    assert "are the same in the log and in the backtest" in str(found)


@pytest.mark.parametrize("name", ["plain", "gate", "cap", "late"])
def test_a_log_does_not_depend_on_how_many_states_come_at_once(name):
    def comparable(lines):
        return [{**one, "why": "" if one["type"] == "end" else one.get("why")} for one in lines]

    one = lines_of(HISTORY[:900], SETTINGS[name], steps=(1,))
    other = lines_of(HISTORY[:900], SETTINGS[name], steps=(97,))
    for kind in ("entry", "fill", "exit", "declined", "second"):
        assert comparable(of_type(one, kind)) == comparable(of_type(other, kind)), kind


def test_an_entry_has_its_quote_and_says_why():
    lines = lines_of(HISTORY, SETTINGS["strength"])
    for entry in of_type(lines, "entry"):
        row = entry["state"]
        assert ns(entry["time"]) == HISTORY.time[row]
        assert (entry["bid"], entry["ask"]) == (HISTORY.bid[row], HISTORY.ask[row])
        assert entry["side"] * entry["signal"] > entry["threshold"] == 0.3
        assert entry["size"] == pytest.approx(2.0 * entry["weight"])
        assert ("above 0.3" if entry["side"] > 0 else "below −0.3") in entry["why"]


def test_what_was_declined_is_said_once_with_its_reason():
    whys = {one["why"] for one in of_type(lines_of(HISTORY, SETTINGS["plain"]), "declined")}
    assert whys == {"position open"}
    lines = lines_of(HISTORY, SETTINGS["gate"])
    closed = [one for one in of_type(lines, "declined") if one["why"] == "gate closed: spread"]
    assert closed
    allowed = SETTINGS["gate"].gates.allowed(HISTORY)
    for one in closed:
        assert one["gates"] == {"spread": False}
        assert not allowed[0 if one["side"] > 0 else 1, one["state"]]
    lines = lines_of(HISTORY, SETTINGS["cap"])
    assert len(of_type(lines, "entry")) == 9
    assert of_type(lines, "declined")[-1]["why"] in ("cap: 9 an hour", "position open")
    assert "cap: 9 an hour" in {one["why"] for one in of_type(lines, "declined")}
    crossing = {one["why"] for one in of_type(lines_of(HISTORY, SETTINGS["crossing"]), "declined")}
    assert "entry rule: crossing" in crossing


def gapped(history, first, last):
    """Return a history without some states: a gap is in their place."""
    return obi.History.concat([history[:first], history[last:]])


@pytest.mark.parametrize("name", ["plain", "gate", "cap", "late", "strength", "quantile"])
@pytest.mark.parametrize("of", ["log", "recording"])
def test_a_gap_of_one_of_them_explains_what_follows_from_it(name, of, written):
    cut = gapped(gapped(gapped(HISTORY, 1500, 1580), 700, 760), 200, 260)
    seen, recorded = (cut, HISTORY) if of == "log" else (HISTORY, cut)
    found = obi.reconcile(written(lines_of(seen, SETTINGS[name])), recorded)
    assert found.explained, found.table.to_string()
    assert found.differences
    assert found.table.cause.str.contains(f"a gap in the {of} at ").any()
    assert "Each difference is explained." in str(found)


def test_states_that_differ_are_said_with_their_lateness(written):
    rows = slice(1000, 1200)
    bid, received = HISTORY.bid.copy(), HISTORY.received.copy()
    bid[rows] -= 3 * HISTORY.tick_size
    received[rows] += 700_000_000
    seen = replace(HISTORY, bid=bid, received=received)
    found = obi.reconcile(written(lines_of(seen, PLAIN)), HISTORY)
    assert found.explained
    assert found.table.cause.str.contains("other states at .*, received 0.70 s later").any()


def test_only_what_lies_beyond_the_begin_and_the_end_is_left_out(written):
    found = obi.reconcile(written(lines_of(HISTORY[500:1700], PLAIN)), HISTORY)
    assert found.explained
    causes = set(found.table.cause)
    assert {"before the log's first state", "after the end of the log"} <= causes
    found = obi.reconcile(written(lines_of(HISTORY, PLAIN)), HISTORY[500:1700])
    assert found.explained
    causes = set(found.table.cause)
    assert {"before the recording's first state", "after the end of the recording"} <= causes


def without(lines, number):
    return [one for one in lines if one.get("number") != number]


def changed(lines, kind, number, **values):
    return [
        {**one, **values} if one["type"] == kind and one["number"] == number else one
        for one in lines
    ]


def side_of(lines, number):
    return next(one["side"] for one in of_type(lines, "entry") if one["number"] == number)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda lines: without(lines, 5), "only in backtest"),
        (lambda lines: changed(lines, "fill", 5, price=1.0), "differs"),
        (lambda lines: changed(lines, "exit", 5, price=1.0), "differs"),
        (lambda lines: changed(lines, "entry", 5, weight=0.5), "differs"),
        (lambda lines: changed(lines, "entry", 5, side=-side_of(lines, 5)), "only in log"),
    ],
)
def test_a_difference_without_evidence_is_not_explained(spoil, what, written):
    found = obi.reconcile(written(spoil(lines_of(HISTORY, PLAIN))), HISTORY)
    assert not found.explained
    wrong = found.table[found.table.cause == "not explained"]
    assert what in set(wrong.what)
    assert len(wrong) == found.not_explained <= 2
    assert "not explained" in str(found)


def test_what_came_after_a_decision_explains_nothing(written):
    table = obi.entries(HISTORY, PLAIN)
    gone = 20
    decided = int(np.searchsorted(HISTORY.time, table.entry_time[gone].value))
    bid = HISTORY.bid.copy()
    bid[decided + 20 : decided + 28] -= HISTORY.tick_size  # while its position is held
    seen = replace(HISTORY, bid=bid)
    assert HISTORY.time[decided] // 10**9 < HISTORY.time[decided + 20] // 10**9
    found = obi.reconcile(written(without(lines_of(seen, PLAIN), gone + 1)), HISTORY)
    assert found.seconds_differ
    (wrong,) = found.table[found.table.cause == "not explained"].to_dict("records")
    assert wrong["backtest_time"] == table.entry_time[gone]


def test_other_settings_are_the_cause_and_are_named(written):
    path = written(lines_of(HISTORY, PLAIN))
    found = obi.reconcile(path, HISTORY, PLAIN.replace(threshold=0.5))
    assert found.explained
    assert found.differences
    assert "Settings differ: threshold 0.3 in the log, 0.5 here." in str(found)
    coarser = replace(HISTORY, interval=0.25)
    assert "interval 0.0 in the log, 0.25 here" in str(obi.reconcile(path, coarser))


def test_a_log_that_was_cut_off_is_read_and_other_files_are_refused(written, tmp_path):
    lines = lines_of(HISTORY, PLAIN)
    path = written(lines)
    text = path.read_text().splitlines(keepends=True)
    killed = tmp_path / "killed.jsonl"
    killed.write_text("".join(text[: len(text) // 2]) + text[-1][:20])
    found = obi.reconcile(killed, HISTORY)
    assert found.explained
    assert "The log has no end" in str(found)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("".join([*text[:7], '{"type": "fill"}\n', *text[7:]]))
    with pytest.raises(RecordingError, match=r"Line 8 of wrong\.jsonl is damaged: Object missing"):
        obi.reconcile(wrong, HISTORY)
    wrong.write_text("".join([*text[:7], "nonsense\n", *text[7:]]))
    with pytest.raises(RecordingError, match=r"Line 8 of .* no object of JSON"):
        obi.reconcile(wrong, HISTORY)
    wrong.write_text("1 {}\n")
    with pytest.raises(RecordingError, match="Line 1"):
        obi.reconcile(wrong, HISTORY)
    wrong.write_text(json.dumps({**lines[0], "format": 9}) + "\n")
    with pytest.raises(RecordingError, match="its format is 9"):
        obi.reconcile(wrong, HISTORY)
    with pytest.raises(RecordingError, match="cannot be read"):
        obi.reconcile(tmp_path / "none.jsonl", HISTORY)
    with pytest.raises(RecordingError, match="exists"):
        LogWriter(path)


WRONG = (None, ..., "x", -1, 1e400, [], {}, True, 10**30, "9999-01-01", "NaT")
"""Values that a damaged file may have; ``...`` is a name that is not there."""


@pytest.mark.slow
def test_a_damaged_value_is_refused_with_its_line_or_changes_nothing_that_is_read(tmp_path):
    lines, path = lines_of(HISTORY, PLAIN), tmp_path / "wrong.jsonl"
    connected = {"type": "connection", "time": lines[-1]["time"], "state": "live", "detail": "",
                 "connections": {"book": "1"}}  # fmt: skip
    lines.insert(1, connected)
    first = {one["type"]: number for number, one in reversed([*enumerate(lines)])}
    assert {"begin", "entry", "fill", "exit", "second", "declined", "end"} <= first.keys()
    refused = set()
    for kind, number in first.items():
        for name in lines[number].keys() - {"type", "format"}:
            for value in WRONG:
                one = {**lines[number], name: value}
                if value is ...:
                    del one[name]
                made = [*lines[:number], one, *lines[number + 1 :]]
                path.write_text("".join(f"{json.dumps(line)}\n" for line in made))
                try:
                    read_log(path)
                except RecordingError as error:
                    said, line = str(error), error.line
                else:
                    continue
                refused.add((kind, name))
                assert name == "settings" or (said.startswith("Line ") and line >= number + 1)
    assert {
        ("begin", "first_state"), ("begin", "market"), ("begin", "levels"), ("begin", "settings"),
        ("entry", "time"), ("entry", "side"), ("entry", "weight"), ("fill", "price"),
        ("exit", "why"), ("second", "states"), ("connection", "connections"), ("declined", "time"),
        ("end", "last_state"),
    } <= refused  # fmt: skip


def test_a_recording_of_another_time_is_refused(written):
    path = written(lines_of(HISTORY, PLAIN))
    later = replace(HISTORY, time=HISTORY.time + 10**15, received=HISTORY.received + 10**15)
    with pytest.raises(HistoryError, match=r"The log is of .*, and the history .* do not overlap"):
        obi.reconcile(path, later)


def test_another_market_and_no_states_are_refused(written):
    path = written(lines_of(HISTORY, PLAIN))
    with pytest.raises(HistoryError, match="The log is of sim:BTC-PERP, and the history of sim:E"):
        obi.reconcile(path, obi.simulate("sim:ETH-PERP", seconds=5, seed=1))
    with pytest.raises(HistoryError, match="no state"):
        obi.reconcile(path, HISTORY[:0])


def test_seconds_have_all_that_decisions_are_made_from():
    decided = backtest(HISTORY, PLAIN).decided
    seconds = seconds_of(HISTORY, decided)
    assert sum(one.states for one in seconds.values()) == len(HISTORY)
    other = decided._replace(values=decided.values * 1.0000001)
    changed = seconds_of(HISTORY, other)
    one = sorted(seconds)[20]
    assert seconds[one].values != changed[one].values
    assert seconds[one].book == changed[one].book
    assert seconds[one].levels == changed[one].levels
