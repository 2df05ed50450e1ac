"""Where an entry may begin: at any state beyond, on a crossing, on a transition."""

import math

import numpy as np
import pytest
from entries_reference import TAPES
from history_tools import NAN, SECOND, early
from hypothesis import given
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.trade_list import COLUMNS

RULES = ("beyond", "crossing", "transition")


def tape(values):
    """Return a history of a state a second, whose imbalance has these values; None is a gap."""
    lost = np.array([value is None for value in values])
    value = np.array([0.0 if value is None else value for value in values])
    best = [np.where(lost, NAN, one) for one in (100.0, 1 + value, 100.1, 1 - value)]
    return early(SECOND * np.arange(1, len(value) + 1), *best, tick_size=0.1)


def places(history, p):
    """Return the rows at which entries may begin, with their sides."""
    found = decisions(history, obi.imbalance(history, p), p).entries
    rows = np.flatnonzero(np.abs(found) > p.threshold).tolist()
    return [(row, int(np.sign(found[row]))) for row in rows]


TEN = [0.6, 0.1, 0.7, 0.8, -0.9, -0.1, 0.6, None, 0.9, -0.7]
"""Ten states around a threshold of 0.5: the first is beyond it, one is a gap."""


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("beyond", [(0, 1), (2, 1), (3, 1), (4, -1), (6, 1), (8, 1), (9, -1)]),
        # Before the first state and in the gap nothing is known.
        ("crossing", [(2, 1), (4, -1), (6, 1), (9, -1)]),
        # State 2 comes from the same side, state 8 from a gap.
        ("transition", [(4, -1), (6, 1), (9, -1)]),
    ],
)
def test_ten_states_by_hand(rule, wanted):
    p = obi.Parameters(threshold=0.5, entry_rule=rule, depth=1)
    assert places(tape(TEN), p) == wanted


def test_a_transition_is_no_older_than_its_window():
    values = [0.6, 0.0, 0.0, -0.6, 0.0, 0.6]
    for seconds, wanted in ((3, [(3, -1), (5, 1)]), (2.9, [(5, 1)]), (1.9, [])):
        p = obi.Parameters(
            threshold=0.5, entry_rule="transition", transition_seconds=seconds, depth=1
        )
        assert places(tape(values), p) == wanted


def test_entries_on_crossings_by_hand():
    settings = obi.Settings(threshold=0.5, entry_rule="crossing", hold_seconds=1, depth=1)
    found = obi.entries(tape(TEN), settings)
    # Crossings at states 3, 5, 7 and 10 s; each is held for a second, the third until the gap.
    assert found["side"].tolist() == [1, -1, 1, -1]
    assert found["ended"].tolist() == ["held", "held", "gap", "open"]
    assert [t.second for t in found["entry_time"]] == [3, 5, 7, 10]


def reference(time, lost, values, p):
    """Return where an entry may begin, by a plain loop."""
    out, before, beyond = [], None, None
    for now, gap, value in zip(time, lost, values, strict=True):
        if gap or math.isnan(value):
            before = beyond = None
            out.append(NAN)
            continue
        side = 1 if value > p.threshold else -1 if value < -p.threshold else 0
        if p.entry_rule == "beyond":
            enters = True
        elif p.entry_rule == "crossing":
            enters = bool(side) and before is not None and before != side
        else:
            near = beyond is not None and now - beyond[1] <= round(p.transition_seconds * 1e9)
            enters = bool(side) and near and beyond[0] == -side
        out.append(value if enters else NAN)
        before, beyond = side, (side, now) if side else beyond
    return out


@given(
    history=TAPES,
    rule=st.sampled_from(RULES),
    threshold=st.sampled_from([0.0, 0.3, 0.5]),
    seconds=st.sampled_from([0.1, 0.3, 1.0]),
    first=st.integers(0, 60),
)
def test_random_tapes(history, rule, threshold, seconds, first):
    p = obi.Parameters(
        threshold=threshold, entry_rule=rule, transition_seconds=seconds, hold_seconds=0.3
    )
    signal = obi.imbalance(history, p)
    wanted = reference(history.time.tolist(), history.lost.tolist(), signal.tolist(), p)
    np.testing.assert_array_equal(decisions(history, signal, p).entries, wanted)
    # Of later states alone, also by no more states than the settings say that they need.
    if first < len(history):
        begin = p.first_needed(history, first)
        part = decisions(history[begin:], signal[begin:], p, first - begin).entries
        np.testing.assert_array_equal(part[first - begin :], wanted[first:])
    # Nothing later is looked at.
    known = history[:first]
    np.testing.assert_array_equal(decisions(known, signal[:first], p).entries, wanted[:first])
    scanner = Scanner(p)
    for until in (*range(0, len(history), 7), len(history)):
        scanner.extend(history[:until], signal[:until])
    whole = scan(history, decisions(history, signal, p), p, 0, None)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(scanner.decided, name), getattr(whole, name))


@pytest.fixture(scope="module")
def market():
    return obi.simulate("sim:BTC-PERP", seconds=400, seed=3)


QUANTILE = {"threshold": 0.9, "threshold_is": "quantile", "quantile_window": 30}


@pytest.mark.parametrize("rule", RULES[1:])
@pytest.mark.parametrize("kind", [{"threshold": 0.4}, QUANTILE], ids=["value", "quantile"])
def test_sweep_and_verdict_and_strategy_are_of_the_same_entries(market, rule, kind, tmp_path):
    settings = obi.Settings(hold_seconds=2, entry_rule=rule, transition_seconds=20, **kind)
    usual = obi.entries(market, obi.Settings(hold_seconds=2, **kind))
    found = obi.entries(market, settings)
    closed = int((found["ended"] == "held").sum())
    assert 5 < closed < (usual["ended"] == "held").sum()
    surface = obi.sweep(market, settings=settings, threshold=[kind["threshold"], 0.5])
    assert surface.entries[..., 0, 0].ravel()[0] == closed
    both = obi.sweep(
        market, settings=obi.Settings(hold_seconds=2, transition_seconds=20, **kind),
        threshold=[kind["threshold"]], entry_rule=["beyond", rule],
    )  # fmt: skip
    told = [int(n) for n in both.entries.ravel()]
    assert told[0] == (usual["ended"] == "held").sum()
    if rule == "crossing":  # the other one's window is that of the settings' rule
        assert told[1] == closed
    p = settings.parameters
    allowed = decisions(market, obi.imbalance(market, p), p).entries
    report = obi.calibrate(market, settings, horizons=[2.0])
    beyond = np.count_nonzero(np.abs(allowed) > p.threshold)
    assert 0 <= beyond - report.means.n[0, 0] <= 3  # those whose horizon is not over
    # A file is written only if it decides the same on the history.
    path = obi.export_strategy(tmp_path / "strategy.py", settings, market)
    assert f'ENTRY_RULE = "{rule}"' in path.read_text()


def test_a_strategy_without_a_rule_says_nothing_of_it(market, tmp_path):
    path = obi.export_strategy(tmp_path / "strategy.py", obi.Settings(), market)
    assert "EntryRule" not in path.read_text()


def test_by_default_nothing_is_computed_or_saved(market, tmp_path):
    settings = obi.Settings(threshold=0.4)
    signal = obi.imbalance(market, settings)
    found = decisions(market, signal, settings.parameters)
    assert found.entries is found.values is signal
    assert "entry_rule" not in settings.save(tmp_path / "a.toml").read_text()
    settings.entry_rule = "transition"
    settings.transition_seconds = 30
    loaded = obi.Settings.load(settings.save(tmp_path / "b.toml"))
    assert (loaded.entry_rule, loaded.transition_seconds) == ("transition", 30)
    # A window that nothing depends on does not distinguish settings.
    one, other = (obi.Parameters(transition_seconds=seconds) for seconds in (5, 50))
    assert one == other


def test_what_is_refused():
    with pytest.raises(SettingsError, match=r"'beyond' or 'crossing' or 'transition'"):
        obi.Settings(entry_rule="touching")
    with pytest.raises(SettingsError, match="only with entry_rule='transition'"):
        obi.sweep(tape(TEN), transition_seconds=[5, 10])
