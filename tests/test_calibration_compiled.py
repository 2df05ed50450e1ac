"""Compiled kernels equal their NumPy twins to the bit."""

import subprocess
import sys
import textwrap

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from kernel_tools import use
from known_market import history as known_history

import obi_widgets as obi
from obi_widgets.calibration import (
    episodes,
    episodes_numba,
    episodes_numpy,
    forward_returns,
    forward_returns_numba,
    forward_returns_numpy,
)
from obi_widgets.calibration.as_traded import traded
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.statistics import inference, sums_numba, sums_numpy
from obi_widgets.calibration.statistics.bootstrap import bootstrap

TWINS = {
    "forward": (forward_returns_numba, forward_returns_numpy),
    "crossings": (episodes_numba, episodes_numpy),
    "episodes": (episodes_numba, episodes_numpy),
    "starts": (sums_numba, sums_numpy),
    "accruals": (sums_numba, sums_numpy),
    "bets": (sums_numba, sums_numpy),
    "resampled": (sums_numba, sums_numpy),
    "windows": (sums_numba, sums_numpy),
}
SEEDS = st.integers(0, 2**32 - 1)


def both(function, inputs, outputs):
    """Run both twins; assert that their outputs and results are the same."""
    written = []
    for module in TWINS[function]:
        outs = [np.full(shape, -9, dtype) for shape, dtype in outputs]
        value = getattr(module, function)(*inputs, *outs)
        written.append((value, outs))
    (one, ours), (other, theirs) = written
    assert one == other
    count = one if function == "episodes" else None
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a[:count], b[:count])


def a_record(seed):
    """Return a random record, with ties, gaps and one-sided books."""
    random = np.random.default_rng(seed)
    states = int(random.integers(1, 300))
    time = np.cumsum(random.integers(0, 4, states)) * 10**8
    mid = 100 + np.cumsum(random.normal(size=states))
    mid[random.random(states) < 0.03] = np.nan
    lost = np.isnan(mid) & (random.random(states) < 0.5)
    signal = np.where(random.random(states) < 0.05, np.nan, random.uniform(-1, 1, states))
    signal[lost] = np.nan
    return random, time, lost, mid, signal


@given(SEEDS, st.integers(1, 40), st.booleans())
def test_compiled_returns_equal_the_numpy_twin(seed, tenths, after):
    _, time, lost, mid, _ = a_record(seed)
    shapes = [(len(time), np.int32), (len(time), float)]
    both("forward", (time, lost, mid, tenths * 10**8, after), shapes)


@given(SEEDS, st.sampled_from([0.0, 0.3, 0.8]))
def test_compiled_entry_columns_equal_the_numpy_twin(seed, threshold):
    _, time, lost, _, signal = a_record(seed)
    rows, signs = (len(time), np.int64), (len(time), np.int8)
    both("crossings", (signal, lost, threshold), [signs])
    both("episodes", (signal, lost, threshold, threshold / 2), [rows] * 3 + [signs] * 2)


@given(SEEDS, st.sampled_from([1, 2, 5, 20, 23, 24, 25, 50]), st.sampled_from([0, 1, 7, 400]))
def test_compiled_sums_equal_the_numpy_twin(seed, cells, lag):
    random, time, lost, mid, _ = a_record(seed)
    states = len(time)
    end, move = np.empty(states, np.int32), np.empty(states)
    forward_returns_numpy.forward(time, lost, mid, 10**9, False, end, move)
    x = random.integers(-1, 2, (states, cells)).astype(np.int8)
    both("starts", (x, move, end, lag), [((6, cells), float)])
    width = int(random.integers(1, 9))
    bins = ((-(-states // width), cells), float)
    both(
        "accruals",
        (x, end, inference.mid_moves(mid), 1e4 / mid, width),
        [bins] * 3 + [(cells, float)],
    )
    amounts = random.normal(size=(3, states)) * (random.random((3, states)) < 0.8)
    bins = (-(-states // width), float)
    both("bets", (*amounts, end, inference.mid_moves(mid), width), [bins] * 3)
    early = random.integers(np.arange(states), np.maximum(end, np.arange(states)) + 1)
    early = np.where(end < 0, -1, early).astype(np.int32)  # exits end bets in any order
    both("bets", (*amounts, early, inference.mid_moves(mid), width), [bins] * 3)
    a, b = random.normal(size=(2, states, cells))
    index = random.integers(0, states, (3, states)).astype(np.int32)
    both("resampled", (a, b, index, lag), [((3, 5, cells), float)])
    both("windows", (a[:, 0].copy(), lag), [])


def signatures():
    return {name: len(getattr(twins[0], name).signatures) for name, twins in TWINS.items()}


def test_a_calibration_compiles_nothing_new():
    history = known_history(60.0)
    before = signatures()
    signal = obi.imbalance(history, obi.Settings())
    found = forward_returns.forward_returns(history, [1.0, 5.0])
    for kind in ("beyond", "crossing", "episode"):
        x = episodes.entry_columns(history, signal, [0.3, 0.4], kind=kind)
        for some in (x, x[:, 0], x[:, :1]):
            bootstrap(inference.conditional_mean(history.mid, found, some), replications=9)
        traded(history, obi.Settings().parameters, x[:, 0], [1.0, 5.0])
    information_coefficients(history, signal, found)
    assert signatures() == before


def test_calibration_works_without_the_compiler_and_does_not_import_it():
    code = """
        import sys
        import numpy as np
        from obi_widgets.calibration import episodes, forward_returns, information_coefficient
        from obi_widgets.calibration.statistics import (
            bootstrap, inference, multiple_testing, power, weighted,
        )
        from obi_widgets.kernels import loader
        heavy = {"numba", "pandas", "scipy", "statsmodels", "ipywidgets"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        sys.modules["numba"] = None  # importing it raises ImportError
        import logging
        logging.disable()
        assert not loader.wait()
        assert all(one.code is one.numpy for one in loader.registered)
        print("well")
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("well\n", 0), done.stderr


def test_a_calibration_is_the_same_without_the_compiler(monkeypatch):
    history = known_history(60.0, 2.0, seed=3)
    signal = obi.imbalance(history, obi.Settings())
    told = []
    for code in ("numba", "numpy"):
        use(monkeypatch, code)
        found = forward_returns.forward_returns(history, [1.0, 5.0])
        x = episodes.entry_columns(history, signal, [0.3, 0.6], kind="beyond")
        means = inference.conditional_mean(history.mid, found, x)
        again = bootstrap(means, replications=49)
        told.append([means.se_bps, means.p, means.ci_low, again.p, again.p_familywise])
        told[-1].append(information_coefficients(history, signal, found).rank_ic_se)
    for ours, twins in zip(*told, strict=True):
        np.testing.assert_array_equal(ours, twins)
        assert np.isfinite(ours).all()


@pytest.mark.parametrize("cells", [1, 3])
def test_threads_do_not_change_means(cells, monkeypatch):
    history = known_history(120.0)
    signal = obi.imbalance(history, obi.Settings())
    x = episodes.entry_columns(history, signal, np.linspace(0.2, 0.6, cells))
    found = forward_returns.forward_returns(history, [1.0, 2.0, 3.0, 5.0])
    alone = inference.conditional_mean(history.mid, found, x)
    for module in (inference, forward_returns):
        monkeypatch.setattr(module, "PARALLEL", 1)
    found = forward_returns.forward_returns(history, [1.0, 2.0, 3.0, 5.0])
    shared = inference.conditional_mean(history.mid, found, x)
    for name in ("n", "mean_bps", "se_bps", "p", "ci_low"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(shared, name))
