"""Gates are switched on and off by checkboxes, and tuned by the controls of those that are on."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.presentation.texts.gate_text import said_of
from obi_widgets.settings.undo import REST
from obi_widgets.signals import registry as signals
from obi_widgets.trading.gates import registry
from obi_widgets.trading.gates.spread import spread
from obi_widgets.widgets.gate_controls import GateControls
from obi_widgets.widgets.panel import close_tree, tree


@pytest.fixture
def made():
    """Return a function that makes the controls of settings; they are closed in the end."""
    all_made = []

    def make(settings):
        told = []
        one = GateControls(settings, told.append)
        all_made.append(one)
        return one, told

    yield make
    for one in all_made:
        one.stop()
        close_tree(one.box, one.box.close)


def shown(controls):
    """Return which gates have controls that are not hidden."""
    return [name for name, row in controls._rows.items() if row.box.layout.display is None]


def switch(controls, name):
    """Click on a checkbox: the page sets which gates are on."""
    controls.switches.set_state({"on": sorted({*controls.switches.on} ^ {name})})


def test_a_checkbox_switches_a_gate(made):
    settings = obi.Settings()
    controls, _ = made(settings)
    built_in = sorted(registry.find(name).title for name in registry.BUILT_IN)
    offered = [title for _, title, _ in controls.switches.offered]
    assert [title for title in offered if title in built_in] == built_in, "beside a user's own"
    assert shown(controls) == []
    few = len(list(tree(controls.box, set())))
    switch(controls, "spread")
    assert settings.gates == {"spread": {"quantile": 0.9, "window": 600.0, "most_bps": None}}
    assert shown(controls) == ["spread"]
    assert len(list(tree(controls.box, set()))) > few, "made when they are needed"
    switch(controls, "spread")
    assert settings == obi.Settings()
    assert shown(controls) == []


def test_the_controls_follow_the_settings_and_change_them(made):
    settings = obi.Settings()
    controls, told = made(settings)
    settings.gates = {"hours": {"from_hour": 9}, "spread": {"most_bps": 2}}
    assert controls.switches.on == ["hours", "spread"]
    assert controls.of("hours", "from_hour").entry.value == "9 h"
    controls.of("hours", "days").control.value = "weekends"
    controls.of("hours", "until_hour").entry.value = "12.5"
    assert dict(settings.gates["hours"]) == {
        "from_hour": 9.0, "until_hour": 12.5, "days": "weekends",
    }  # fmt: skip
    controls.of("hours", "until_hour").entry.value = "25"
    assert told == ["until_hour = 25.0 is not possible. Give a number from 0 to 24 h."]
    assert controls.of("hours", "until_hour").entry.value == "12.5 h"


def test_a_value_that_can_be_off_is_set_and_unset(made):
    settings = obi.Settings(gates=["spread"])
    controls, _ = made(settings)
    limit = controls.of("spread", "most_bps")
    for set_it, unset in (("3", "off"), ("3 bps", "")):
        limit.entry.value = set_it
        assert (settings.gates["spread"]["most_bps"], limit.control.value) == (3.0, 3.0)
        limit.entry.value = unset
        assert settings.gates["spread"]["most_bps"] is None
        assert (limit.entry.value, limit.control.value) == ("off", limit.control.min)
    limit.control.value = 1.5
    assert limit.entry.value == "1.5 bps"
    limit.control.value = limit.control.min
    assert settings.gates["spread"]["most_bps"] is None


def test_a_gate_that_is_switched_on_again_has_its_values(made):
    settings = obi.Settings(gates={"spread": {"window": 60}})
    controls, _ = made(settings)
    switch(controls, "spread")
    controls.of("spread", "window").control.value = 120  # hidden: it changes nothing
    assert not settings.gates
    switch(controls, "spread")
    assert settings.gates["spread"]["window"] == 60


def test_undo_and_reset(made):
    settings = obi.Settings()
    settings._steps._clock = iter(range(0, 1000, 1 + int(REST))).__next__
    controls, _ = made(settings)
    switch(controls, "hours")
    controls.of("hours", "from_hour").control.value = 10
    settings.undo()
    assert controls.of("hours", "from_hour").control.value == 7
    settings.undo()
    assert "hours" not in controls.switches.on
    assert not settings.gates
    settings.redo()
    assert "hours" in controls.switches.on
    settings.reset()
    assert "hours" not in controls.switches.on
    assert not settings.gates


def test_a_gate_of_a_user_is_offered_and_replaced_when_it_is_defined_anew(made, monkeypatch):
    monkeypatch.setattr(registry, "_user_gates", {})
    settings = obi.Settings()
    controls, _ = made(settings)

    @obi.gate
    def narrow(history, *, most: obi.Bps(0, 50) = 0.3):
        """Return where the spread is narrow."""
        return 1e4 * history.spread <= most * history.mid

    assert "narrow" not in [name for name, *_ in controls.switches.offered]
    controls.offer()
    says = {name: says for name, _, says in controls.switches.offered}
    assert says["narrow"] == "Entries begin only where the spread is narrow."
    switch(controls, "narrow")
    assert settings.gates == {"narrow": {"most": 0.3}}
    switch(controls, "narrow")

    @obi.gate(name="narrow")
    def other(history, *, ticks: obi.Number(0, 50) = 2):
        return history.spread <= ticks * history.tick_size

    switch(controls, "narrow")
    assert settings.gates == {"narrow": {"ticks": 2.0}}
    assert list(controls._rows["narrow"].controls) == ["ticks"]
    assert said_of(other) == "Entries begin only where this gate is open."


def test_controls_that_are_stopped_follow_nothing():
    settings = obi.Settings(gates=["spread"])
    controls = GateControls(settings)
    controls.stop()
    settings.gates = ["hours"]
    assert "spread" in controls.switches.on
    assert "hours" not in controls.switches.on
    close_tree(controls.box, controls.box.close)


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_each_gate_says_what_it_does(name):
    gate = registry.find(name)
    assert said_of(gate).startswith("Entries begin only where ")
    titles = [parameter.title for parameter in gate.parameters.values()]
    assert len(set(titles)) == len(titles)
    assert all(parameter.description for parameter in gate.parameters.values())


@pytest.mark.parametrize("of", [registry, signals], ids=["gate", "signal"])
def test_each_tooltip_can_be_read_by_itself(of):
    """On the screen there is no paragraph before it, and nothing that a reference leads to."""
    for name in of.BUILT_IN:
        for parameter in of.find(name).parameters.values():
            said = parameter.description
            assert said.endswith("."), (name, parameter.name, said)
            assert "`" not in said, (name, parameter.name, said)
            assert "see " not in said.lower(), (name, parameter.name, said)


def test_the_name_on_the_screen_is_beside_the_kind():
    assert spread.parameters["quantile"].title == "Closed above quantile"
