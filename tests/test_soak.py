"""What grows, and whether books are true, while the simulated exchange has faults: a short form.

`python -m benchmarks.soak` is the long one.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from exchange_tools import SECOND, given_back, held
from test_clocks import Talk

import obi_widgets as obi
from benchmarks import soak
from benchmarks.soak import Soak
from benchmarks.soak_counts import Counted, Outcome, Recovery
from benchmarks.soak_exchange import Judged, Remembering
from benchmarks.soak_report import filled, report, slope
from benchmarks.soak_stores import OF_A_MARKET, Kept, keep_less, small_bounds, stores
from obi_widgets.feeds import live
from obi_widgets.feeds.simulation.served import FAULTS
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.venues.connection import Backoff
from obi_widgets.market_data.venues.lmex import Simulated
from obi_widgets.settings import undo


@pytest.fixture
def hasty(monkeypatch):
    """Let what is tried again be tried again soon."""
    monkeypatch.setattr(live, "REOPEN_AFTER", 0.05)
    monkeypatch.setattr(live, "MAX_REOPEN_AFTER", 0.05)
    monkeypatch.setattr(Backoff, "longest", SECOND // 10)
    monkeypatch.setattr(Simulated, "poll_after", SECOND)
    monkeypatch.setattr(soak, "PATIENCE", 20.0)
    monkeypatch.setattr(soak, "BEGINS_WITHIN", 60.0)


def grown(counts):
    """Return what there is more of in all of the last three counts than in any of the first three.

    What one fault leaves behind grows by three in eight. Less than that is not told: results that
    are being computed, and connections that are being closed, come and go.
    """
    most, least = Counter[str](), counts[-1].copy()
    for one in counts[:3]:
        most |= one
    for one in counts[-3:]:
        least &= one
    return {name: more for name, more in (least - most).items() if more >= 3}


@pytest.mark.slow
def test_faults_of_every_kind_leave_nothing_behind_and_no_state_is_wrong(hasty):
    before = held()
    found = Soak(0, faults_every=1, count_every=2, symbols=3, least_faults=len(FAULTS)).run()
    given_back(before)
    assert (found.wrong, found.forgotten, found.examples) == (0, 0, [])
    assert found.right > 500
    assert sorted(one.fault for one in found.recoveries) == sorted(FAULTS)
    assert {one.missing for one in found.recoveries} == {()}  # books, and new trades
    counted = [
        one.objects + Counter(threads=one.threads, sockets=one.sockets, tasks=one.tasks)
        for one in (recovery.counted for recovery in found.recoveries)
    ]
    assert grown(counted) == {}


def test_what_grows_at_each_fault_is_told_from_what_comes_and_goes():
    counts = [Counter(kept=one, now_and_then=one % 3, always=7, late=one > 2) for one in range(8)]
    assert grown(counts) == {"kept": 3}


def test_a_state_is_true_only_if_it_was_published_at_its_time():
    served = Remembering(SimulatedMarket(seed=1), 0.0)
    times = []
    for _ in range(3):
        served.market.step()
        served._window()
        times.append(served.now)
    checksums = [served.published[time] for time in times]
    assert len(set(checksums)) == 3
    assert served.judge(zip(times, checksums, strict=True)) == Judged(3, 0, 0, [])
    wrong = [(times[0], checksums[1]), (times[0] + 1, checksums[0]), (times[0] - 1, checksums[0])]
    assert served.judge(wrong) == Judged(
        0, 2, 1,
        [
            f"BTC-PERP at {times[0]} ms: published otherwise",
            f"BTC-PERP at {times[0] + 1} ms: never published",
        ],
    )  # fmt: skip


def counted(minutes, memory, *, full=True, kept=0, filled=1.0):
    stores = {
        "states": Kept(float(full), 40.0),
        "interruptions": Kept(filled, 1.0, minutes * filled),
    }
    return Counted(
        60 * minutes, memory, 40.0, stores, 5, 8, 73, Counter(Book=3, Kept=kept), Counter(), 0,
        int(60_000 * minutes), int(600 * minutes), int(minutes), 0.005,
        100.0 + minutes * filled, 9.0,
    )  # fmt: skip


def test_the_report_tells_growth_from_when_the_histories_are_full(capsys):
    out = Outcome(right=10, looks=100, live=99, outages=[("drop", "BTC-PERP", 2.0)])
    out.counted = [counted(minute / 2, 100.0 + 10 * minute, full=False) for minute in range(10)]
    out.counted += [counted(5 + minute, 200.0 + minute % 2, kept=minute) for minute in range(40)]
    out.recoveries = [
        Recovery("drop", 2.25, (), out.counted[12]),
        Recovery("silence", 60.0, ("ETH-PERP: trades",), out.counted[40]),
    ]
    growth, half = slope(out.counted[10:])
    assert abs(growth) < half < 1
    rising = [counted(minute, 100 + 0.5 * minute) for minute in range(10)]
    assert slope(rising)[0] == pytest.approx(30)
    report(out)
    told = {line[:44].strip(): line[44:].strip() for line in capsys.readouterr().out.splitlines()}
    assert told["memory, MB"] == "200.0 → 201.0"
    assert told["messages a second"].startswith("1,000 ")
    assert told["figures are from, s"].split() == ["300", "all", "full"]
    assert told["classes with more"] == "Kept +28"
    assert told["without books or trades in time"].split() == ["1", "0"]
    assert "silence: ETH-PERP: trades" in told
    assert told["books and trades again, after: drop"] == "2.2 s"


def test_what_is_not_full_is_told_and_does_not_count_as_a_leak(capsys):
    """The C library gives out what a store takes, and nothing else: the rest is flat."""
    out = Outcome(right=10, looks=100, live=99)
    out.counted = [counted(minute, 200.0, filled=0.5) for minute in range(30)]
    assert filled(out.counted[0]) == "not full: interruptions 50%"
    assert filled(counted(1, 200.0)) == "all full"
    report(out)
    lines = capsys.readouterr().out.splitlines()
    told = {line[:44].strip(): line[44:].split() for line in lines}
    assert told["figures are from, s"] == ["0", "not", "full:", "interruptions", "50%"]
    assert told["allocated by the C library, MB, MB/h"][3] == "+30.00"
    assert abs(float(told["… without what is kept on purpose, MB, MB/h"][3])) < 0.01


def test_each_store_has_a_bound_that_is_reached():
    talk = Talk()
    session = SimpleNamespace(settings=obi.Settings())
    feeds = [SimpleNamespace(market=talk.market)]
    with small_bounds():
        small = Talk()
    assert small.market.monitor.timeline._begun.maxlen < talk.market.monitor.timeline._begun.maxlen
    talk.snapshot()
    talk.states(30)
    before = stores(session, feeds)
    assert set(OF_A_MARKET) < set(before)
    assert all(one.filled < 1 for one in before.values())
    keep_less([talk.market])
    for _ in range(75):
        talk.delta(step=1.0)
    after = stores(session, feeds)
    assert after["lags and rates"].filled < 1  # five minutes of a part are not over
    for _ in range(300):
        talk.delta(step=1.0)
    assert stores(session, feeds)["lags and rates"].filled == 1
    for step in range(undo.MOST):  # changes of one setting that follow each other are one step
        setattr(session.settings, ("threshold", "hold_seconds")[step % 2], 0.5 + step / 1000)
    assert stores(session, feeds)["steps that can be undone"].filled == 1
    assert all(one.memory > 0 for one in stores(session, feeds).values() if one.filled)
