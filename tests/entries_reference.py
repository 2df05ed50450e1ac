"""The rule of entries in plain Python: a state machine over lists. And random tapes for it."""

from __future__ import annotations

import math

import numpy as np
from history_tools import MS, NAN, early
from hypothesis import strategies as st

import obi_widgets as obi

COLUMNS = (
    "side", "entry_time", "entry_price", "exit_time", "exit_price", "gross_bps",
    "net_bps", "weight", "ended",
)  # fmt: skip


def reference(time, bid, ask, signal, settings):
    """Return one dict for each entry; times in ns, None if there is no exit."""
    made, position = [], None

    def close(ended, now=None, price=NAN):
        nonlocal position
        gross = position["side"] * (price - position["entry_price"]) / position["entry_price"] * 1e4
        position.update(exit_time=now, exit_price=price, gross_bps=gross, ended=ended)
        position["net_bps"] = gross - 2 * settings.fee_bps
        made.append(position)
        position = None

    for now, b, a, s in zip(time, bid, ask, signal, strict=True):
        if math.isnan(b) and math.isnan(a):
            if position is not None:
                close("gap")
            continue
        whole = not math.isnan(b) and not math.isnan(a)
        if position is not None and whole and now - position["entry_time"] >= hold(settings):
            left_at = (a + b) / 2 if settings.price == "mid" else b if position["side"] > 0 else a
            close("held", now, left_at)
        if position is None and abs(s) > settings.threshold:
            paid = (a + b) / 2 if settings.price == "mid" else a if s > 0 else b
            position = {"side": 1 if s > 0 else -1, "entry_time": now, "entry_price": paid}
    if position is not None:
        close("open")
    return made


def hold(settings):
    return round(settings.hold_seconds * 1e9)


def of_history(history, settings):
    signal = obi.imbalance(history, settings)
    columns = (history.time, history.bid, history.ask, signal)
    return reference(*(column.tolist() for column in columns), settings)


def check(frame, wanted):
    """Assert that a frame of entries equals the reference."""
    assert list(frame.columns) == [
        "side", "entry_time", "entry_price", "exit_time", "exit_price",
        "gross_bps", "net_bps", "weight", "funding_bps", "net_of_funding_bps", "ended",
    ]  # fmt: skip
    assert len(frame) == len(wanted)
    for name in ("side", "ended", "entry_price"):
        assert frame[name].tolist() == [one[name] for one in wanted]
    for name in ("entry_time", "exit_time"):
        assert str(frame[name].dtype) == "datetime64[ns, UTC]"
        told = [None if t is None else np.datetime64(t, "ns") for t in (w[name] for w in wanted)]
        got = frame[name].dt.tz_localize(None).to_numpy()
        np.testing.assert_array_equal(got, np.array(told, "datetime64[ns]"))
    for name in ("exit_price", "gross_bps", "net_bps"):
        np.testing.assert_allclose(frame[name], [w[name] for w in wanted], rtol=1e-9, atol=1e-9)


STATE = st.tuples(
    st.sampled_from([0, 1, 10, 50, 90, 100, 100, 350]),  # ms since the last
    st.sampled_from(["both"] * 8 + ["gap", "bid", "ask"]),
    st.integers(990, 1010),  # best bid, ticks of 0.1
    st.sampled_from([1.0, 2.0, 3.0, 9.0]),
    st.sampled_from([1.0, 2.0, 3.0, 9.0]),
)


def tape(states):
    """Return a history of states of one level."""
    time = np.cumsum([0, *(state[0] for state in states)])[1:] * MS + MS
    bid, bid_size, ask, ask_size = (np.full(len(states), NAN) for _ in range(4))
    for row, (_, kind, ticks, left, right) in enumerate(states):
        if kind in ("both", "bid"):
            bid[row], bid_size[row] = ticks / 10, left
        if kind in ("both", "ask"):
            ask[row], ask_size[row] = (ticks + 1 + row % 3) / 10, right
    return early(time, bid, bid_size, ask, ask_size, tick_size=0.1)


TAPES = st.lists(STATE, min_size=1, max_size=60).map(tape)
