"""What gates remove, beside a stream and on the screen: counted, shown, and computed once."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.calibration import gate_report as reports
from obi_widgets.kernels import loader
from obi_widgets.presentation.texts.gate_text import removed
from obi_widgets.session import background
from obi_widgets.session.background_gates import GateReporter
from obi_widgets.session.trials import Tried
from obi_widgets.widgets.gate_controls import CALCULATING
from obi_widgets.widgets.page import Together, values_of

GATES = {"spread": {"window": 20}, "volatility": {"window": 5, "of_last": 20}}
RULE = {"hold_seconds": 2, "gates": GATES}


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=300, seed=1)


@pytest.fixture
def told():
    return []


@pytest.fixture
def running(told):
    one = GateReporter(Tried(), lambda: told.append(one.found))
    yield one
    one.close()


@pytest.fixture
def lab(history):
    one = obi.Lab(history, settings=obi.Settings(hold_seconds=2))
    yield one
    one.close()


def frame_of(lab, history):
    return lab.session.publisher.frame(history, lab.settings.parameters)


def kept_of(lab, history):
    """Return what a frame yields of gates, and of nothing else."""
    return list(lab.controls._gate_changes(frame_of(lab, history)))


def texts(lab, history):
    """Return what a frame shows below each gate that is on."""
    rows, values = lab.controls._fold.gates._rows, values_of(kept_of(lab, history))
    shown = {
        name: values.get((row.removed.comm.comm_id, "value"), "") for name, row in rows.items()
    }
    return {
        name: html.unescape(re.sub("<.*?>", "", value)) for name, value in shown.items() if value
    }


def test_the_figures_are_those_of_the_report_with_each_setting_that_is_seen_counted(
    running, told, history
):
    settings = obi.Settings(**RULE).parameters
    running.ask(history, settings)
    wait_for(lambda: told, "an answer")
    found = told[0]
    # Both gates, and either: what one removes is the result of the other alone.
    assert found.tried == len(running.tried) == 3
    table = obi.gate_report(history, settings, level=1 - 0.05 / 2)
    for name in GATES:
        wanted = table.loc[name].to_dict()
        assert found.rows[name] == pytest.approx(wanted, nan_ok=True)
        assert wanted["removed"] > 0
    running.ask(history, settings)
    assert len(told) == 1, "an answered request is not computed again"
    running.tried.add(settings.replace(gates=None))
    assert len(running.tried) == 4
    running.tried.look([settings.replace(gates=["spread"]), settings])
    assert len(running.tried) == 5


def test_what_is_only_looked_at_is_no_choice():
    tried, settings = Tried(), obi.Settings().parameters
    gated = settings.replace(gates=["spread"])
    tried.add(gated, thresholds=[0.2, 0.3])
    assert tried.look([settings]) == 2
    assert tried.add(gated, thresholds=[0.2, 0.3]) == 2, "the surface's thresholds do not count yet"
    assert tried.add(settings) == 4, "nothing but a choice makes them count"


def test_nothing_is_computed_or_counted_while_a_slider_moves(running, told, history, monkeypatch):
    settings = obi.Settings(**RULE).parameters
    running.ask(history, settings)
    wait_for(lambda: told)
    monkeypatch.setattr(background, "SETTLED_AFTER", 1000.0)
    running.ask(history, settings.replace(threshold=0.2))
    running.ask(history, settings.replace(threshold=0.25))
    assert len(running.tried) == 3
    running.forget()
    wait_for(lambda: running._thread is None, "the thread's end")
    monkeypatch.setattr(background, "SETTLED_AFTER", 0.0)
    running.ask(history, settings.replace(threshold=0.3))
    wait_for(lambda: len(told) == 2)
    assert told[1].parameters.threshold == 0.3
    assert told[1].tried == 6


def test_it_waits_for_the_compiler(running, told, history, monkeypatch):
    monkeypatch.setattr(background, "MIN_PAUSE", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(loader, "busy", lambda: True)
        running.ask(history, obi.Settings(**RULE).parameters)
        wait_for(lambda: len(told) > 1)
        assert not any(told)
    wait_for(lambda: told[-1] is not None, "a report")


def test_an_error_is_shown_with_its_advice(running, told, history, monkeypatch, caplog):
    settings = obi.Settings(**RULE).parameters

    def broken(*_, **__):
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr(reports, "gate_report", broken)
    running.ask(history, settings)
    wait_for(lambda: told)
    assert told[0].error == (
        "The report of gates failed: ZeroDivisionError('by hand'). Change a setting to try again."
    )
    assert "The report of gates failed." in caplog.text


def test_the_lab_says_below_each_gate_that_is_on_what_it_removes(lab, history):
    reporter = lab.session.gate_reporter
    assert kept_of(lab, history) == [], "no gate was ever on"
    lab.settings.gates = GATES
    assert texts(lab, history) == dict.fromkeys(sorted(GATES), CALCULATING)
    assert reporter._thread is None, "nobody looks at the gates"
    lab.controls._turn()
    frame_of(lab, history)

    def shown():
        found = texts(lab, history)
        return found if CALCULATING not in found.values() else None

    first = wait_for(shown, "both texts")
    found = reporter.found
    assert first == {name: removed(found.rows[name], found.tried) for name in sorted(GATES)}
    assert all(text.startswith("Removed ") for text in first.values())

    (one,), (other,) = kept_of(lab, history), kept_of(lab, history)
    assert isinstance(one, Together)
    assert other is one, "nothing is made again while nothing changes"

    lab.settings.gates = {"spread": {"window": 20}}
    lab.settings.fee_bps = 1
    assert texts(lab, history) == {"spread": CALCULATING}, "never the figures of other settings"
    assert list(wait_for(shown, "the text")) == ["spread"]
    lab.settings.gates = None
    assert texts(lab, history) == {}


def test_a_hold_that_is_too_short_for_the_history_has_no_figures(lab, history):
    lab.settings.gates = ["spread"]
    lab.controls._turn()
    coarse = replace(history, interval=0.5)
    assert texts(lab, coarse) == {}
    assert lab.session.gate_reporter._newest is None


FIGURES = {
    "entries_off": 488.0, "unknown": 0.01, "removed": 52.0, "removed_net": -9.954, "kept": 436.0,
    "selects": 0.061, "selects_low": 0.012, "selects_high": 0.11,
}  # fmt: skip
NAN = float("nan")
NO_INTERVAL = {"selects_low": NAN, "selects_high": NAN}
MADE = "Removed 52 of 488 entries; they would have made −9.95 bps each, net. "


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, MADE + "Those it keeps made 0.06 bps more: +0.01 to +0.11, 95 % interval, allowing "
         "for 3 settings tried."),
        ({"selects": -0.061, "selects_low": -0.11, "selects_high": -0.012},
         MADE + "Those it keeps made 0.06 bps less: −0.11 to −0.01, 95 % interval, allowing for 3 "
         "settings tried."),
        ({"selects_low": -0.05, "unknown": 0.167},
         MADE + "Those it keeps made 0.06 bps more, which may be chance: −0.05 to +0.11, 95 % "
         "interval, allowing for 3 settings tried. Unknown, and so closed, 17 % of the time."),
        ({"removed": 12.0, "removed_net": 0.4, **NO_INTERVAL},
         "Removed 12 of 488 entries; they would have made +0.40 bps each, net. Too few to say what "
         "such entries make."),
        ({"removed": 1.0, "removed_net": 0.4, **NO_INTERVAL},
         "Removed 1 of 488 entries; it would have made +0.40 bps, net. Too few to say what such "
         "entries make."),
        ({"removed": 1.0, "removed_net": NAN, "selects": NAN, **NO_INTERVAL},
         "Removed 1 of 488 entries; no exit is known of it."),
        ({"removed": 480.0, "kept": 8.0, **NO_INTERVAL},
         "Removed 480 of 488 entries; they would have made −9.95 bps each, net. It keeps 8: too "
         "few to compare with."),
        ({"removed": 488.0, "kept": 0.0, "selects": NAN, **NO_INTERVAL},
         "Removed all 488 entries; they would have made −9.95 bps each, net. It keeps none: too "
         "few to compare with."),
        (NO_INTERVAL, MADE + "The record is too short to tell them from those it keeps."),
        ({"removed": 0.0, "removed_net": NAN, "kept": 488.0, "selects": NAN, **NO_INTERVAL},
         "Removed none of 488 entries."),
        ({"entries_off": 0.0, "removed": 0.0, "kept": 0.0, "unknown": 1.0, **NO_INTERVAL},
         "Without this gate there are no entries either. Unknown, and so closed, 100 % of the "
         "time."),
    ],
)  # fmt: skip
def test_the_text_by_hand(changes, text):
    assert removed(FIGURES | changes, 3) == text


def test_the_text_of_post_only_orders():
    assert removed(FIGURES, 1, posted=True).endswith(
        "allowing for 1 setting tried. Post-only: last in the queue."
    )
