"""Entries with latency, a slippage limit and a size: by hand, and against a walk over lists."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from entries_reference import TAPES
from history_tools import NAN, SECOND, early
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.calibration.executed_returns import executed_returns
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan

# Seconds; two levels a side, best first: price, size. Imbalance of the best: (q − r) / (q + r);
# beyond 0.5 it decides.
TAPE = [
    (1.0, (100, 9, 99, 5), (101, 1, 102, 4)),  # 8 / 10: decides long
    (1.2, (100, 8, 99, 5), (101, 4, 102, 4)),
    (1.4, (100, 8, 99, 5), (102, 4, 103, 2)),  # the ask is lifted
    (2.0, (99, 5, 98, 3), (100, 5, 102, 4)),
    (3.0, (99, 1, 98, 3), (101, 2, 102, 5)),  # −1 / 3
    (4.0, (102, 2, 101, 2), (103, 5, 104, 1)),
    (5.0, (103, 2, 102, 3), (104, 3, 105, 3)),
]


def by_hand(rows):
    time = [round(row[0] * SECOND) for row in rows]
    bids, asks = (np.array([row[which] for row in rows], float) for which in (1, 2))
    return early(time, bids[:, ::2], bids[:, 1::2], asks[:, ::2], asks[:, 1::2], tick_size=1.0)


def made(rows=TAPE, **changes):
    values = {"depth": 1, "decay": 0, "threshold": 0.5, "hold_seconds": 2.0, "fee_bps": 0}
    return obi.entries(by_hand(rows), obi.Settings(**values | changes))


def only(**changes):
    """Seconds and price of the entry, seconds and price of the exit, and how it ended."""
    frame = made(**changes)
    assert len(frame) == 1
    row = frame.iloc[0]
    left = None if row["ended"] != "held" else row["exit_time"].timestamp()
    return (
        row["entry_time"].timestamp(), row["entry_price"], left, row["exit_price"], row["ended"]
    )  # fmt: skip


def test_without_latency_at_the_touch():
    assert only() == (1.0, 101, 3.0, 99, "held")


def test_an_order_meets_the_first_state_at_or_after_its_arrival():
    # Arrives at 1.2, which has a state: in at its ask, 101. Due at 3.2, decided at 4.0; that order
    # arrives at 4.2, and the next state is of 5.0: out at its bid, 103.
    assert only(latency_ms=200) == (1.2, 101, 5.0, 103, "held")
    # Arrives at 1.3: the next state is of 1.4, whose ask is 102. Due at 3.4.
    assert only(latency_ms=300) == (1.4, 102, 5.0, 103, "held")


def test_an_order_is_never_chased():
    # At 1.4 the ask is 102: (102 − 101) / 101 = 99.0099 bps above that of the decision.
    assert only(latency_ms=300, slippage_bps=99.01)[:2] == (1.4, 102)
    frame = made(latency_ms=300, slippage_bps=99.0)
    assert frame["ended"].tolist() == ["unfilled"]
    assert frame[["entry_price", "exit_price", "gross_bps", "net_bps"]].isna().all(axis=None)
    assert frame["exit_time"].isna().all()


def test_a_size_is_bought_through_the_levels_and_left_through_them():
    # One at 101, two at 102. At 3.0: one at 99, two at 98.
    entry, left = (101 + 2 * 102) / 3, (99 + 2 * 98) / 3
    assert only(size=3) == (1.0, pytest.approx(entry), 3.0, pytest.approx(left), "held")
    # Five: four at 102. At 3.0 there are four bids; the fifth is counted at the last of them.
    entry, left = (101 + 4 * 102) / 5, (99 + 4 * 98) / 5
    assert only(size=5) == (1.0, pytest.approx(entry), 3.0, pytest.approx(left), "held")


@pytest.mark.parametrize(
    ("size", "limit"),
    [
        (6, None),  # five are there
        (3, 99.0),  # the last of three stands at 102, 99.01 bps away
    ],
)
def test_an_order_is_filled_whole_or_not_at_all(size, limit):
    assert made(size=size, slippage_bps=limit)["ended"].tolist() == ["unfilled"]


def test_what_a_size_does_to_the_mid():
    # Mid is a price that nobody gets: of any size.
    assert only(price="mid", size=3) == only(price="mid")


def test_what_a_gap_does_to_an_order_on_its_way():
    lost = (1.1, (NAN,) * 4, (NAN,) * 4)
    frame = made([TAPE[0], lost, *TAPE[1:]], latency_ms=300)
    assert frame["ended"].tolist() == ["gap"]
    assert frame["entry_price"].isna().all()
    # To leave, decided at 3.0, arrives at 3.5.
    lost = (3.2, (NAN,) * 4, (NAN,) * 4)
    frame = made([*TAPE[:5], lost, *TAPE[5:]], latency_ms=500, hold_seconds=1.0)
    assert frame["ended"].tolist() == ["gap"]
    assert frame["entry_price"].tolist() == [100]


def test_who_misses_decides_again():
    rows = [TAPE[0], (1.1, (100, 9, 99, 5), (101, 1, 102, 4)), *TAPE[2:]]
    frame = made(rows, size=6)
    assert [one.timestamp() for one in frame["entry_time"]] == [1.0, 1.1]


def test_results_count_what_was_missed():
    parameters = Parameters(depth=1, decay=0, threshold=0.5, hold_seconds=2, size=6)
    tape = by_hand(TAPE)
    scanner = Scanner(parameters)
    scanner.extend(tape, obi.imbalance(tape, parameters))
    results = scanner.trades(tape).results
    assert (results.entries, results.missed) == (0, 1)


# -- against lists ------------------------------------------------------------------------------

EXECUTED = st.builds(
    Parameters,
    depth=st.just(1),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.8]),
    hold_seconds=st.sampled_from([0.1, 0.2, 0.35, 1.0]),
    price=st.sampled_from(["touch", "mid"]),
    latency_ms=st.sampled_from([0.0, 0.0, 1.0, 50.0, 100.0, 400.0]),
    slippage_bps=st.sampled_from([None, None, 0.0, 10.0, 60.0]),
    size=st.sampled_from([None, None, 0.5, 2.0, 3.0, 20.0]),
)


def reference(tape, p):
    """Return side, entry time and price, exit time and price, and the end of each order."""
    time, bid, ask = (column.tolist() for column in (tape.time, tape.bid, tape.ask))
    sizes = {side: tape.sizes(side)[:, 0].tolist() for side in (+1, -1)}  # of one level
    signal = obi.imbalance(tape, p).tolist()
    latency, hold = round(p.latency_ms * 1e6), round(p.hold_seconds * 1e9)
    out, state = [], None

    def price(row, direction):
        if p.price == "mid":
            return (bid[row] + ask[row]) / 2
        return ask[row] if direction > 0 else bid[row]

    def arrives(row):
        nonlocal state
        side, got = state["side"], price(row, state["side"])
        away = side * (got / state["wanted"] - 1) * 1e4
        enough = p.size is None or p.price == "mid" or sizes[-side][row] >= p.size
        if enough and away <= (math.inf if p.slippage_bps is None else p.slippage_bps) + 1e-9:
            state = {"side": side, "in": time[row], "at": got, "due": time[row] + hold}
        else:
            out.append((side, time[row], NAN, 0, NAN, "unfilled"))
            state = None

    for row, now in enumerate(time):
        whole = bid[row] < ask[row]
        if state is not None and math.isnan(bid[row]) and math.isnan(ask[row]):
            out.append((state["side"], state.get("in", now), state.get("at", NAN), 0, NAN, "gap"))
            state = None
        if state is not None and "due" in state and whole and now >= state["due"]:
            state["leaves"] = now + latency
            del state["due"]
        if state is not None and "leaves" in state and whole and now >= state["leaves"]:
            out.append(
                (state["side"], state["in"], state["at"], now, price(row, -state["side"]), "held")
            )
            state = None
        if state is not None and "arrival" in state and now >= state["arrival"]:
            arrives(row)
        if state is None and whole and abs(signal[row]) > p.threshold:
            side = 1 if signal[row] > 0 else -1
            state = {"side": side, "wanted": price(row, side), "arrival": now + latency}
            if not latency:
                arrives(row)
    if state is not None and "in" in state:
        out.append((state["side"], state["in"], state["at"], 0, NAN, "open"))
    return out


def _rounded(entry):
    """Return an entry as a list; a mean over the levels of a size may differ by rounding."""
    return [round(one, 9) if isinstance(one, float) else one for one in entry]


@pytest.mark.slow
@settings(max_examples=300)
@given(tape=TAPES, parameters=EXECUTED)
def test_random_tapes(tape, parameters):
    frame = obi.entries(tape, parameters)
    wanted = reference(tape, parameters)
    times = frame["entry_time"].dt.tz_localize(None).to_numpy(np.int64)
    left = np.where(frame["exit_time"].isna(), 0, frame["exit_time"].to_numpy(np.int64))
    got = zip(
        frame["side"], times, frame["entry_price"], left, frame["exit_price"], frame["ended"],
        strict=True,
    )  # fmt: skip
    np.testing.assert_equal([*map(_rounded, got)], [*map(_rounded, wanted)])


@settings(max_examples=150)
@given(tape=TAPES, parameters=EXECUTED, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_appended_to_the_same_as_whole(tape, parameters, cuts):
    signal = obi.imbalance(tape, parameters)
    pieces, whole = Scanner(parameters), Scanner(parameters)
    for cut in [*sorted(cuts), len(tape)]:
        pieces.extend(tape[:cut], signal[:cut])
        pieces.trades(tape[:cut])
    whole.extend(tape, signal)
    names = ("side", "entry_time", "entry_price", "exit_time", "exit_price", "lost", "missed")
    got, wanted = pieces.trades(tape), whole.trades(tape)
    for name in names:
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
    assert got.held == wanted.held


# -- settings ------------------------------------------------------------------------------------


def test_defaults_are_a_taker_at_once_at_the_touch():
    p = obi.Settings().parameters
    assert (p.latency_ms, p.slippage_bps, p.size) == (0.0, None, None)
    assert not {"latency_ms", "slippage_bps", "size"} & set(p.as_table())


@pytest.mark.parametrize("ending", [".toml", ".json"])
def test_a_file_keeps_them(tmp_path, ending):
    given = obi.Settings(latency_ms=50, slippage_bps=2.5, size=0.25)
    assert obi.Settings.load(given.save(tmp_path / f"settings{ending}")) == given
    assert given != obi.Settings()


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("latency_ms", -1, "Give a number from 0 to 10000 ms."),
        ("slippage_bps", -1, "Give a number from 0 to 10000 bps, or None for no limit."),
        ("size", 0, "or None for any size."),
    ],
)
def test_what_is_not_possible(name, value, advice):
    with pytest.raises(SettingsError) as error:
        obi.Settings(**{name: value})
    assert str(error.value).startswith(f"{name} = {value} is not possible.")
    assert str(error.value).endswith(advice)


@pytest.mark.parametrize("name", ["size", "price", "threshold"])
def test_a_signal_cannot_take_the_name_of_a_setting(name):
    def clash(history, **_):
        return history.mid * 0

    kind = inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=2.0, annotation=obi.Seconds(1, 10)
    )
    history = inspect.Parameter("history", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    clash.__signature__ = inspect.Signature([history, kind])
    with pytest.raises(SettingsError) as error:
        obi.Settings(obi.signal(unit="", range=(-1, 1), needs="touch")(clash))
    assert str(error.value) == (
        f"The signal clash has a parameter {name}, which is the name of a setting of every "
        "signal. Give the parameter another name."
    )


# -- every surface -------------------------------------------------------------------------------

DONE = (
    {"latency_ms": 250}, {"size": 2.0}, {"latency_ms": 120, "slippage_bps": 0.5},
    {"latency_ms": 120, "slippage_bps": 0.5, "size": 1.0}, {"price": "mid", "latency_ms": 250},
)  # fmt: skip


@pytest.mark.parametrize("execution", DONE, ids=str)
def test_a_sweep_has_the_entries_of_each_setting(history, execution):
    axes = {"decay": [0.1, 0.3], "threshold": [0.3, 0.6], "hold_seconds": [1.0, 5.0]}
    surface = obi.sweep(history, settings=obi.Settings(**execution), **axes)
    missed = 0
    for at in np.ndindex(surface.entries.shape):
        frame = obi.entries(history, surface.settings(at))
        closed = frame[frame["ended"] == "held"]
        assert surface.entries[at] == len(closed) > 0
        assert surface.mean_net_bps[at] == pytest.approx(closed["net_bps"].mean())
        missed += (frame["ended"] == "unfilled").sum()
    assert missed > 0 or "slippage_bps" not in execution


def test_what_is_executed_is_an_axis(history):
    surface = obi.sweep(history, latency_ms=[0, 250], size=[None, 2.0])
    at_once = obi.sweep(history)
    assert surface.mean_net_bps.shape[-4:] == (2, 2, 1, 1)
    one = surface.mean_net_bps.reshape(2, 2)
    assert one[0, 0] == pytest.approx(at_once.mean_net_bps.item())
    assert len(set(one.ravel().tolist())) == 4


@pytest.mark.parametrize("execution", DONE, ids=str)
def test_the_verdict_is_of_what_the_engine_makes(history, execution):
    """A trade of `traded` is what `entries` makes who decides at that state alone."""
    tape = history[:4000]
    p = Parameters(hold_seconds=2.0, fee_bps=1.0, **execution)
    found = executed_returns(tape, p, [2.0])
    signal = p.signal(tape, p)
    compared = 0
    for row in np.flatnonzero(np.abs(signal) > p.threshold)[::37].tolist():
        alone = np.full(len(tape), np.nan)
        alone[row] = signal[row]
        made = scan(tape, decisions(tape, alone, p), p, 0, None)
        side = 1 if signal[row] > 0 else -1
        got = (found.long_bps if side > 0 else found.short_bps)[0, row]
        if made.missed.any() or (found.moves.end[0, row] < 0):
            assert np.isnan(got)
            continue
        np.testing.assert_allclose(got, made.gross_bps, rtol=1e-9, atol=1e-9)
        compared += 1
    assert compared > 10
