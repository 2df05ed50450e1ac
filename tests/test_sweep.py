"""Every setting of a sweep makes the entries that it makes by itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import Event

import numpy as np
import pytest
from history_tools import SECOND, arrays, books, early
from hypothesis import given
from hypothesis import strategies as st
from kernel_tools import use
from session_tools import wait_for
from tqdm.auto import tqdm

import obi_widgets as obi
from obi_widgets.calibration import entry_sums, sweep
from obi_widgets.calibration.grid import Grid
from obi_widgets.errors import CancelledError, SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings

THRESHOLDS, HOLDS = (0.0, 0.2, 0.4, 0.75, 0.95), (0.1, 1.0, 20.0)
EVEN = np.linspace(0, 3, 23)
UNEVEN = (2.0, 0.01, 0.1, 0.1, 40.0)


def check(found, history, **axes):
    """Compare each setting with the same entries, one setting at a time, part by part."""
    found, wanted = found.parts, one_by_one(found, history, **axes)
    counts = [0, 1, 4, 5]
    np.testing.assert_array_equal(found[..., counts], wanted[..., counts])
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def one_by_one(found, history, **axes):
    grid = Grid.of(found.parameters, 0.3, axes)
    return entry_sums.worse(entry_sums.one_by_one(history, grid, Event()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "shared",
    [
        Parameters(),
        Parameters(price="mid", fee_bps=-0.5),
        Parameters(weighting="notional"),
        Parameters(band_bps=1.5),
        Parameters(band_bps=4.0, weighting="notional", price="mid"),
    ],
    ids=lambda one: f"{one.price}, {one.weighting}, band {one.band_bps}",
)
@pytest.mark.parametrize("decay", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_every_setting_of_a_capture_with_gaps(broken, shared, decay):
    axes = {
        "decay": list(decay),
        "depth": [1, None, 4, 50],
        "threshold": THRESHOLDS,
        "hold_seconds": HOLDS,
    }
    found = obi.sweep(broken, settings=shared, **axes)
    check(found, broken, **axes)
    assert (found.sums.sum(axis=(0, 1, 2, 3))[[0, 1, 4, 5]] > 20).all()  # each has been seen


def test_a_setting_is_what_entries_say(history):
    found = obi.sweep(
        history, decay=[0.05, 0.3], depth=[5], threshold=[0.3, 0.6], hold_seconds=[2.0, 10.0]
    ).to_frame()
    for (decay, depth, threshold, hold), row in found.iterrows():
        trades = obi.entries(
            history,
            obi.Settings(decay=decay, depth=depth, threshold=threshold, hold_seconds=hold),
        )
        done = trades[trades.ended == "held"]
        assert row.entries == len(done) > 0
        assert row.won == pytest.approx(np.mean(done.gross_bps > 0), rel=1e-12)
        assert row.mean_gross_bps == pytest.approx(done.gross_bps.mean(), rel=1e-9)
        assert row.mean_net_bps == pytest.approx(done.net_bps.mean(), rel=1e-9)
        assert row.se_bps == pytest.approx(done.net_bps.sem(), rel=1e-6)
        assert row.se_bps == pytest.approx(done.gross_bps.sem(), rel=1e-6)  # all fees are the same


@pytest.mark.slow
def test_decays_by_the_hundred_over_a_wide_book():
    # Levels up to 60,000 ticks away: weights from 1 down to what no float can hold.
    dice = np.random.default_rng(1)
    states, levels = 3000, 12
    gaps = dice.integers(1, 10_000, (2, states, levels))
    gaps[:, :, 0] = 0
    away = np.cumsum(gaps, axis=2)
    sizes = dice.lognormal(0, 3, (2, states, levels))
    history = early(
        np.arange(states) * SECOND // 10,
        (1_000_000 - away[0]) / 10, sizes[0], (1_000_003 + away[1]) / 10, sizes[1], tick_size=0.1,
    )  # fmt: skip
    axes = {
        "decay": list(np.linspace(0, 20, 150)),
        "depth": [3, None],
        "threshold": [0.3, 0.9],
        "hold_seconds": [0.5],
    }
    assert history.blocks[0].ticks.dtype == np.uint32
    check(obi.sweep(history, **axes), history, **axes)


@pytest.mark.slow
@given(
    books(most=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.sampled_from([0.0, 1 / 3, 0.5]),
    st.sampled_from([0.1, 0.2, 0.35]),
)
def test_any_books(states, steps, threshold, hold):
    # Sizes are few, so that signals are often just the threshold.
    bid, bid_size, ask, ask_size = arrays(states, 6, lambda ticks: ticks / 10)
    time = np.cumsum(steps[: len(states)]) * SECOND // 10
    history = early(time, bid, bid_size, ask, ask_size, tick_size=0.1)
    axes = {
        "decay": [0.0, 1.0, 2.0],
        "depth": [1, 6],
        "threshold": [threshold, 1.0],
        "hold_seconds": [hold],
    }
    found = obi.sweep(history, **axes)
    # Not part by part: a gap may have the very time of the state before it.
    wanted = one_by_one(found, history, **axes).sum(axis=-2)
    np.testing.assert_allclose(found.sums, wanted, rtol=1e-9, atol=1e-9)


def test_without_a_compiler_it_is_the_same(broken, monkeypatch):
    axes = {"decay": [0.1, 0.2], "threshold": [0.4], "hold_seconds": [1.0, 20.0]}
    fast = obi.sweep(broken[:2000], **axes)
    use(monkeypatch, "numpy")
    slow = obi.sweep(broken[:2000], **axes)
    np.testing.assert_allclose(fast.sums, slow.sums, rtol=1e-9, atol=1e-9)
    assert fast.entries.min() > 0


def test_a_part_of_a_history_and_several(broken):
    axes = {"decay": [0.1, 0.5], "threshold": [0.3], "hold_seconds": [1.0]}
    one, other = broken[7:2500], broken[2500:]
    both = obi.sweep([one, other], **axes)
    check(obi.sweep(one, **axes), one, depth=[10], **axes)
    np.testing.assert_array_equal(
        both.parts, obi.sweep(one, **axes).parts + obi.sweep(other, **axes).parts
    )


def test_axes_that_are_left_out_are_the_settings_own(history):
    found = obi.sweep(history[:500], settings=Settings(decay=0.7, depth=None))
    assert found.parts.shape == (1, 1, 1, 1, 3, 13)
    assert (found.decay[0], found.depth[0], found.threshold[0]) == (0.7, None, 0.4)
    assert repr(found) == "<Surface 1 decay × 1 depth × 1 threshold × 1 hold_seconds>"
    assert found.to_frame().index.names == ["decay", "depth", "threshold", "hold_seconds"]


def test_no_entries_are_no_number(history):
    found = obi.sweep(history[:500], threshold=[1.0])
    assert found.entries.item() == 0
    for figure in (found.won, found.mean_gross_bps, found.mean_net_bps, found.se_bps):
        assert np.isnan(figure).all()


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"decay": [0.1, -1]}, "decay = -1 is not possible"),
        ({"depth": [0]}, "depth = 0 is not possible"),
        ({"threshold": []}, "threshold has no values"),
        ({"hold_seconds": [1e9]}, "hold_seconds = 1000000000.0 is not possible"),
        ({"hold_out": 1.0}, "hold_out = 1.0 is not possible. Give a number between 0 and 1."),
        ({"decay": np.linspace(0, 1, 3000), "hold_seconds": np.linspace(1, 2, 2000)}, "too many"),
    ],
)
def test_impossible_arguments_are_refused(history, axes, says):
    with pytest.raises(SettingsError, match=says):
        obi.sweep(history[:10], **axes)


# -- parts, neighbours, corrections ----------------------------------------------------------

AXES = {
    "decay": [0.1, 0.3, 0.5],
    "depth": [5, 10],
    "threshold": [0.2, 0.3, 0.4, 0.5],
    "hold_seconds": [1.0, 5.0],
}


def test_what_is_held_out_is_made_of_later_entries_alone(history):
    found = obi.sweep(history, hold_out=0.25, **AXES)
    cut = history.time[0] + 0.75 * (history.time[-1] - history.time[0])
    for where in ((0, 0, 0, 0), (2, 1, 3, 1)):
        values = [AXES[name][at] for name, at in zip(AXES, where, strict=True)]
        trades = obi.entries(history, obi.Settings(**dict(zip(AXES, values, strict=True))))
        done = trades[trades.ended == "held"]
        entered, left = (done[n].astype("int64") for n in ("entry_time", "exit_time"))
        for part, chosen in ((found.in_sample, left < cut), (found.out_of_sample, entered >= cut)):
            assert part.entries[where] == chosen.sum() > 0
            mean = done.net_bps[chosen].mean()
            assert part.mean_net_bps[where] == pytest.approx(mean, rel=1e-9)
    assert (found.in_sample.entries + found.out_of_sample.entries <= found.entries).all()


def test_neighbours_are_the_entries_of_the_settings_beside(history):
    found = obi.sweep(history, **AXES)
    around = np.s_[0:2, 0:2, 1:4, 0:2]  # of the first decay and depth, the third threshold
    count, total = found.sums[(*around, 0)].sum(), found.sums[(*around, 2)].sum()
    wanted = total / count - 2 * found.parameters.fee_bps
    assert found.neighbours_net_bps[0, 0, 2, 0] == pytest.approx(wanted, rel=1e-12)


def test_p_is_that_of_the_t_test_corrected_for_all_settings(history):
    from scipy.stats import false_discovery_control, norm

    found = obi.sweep(history, **AXES)
    p = 2 * norm.sf(np.abs(found.mean_gross_bps / found.se_bps))
    wanted = false_discovery_control(p.ravel()).reshape(p.shape)
    np.testing.assert_allclose(found.p_adjusted, wanted, rtol=1e-3, atol=1e-12)
    p = 2 * norm.sf(np.abs(found.mean_net_bps / found.se_bps))
    wanted = false_discovery_control(p.ravel()).reshape(p.shape)
    np.testing.assert_allclose(found.net_p_adjusted, wanted, rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("begin", [1, 500, 700])
def test_a_part_of_a_history_has_all_its_entries(begin):
    """Its first tile is shorter, and may end within a chunk of states that are all quiet."""
    axes = {"decay": [0.1, 0.3], "threshold": [0.2, 0.4, 0.6], "hold_seconds": [1.0, 5.0]}
    part = obi.simulate("sim:BTC-PERP", seconds=150, seed=3, levels=10)[begin:]
    found = obi.sweep(part, **axes)
    assert found.entries.min() > 0
    check(found, part, **axes)


# -- how it is run ---------------------------------------------------------------------------


def test_progress_is_told_and_ends_at_all(history):
    told = []
    obi.sweep([history, history[:1000]], **AXES, progress=told.append)
    assert told == sorted(told)
    assert told[0] < 1
    assert told[-1] == pytest.approx(1.0)


def test_a_bar_shows_the_states(history, capfd):
    obi.sweep(history[:1000], progress=True)
    tqdm.monitor.exit()  # a thread that watches all bars
    shown = capfd.readouterr().err
    assert "sweep: 100%" in shown
    assert "1.00k/1.00k" in shown


def test_it_stops_when_it_is_told_to(history):
    cancel, told = Event(), []

    def tell(done):
        told.append(done)
        cancel.set()

    with pytest.raises(CancelledError, match=r"The sweep was cancelled\. Nothing of it is kept"):
        obi.sweep([history] * 20, **AXES, progress=tell, cancel=cancel)
    assert max(told) < 0.5


def test_an_interrupted_cell_leaves_no_thread(history, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obi.sweep([history] * 20, **AXES, progress=interrupt)
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name.startswith("obi-sweep")],
        "threads to end",
    )


def test_the_estimate_is_that_of_a_sample_times_the_states(history, monkeypatch):
    swept = []

    class Clock:
        """Of a machine that takes a millisecond a state, and the first time a second more."""

        now = 0.0

        @classmethod
        def perf_counter(cls):
            return cls.now

    def add_up(history, grid, *, stop):
        Clock.now += stop / 1000 + (not swept)
        swept.append((stop, list(grid.axes["threshold"])))

    monkeypatch.setattr(sweep, "time", Clock)
    monkeypatch.setattr(sweep, "add_up", add_up)
    assert obi.sweep_seconds(history, **AXES) == pytest.approx(len(history) / 1000)
    assert obi.sweep_seconds([history[:9], *[history] * 10], **AXES) == pytest.approx(
        (9 + 10 * len(history)) / 1000
    )
    assert {count for count, _ in swept} == {min(len(history), sweep.SAMPLE)}
    assert swept[0][1] == list(AXES["threshold"])
    assert obi.sweep_seconds(history[:0]) == 0


@pytest.mark.slow
def test_processes_come_to_the_same(history):
    parts = [history[:1500], history[1500:]]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        found = obi.sweep(parts, **AXES, executor=executor)
    np.testing.assert_array_equal(found.parts, obi.sweep(parts, **AXES).parts)


DASK = """
import numpy as np
import obi_widgets as obi
from distributed import Client, LocalCluster

if __name__ == "__main__":
    parts = [obi.simulate(seconds=60, seed=seed, levels=10) for seed in (1, 2, 3)]
    axes = {"decay": [0.1, 0.3], "threshold": [0.2, 0.4], "hold_seconds": [1.0, 5.0]}
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        found = obi.sweep(parts, **axes, executor=client.get_executor())
    wanted = obi.sweep(parts, **axes)
    np.testing.assert_array_equal(found.parts, wanted.parts)
    print("the same", found.entries.sum() > 0)
"""


@pytest.mark.slow
def test_a_dask_cluster_comes_to_the_same(tmp_path):
    # In a process of its own: distributed leaves threads behind.
    script = tmp_path / "cluster.py"
    script.write_text(DASK)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.endswith("the same True\n"), done.stderr
