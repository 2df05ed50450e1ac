"""A sealed test: the trades that it judges, updates in any pieces, its verdict and its file."""

from __future__ import annotations

import dataclasses
import doctest
import json

import numpy as np
import pytest
from sealed_tools import state

import obi_widgets as obi
from benchmarks.verdicts import markets
from obi_widgets.calibration import sealed as module
from obi_widgets.calibration.seal import Judged, clip_by, make_seal
from obi_widgets.calibration.sealed import ABOVE, BELOW, UNDECIDED
from obi_widgets.calibration.sealed_file import opened_in
from obi_widgets.calibration.track_record import worst
from obi_widgets.errors import ObiError, SealError, SettingsError
from obi_widgets.history.columns import History

SETTINGS = obi.Settings(depth=1, decay=0, threshold=0.4, hold_seconds=2.0, fee_bps=0.01)
PAST = 1000


@pytest.fixture(scope="module")
def history():
    """An hour with an edge, gaps, and several states at the same time."""
    random = np.random.default_rng(5)
    imbalance = markets.signal(random)
    moves = markets.MOVE * random.standard_normal(markets.STATES) + 1.5 * imbalance
    mid = np.cumsum(np.append(0.0, moves[:-1]))
    for start in random.integers(PAST + 50, markets.STATES - 100, 20).tolist():
        mid[start] = np.nan
    time = markets.times()
    time[PAST + 500 : PAST + 900 : 4] = time[PAST + 501 : PAST + 901 : 4]
    return markets.book(time, mid, imbalance)


@pytest.fixture
def sealed(history):
    return opened(history[:PAST])


def opened(past, settings=SETTINGS):
    """Return a test that is sealed at the newest state and has judged nothing yet."""
    seal = make_seal(past, settings.parameters, source="history", clip_bps=5.0)
    test = obi.SealedTest(dataclasses.replace(seal, opened_at=0))
    test.seen = module.Seen.of(past, len(past) - 1)
    return test


def test_the_example_runs():
    assert doctest.testmod(module).failed == 0


def test_its_trades_equal_the_entries_after_the_seal(history):
    test = obi.sealed_test(history, SETTINGS, after=history.time[PAST - 1])
    entries = obi.entries(history[PAST:], SETTINGS)
    held = entries[entries["ended"] == "held"]
    assert len(held) > 300
    frame = test.to_frame()
    for name in ("side", "entry_time", "exit_time", "net_bps"):
        assert frame[name].tolist() == held[name].tolist()
    assert (frame["entry_time"][1:].to_numpy() >= frame["exit_time"][:-1].to_numpy()).all()
    assert test.lost == np.count_nonzero(entries["ended"] == "gap") > 0
    # Net gain: entry at one side of the touch, exit at the other, less both fees.
    net = held["side"] * (held["exit_price"] / held["entry_price"] - 1) * 1e4 - 0.02
    np.testing.assert_allclose(frame["net_bps"], net, rtol=1e-12)
    assert test.summary().mean_bps == pytest.approx(net.mean(), rel=1e-7)


def test_nothing_before_the_seal_is_judged(history, sealed):
    """Neither a state at the very time of the seal, nor a position that was open then."""
    sealed.update(history)
    other = opened(history[PAST - 1 : PAST])
    other.update(history[PAST - 1 :])
    assert state(other) == state(sealed)
    assert min(trade.entry_time for trade in sealed.trades) > sealed.seal.sealed_at
    same_time = History.concat([history[:10]])
    time = np.append(same_time.time[:5], same_time.time[4:9])  # two states at the time of the seal
    twice = dataclasses.replace(same_time, time=time)
    test = opened(twice[:5])
    test.update(twice)
    assert all(trade.entry_time > time[4] for trade in test.trades)
    assert worst(test.records).held is None or worst(test.records).held.time > time[4]


@pytest.mark.parametrize("seed", range(4))
def test_updates_in_pieces_give_the_same_result_to_the_bit(history, sealed, seed):
    whole = opened(history[:PAST])
    whole.update(history)
    random = np.random.default_rng(seed)
    ends = np.sort(random.choice(np.arange(PAST, len(history)), 200, replace=False))
    dropped = 0
    for end in [*ends.tolist(), len(history)]:
        sealed.update(history[dropped:end])
        dropped = max(0, end - 300)  # a session keeps only so many states
    assert state(sealed) == state(whole)


@pytest.mark.parametrize("at", [PAST + 3, PAST + 602, 4001, 4002, 4003, 7199])
def test_a_test_reloaded_half_way_gives_the_same_result_to_the_bit(history, sealed, at, tmp_path):
    whole = opened(history[:PAST])
    whole.update(history)
    sealed.update(history[:at])
    again = obi.SealedTest.load(sealed.save(tmp_path / "seal.json"))
    assert state(again) == state(sealed)
    assert again.seal == sealed.seal
    again.update(history)
    assert state(again) == state(whole)
    assert obi.SealedTest.load(again.save()).decided_after == whole.decided_after > 0


def test_missing_data_are_reported_and_not_judged(history, sealed):
    at = next(row for row in range(4000, 4200) if _held(history, row))
    sealed.update(history[:at])
    assert worst(sealed.records).held is not None
    before, lost = len(sealed.trades), sealed.lost
    sealed.update(history[5000:])
    assert sealed.unseen == [(int(history.time[at - 1]), int(history.time[5000]))]
    assert sealed.unseen_seconds == (history.time[5000] - history.time[at - 1]) / 1e9
    first = sealed.trades[before]
    assert first.entry_time >= history.time[5000]
    gaps = obi.entries(history[5000:], SETTINGS)["ended"].eq("gap").sum()
    assert sealed.lost == lost + 1 + gaps
    assert "there were no data, so nothing was judged" in sealed.summary().reason


def _held(history, row):
    test = opened(history[:PAST])
    test.update(history[:row])
    return worst(test.records).held


def test_another_market_with_the_same_times_counts_as_missing_data(history, sealed):
    sealed.update(history[:4000])
    bid, ask = history.bid + 1, history.ask + 1
    sealed.update(dataclasses.replace(history, bid=bid, ask=ask))
    assert sealed.unseen == [(int(history.time[3999]), int(history.time[4000]))]


# -- the verdict -------------------------------------------------------------------------------


def test_a_verdict_needs_both_bounds():
    past = markets.random_walk(np.random.default_rng(0))[:10]
    test = opened(past)
    for n in range(99):
        worst(test.records).add(Judged(n, n + 1, 1, 1.0 + 0.1 * (-1) ** n))
    assert worst(test.records).clipped.low >= 0
    assert test.verdict == UNDECIDED, "the burn-in"
    assert "There is no decision before 100 trades." in test.reason
    worst(test.records).add(Judged(99, 100, 1, 1.0))
    assert (test.verdict, test.decided, test.decided_after) == (ABOVE, ABOVE, 100)
    wide = obi.SealedTest(dataclasses.replace(test.seal, clip_bps=1000.0))
    losses = opened(past)
    for trade in test.trades:
        worst(wide.records).add(trade)
        worst(losses.records).add(trade._replace(net_bps=-trade.net_bps))
    assert worst(wide.records).mean.low > 0 > worst(wide.records).clipped.low
    assert wide.verdict == UNDECIDED
    assert losses.verdict == BELOW


def test_an_earlier_verdict_is_reported_when_it_no_longer_holds(sealed):
    for n in range(150):
        worst(sealed.records).add(Judged(n, n + 1, 1, 0.5 + 0.1 * (-1) ** n))
    assert sealed.verdict == ABOVE
    for n in range(150, 300):
        worst(sealed.records).add(Judged(n, n + 1, 1, -0.5))
    assert sealed.verdict == UNDECIDED
    assert "After 100 trades it was above zero." in sealed.reason
    assert (sealed.summary().decided, sealed.summary().decided_after) == (ABOVE, 100)


def test_an_edge_is_above_zero_and_high_fees_below_zero(history):
    after = history.time[PAST]
    assert obi.sealed_test(history, SETTINGS, after=after).verdict == ABOVE
    fees = obi.Settings(**SETTINGS.parameters.as_dict() | {"fee_bps": 5.0})
    assert obi.sealed_test(history, fees, after=after).verdict == BELOW


@pytest.mark.parametrize(
    ("nets", "clip"),
    [
        ([], 100.0), ([3.0] * 29, 100.0), ([3.0] * 30, 5.0), ([-1.01] * 30, 2.0),
        ([0.5, -5.0] * 20, 5.0), ([0.0] * 30, 0.1), ([1e9] * 30, 10_000.0), ([0.3] * 30, 0.5),
    ],
)  # fmt: skip
def test_the_clip_is_chosen_from_past_gains_and_losses(nets, clip):
    assert clip_by(nets) == clip


@pytest.mark.parametrize("clip", [0, -1, 0.05, 10_001, float("nan"), "5", True])
def test_an_impossible_clip_is_refused(history, clip):
    with pytest.raises(SealError) as error:
        obi.sealed_test(history, SETTINGS, after=history.time[9], clip_bps=clip)
    assert str(error.value) == (
        f"clip_bps = {clip!r} is not possible. "
        "Give 0.1 to 10,000 bps, or None to choose it from the past entries."
    )


@pytest.mark.parametrize("after", ["yesterday-ish", object(), 1_700_000_000, None, float("nan")])
def test_a_value_that_is_no_time_is_refused(history, after):
    with pytest.raises(SettingsError, match="after = ") as error:
        obi.sealed_test(history, SETTINGS, after=after)
    assert error.value.advice


@pytest.mark.parametrize("wrong", [3, None, b"x", object(), [], {}, 1.5, ""])
def test_wrong_kinds_are_refused_by_name(history, sealed, wrong):
    with pytest.raises(ObiError, match="is not a history"):
        obi.sealed_test(wrong, SETTINGS, after=history.time[9])
    with pytest.raises(ObiError, match="is not settings"):
        obi.sealed_test(history, wrong, after=history.time[9])
    with pytest.raises(SealError, match="is no path"):
        obi.SealedTest.load(wrong)
    if wrong is not None:
        with pytest.raises(SealError, match="is no path"):
            sealed.save(wrong)


def test_a_time_may_be_anything_that_pandas_reads(history):
    stamp = history.to_frame().index[PAST - 1]
    tests = [
        obi.sealed_test(history, SETTINGS, after=one)
        for one in (stamp, str(stamp), stamp.to_datetime64(), stamp.value)
    ]
    assert len({test.seal.sealed_at for test in tests}) == 1
    assert all(test.trades == tests[0].trades for test in tests)


# -- the file ----------------------------------------------------------------------------------


def test_a_damaged_file_is_refused_by_name_and_not_changed(history, sealed, tmp_path):
    sealed.update(history)
    path = sealed.save(tmp_path / "seal.json")
    good = path.read_bytes()
    damaged = [good[:size] for size in (0, 1, 40, len(good) // 2, len(good) - 2)]
    at = good.index(b'"trades"') + 40
    damaged += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], b"\xff" * 99, b"[" * 10_000]
    text = good.decode()
    damaged += [text.replace('"threshold":0.4', '"threshold":0.3').encode(), b"{}", b"null"]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(SealError, match=r"seal\.json") as error:
            obi.SealedTest.load(path)
        assert isinstance(error.value, ObiError)
        assert error.value.advice
        assert path.read_bytes() == data
    path.write_bytes(good)
    assert state(obi.SealedTest.load(path)) == state(sealed)


def test_a_newer_version_and_a_missing_file_are_refused(sealed, tmp_path):
    path = sealed.save(tmp_path / "seal.json")
    document = json.loads(path.read_text()) | {"version": 4}
    path.write_text(json.dumps(document))
    with pytest.raises(SealError, match="is of version 4, and this package reads up to 3"):
        obi.SealedTest.load(path)
    with pytest.raises(SealError, match="There is no file"):
        obi.SealedTest.load(tmp_path / "none.json")
    with pytest.raises(SealError, match=r"ends in '\.toml'"):
        sealed.save(tmp_path / "seal.toml")
    with pytest.raises(SealError, match="has no file"):
        obi.SealedTest(sealed.seal).save()


def test_a_failed_write_leaves_the_file_and_the_test_as_they_were(history, sealed, tmp_path):
    sealed.path = sealed.save(tmp_path / "seal.json")
    good = sealed.path.read_bytes()
    sealed.update(history)
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(SealError, match="cannot be written"):
        sealed.save(folder)
    assert sealed.path.read_bytes() == good
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    assert len(sealed.trades) > 300
    assert state(obi.SealedTest.load(sealed.save())) == state(sealed)


def test_the_folder_tells_how_many_tests_were_opened(sealed, tmp_path):
    market = sealed.seal.market
    assert opened_in(tmp_path, market) == 0
    for number in (1, 2, 3):
        test = obi.SealedTest(sealed.seal.numbered(opened_in(tmp_path, market) + 1))
        test.save(tmp_path / f"{number}.json")
    assert opened_in(tmp_path, market) == 3
    (tmp_path / "1.json").unlink()
    assert opened_in(tmp_path, market) == 3, "a deleted test still counts"
    assert opened_in(tmp_path, "sim:OTHER") == 0
    (tmp_path / "settings.json").write_text('{"format": 1}')
    assert opened_in(tmp_path, market) == 3
    text = (tmp_path / "2.json").read_text()
    (tmp_path / "2.json").write_text(text[:200])
    (tmp_path / "3.json").write_text(text[:200])
    assert opened_in(tmp_path, market) == 2, "a file that cannot be read counts as one"


def test_the_hash_covers_everything_that_was_sealed(sealed):
    seal = sealed.seal
    others = [dataclasses.replace(seal, **{name: value}) for name, value in (
        ("symbol", "X"), ("sealed_at", seal.sealed_at + 1), ("clip_bps", 6.0), ("number", 2),
        ("error", 0.1), ("settings", seal.settings.replace(threshold=0.5)),
    )]  # fmt: skip
    assert len({one.sha256 for one in [seal, *others]}) == len(others) + 1
    assert dataclasses.replace(seal).sha256 == seal.sha256
