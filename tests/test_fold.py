"""The settings that are changed less often: grouped, and hidden where they have no effect."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.settings.parameters import THRESHOLD_IS
from obi_widgets.trading.declared import HOLD, PARAMETERS
from obi_widgets.widgets.fold import DECIDING, GROUPS
from obi_widgets.widgets.reachability import registry


@pytest.fixture
def widget():
    made = obi.SettingsWidget(obi.Settings())
    assert made._fold is made._fold  # made when it is first read
    yield made
    made.close()


def hidden(widget):
    """Return the settings whose controls are hidden."""
    controls = widget._controls.items()
    return {name for name, control in controls if control.box.layout.display == "none"}


def heads(widget):
    """Return the heads of the groups that are shown."""
    groups = widget._fold._groups.items()
    return [name for name, group in groups if group.layout.display is None]


def test_each_setting_is_in_one_group():
    grouped = [setting.name for group in GROUPS.values() for setting in group]
    assert sorted(grouped) == sorted({*PARAMETERS, THRESHOLD_IS.name} - {HOLD.name})


def test_the_groups(widget):
    assert heads(widget) == ["Signal", "Entries", "Exits", "Gates", "Orders", "Fees"]
    assert widget._opener.description == ("▸ Band, weighting, entries, exits, gates, orders, fees")
    widget.settings.signal = "order_flow_imbalance"
    assert heads(widget) == ["Entries", "Exits", "Gates", "Orders", "Fees"]
    assert widget._opener.description == "▸ Entries, exits, gates, orders, fees"
    assert widget._fold.box.layout.display == "none"
    widget._turn()
    assert widget._fold.box.layout.display is None


@pytest.mark.parametrize(
    ("name", "value", "shows", "hides"),
    [
        ("entry_rule", "transition", {"transition_seconds"}, set()),
        ("exit_deceleration", 0.5, {"deceleration_seconds"}, set()),
        ("execution", "post_only", {"wait_seconds"}, {"price"}),
        ("threshold_is", "quantile", {"quantile_window"}, set()),
        ("size_by", "strength", {"least_weight"}, set()),
        ("stop_bps", 3.0, {"stop_by"}, set()),
    ],
)
def test_what_has_no_effect_is_hidden(widget, name, value, shows, hides):
    before, settings = hidden(widget), widget.settings
    assert before == {
        "transition_seconds", "deceleration_seconds", "wait_seconds", "quantile_window",
        "stop_by", "least_weight",
    }  # fmt: skip
    assert name in DECIDING
    setattr(settings, name, value)
    assert hidden(widget) == (before - shows) | hides
    settings.undo()
    assert hidden(widget) == before


def test_what_is_hidden_has_no_effect():
    history = obi.simulate(seconds=120, seed=2)
    usual = obi.Settings(threshold=0.2, hold_seconds=2)
    other = obi.Settings(
        threshold=0.2, hold_seconds=2, transition_seconds=1, deceleration_seconds=1,
        wait_seconds=1, quantile_window=10,
        stop_by="strength", least_weight=0.5,
    )  # fmt: skip
    found = obi.entries(history, usual)
    assert len(found) > 5
    assert found.equals(obi.entries(history, other))
    posted = [
        obi.entries(history, obi.Settings(execution="post_only", hold_seconds=2, price=price))
        for price in ("touch", "mid")
    ]
    assert len(posted[0]) > 5
    assert posted[0].equals(posted[1])


def test_the_least_weight_stands_beside_what_it_is_of(widget):
    settings, boxes = widget.settings, widget._fold._boxes

    def before(name):
        shown = [widget[one.name].box for one in (*GROUPS["Exits"], *GROUPS["Orders"])]
        assert sorted(map(id, shown)) == sorted(
            id(one) for of in ("Exits", "Orders") for one in boxes[of].children
        )
        of = next(one for one in boxes.values() if widget[name].box in one.children)
        return of.children[of.children.index(widget[name].box) - 1]

    settings.stop_bps, settings.stop_by = 3.0, "strength"
    assert before("least_weight") is widget["stop_by"].box
    settings.size_by = "strength"  # of both
    assert before("least_weight") is widget["size_by"].box
    settings.size_by = "fixed"
    assert before("least_weight") is widget["stop_by"].box
    assert "least_weight" not in hidden(widget)


def test_a_control_that_is_dragged_stays_the_same(widget):
    """What is shown anew beside it must not take it from under the mouse."""
    slider = widget["exit_deceleration"].control
    for value in (0.5, slider.min, 1.0):
        slider.value = value
        assert widget["exit_deceleration"].control is slider
        assert slider.comm is not None
    assert widget.settings.exit_deceleration == 1.0


@pytest.mark.parametrize(
    "name", [p.name for p in PARAMETERS.values() if getattr(p.kind, "off", "")]
)
def test_a_setting_that_can_be_off_is_set_and_unset(widget, name):
    control, settings = widget[name], widget.settings
    least = control.parameter.kind.low
    value = max(0.5, least)
    assert getattr(settings, name) is None
    control.entry.value = f"{value:g}"
    assert getattr(settings, name) == control.control.value == value
    control.control.value = control.control.min
    assert getattr(settings, name) is None
    assert control.entry.value == "off"
    control.entry.value = f"{value:g}"
    control.entry.value = "off"
    assert getattr(settings, name) is None
    assert len(control.entry.value) <= 11, "the field has room for 11 letters"


def test_the_fold_is_made_when_it_is_opened():
    """A lab is shown sooner for it, and is a few messages instead of hundreds."""
    open_before = set(registry())
    made = obi.SettingsWidget(obi.Settings())
    try:
        few = len(set(registry()) - open_before)
        assert few < 100
        made.settings.gates = ["spread"]
        made.settings.signal = "order_flow_imbalance"
        assert len(set(registry()) - open_before) < 100
        made._turn()
        assert len(set(registry()) - open_before) > 4 * few
        assert made._fold.gates.switches.on == ["spread"]
        opener, below = made.children.index(made._opener), made.children.index(made._fold.box)
        assert below == opener + 1
        fold, many = made._fold, len(registry())
        made._turn()
        made._turn()
        assert (made._fold, len(registry())) == (fold, many), "made once"
    finally:
        made.close()
    assert set(registry()) == open_before


def test_a_widget_that_was_closed_makes_no_controls():
    open_before = set(registry())
    made = obi.SettingsWidget(obi.Settings())
    made.close()
    with pytest.raises(obi.ObiError, match="settings was closed"):
        made["stop_bps"]
    made._turn()
    assert set(registry()) == open_before


def test_a_control_in_the_fold_can_be_asked_for(widget):
    other = obi.SettingsWidget(widget.settings)
    try:
        other["stop_bps"].control.value = 2.0
        assert widget["stop_bps"].control.value == 2.0
        assert other._fold.box.layout.display == "none", "it stays folded"
    finally:
        other.close()


def test_another_signal_leaves_the_controls_that_every_signal_has(widget):
    names = ["stop_bps", "execution", "fee_bps", "hold_seconds"]
    before = [widget[name] for name in names]
    widget.settings.signal = "order_flow_imbalance"
    widget.settings.threshold_is = "quantile"
    assert [widget[name] for name in names] == before
    before[0].control.value = 2.0
    assert widget.settings.stop_bps == 2.0
    assert before[0].box.comm is not None


def test_closing_the_widget_leaves_the_settings(widget):
    settings = widget.settings
    widget.close()
    settings.entry_rule, settings.gates = "transition", ["spread"]
    assert hidden(widget) >= {"transition_seconds"}
