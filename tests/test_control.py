"""The control of one setting: typing a value, what is refused, and what is shown."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.widgets.control import Control
from obi_widgets.widgets.panel import close_tree


@pytest.fixture
def control_of():
    """Make controls of settings; close them in the end."""
    made = []

    def make(settings, name, refused=None):
        made.append(Control(settings, settings.parameters.declared[name], refused))
        return made[-1]

    yield make
    for control in made:
        close_tree(control.box, control.box.close)


@pytest.mark.parametrize(
    ("name", "text", "value", "shown"),
    [
        ("decay", "0.25", 0.25, "0.25 /bp"), ("decay", " .5 /BP ", 0.5, "0.50 /bp"),
        ("decay", "3", 3.0, "3.00 /bp"), ("decay", "0.1", 0.1, "0.10 /bp"),
        ("depth", "12", 12, "12 levels"), ("depth", "1 level", 1, "1 level"),
        ("depth", "all levels", None, "all levels"), ("depth", "off", None, "all levels"),
        ("band_bps", "7.5 bps", 7.5, "7.5 bps"), ("band_bps", "", None, "off"),
        ("hold_seconds", "3.5e2 seconds", 350.0, "350 s"),
        ("hold_seconds", "3600", 3600.0, "3,600 s"), ("hold_seconds", "1,200 s", 1200.0, "1,200 s"),
        ("most_per_hour", "6", 6, "6 an hour"), ("most_per_hour", "off", None, "off"),
        ("fee_bps", "−1.5 bps", -1.5, "−1.5 bps"),
    ],
)  # fmt: skip
def test_what_is_typed_is_assigned_and_shown_with_its_unit(control_of, name, text, value, shown):
    settings = obi.Settings()
    control = control_of(settings, name)
    control.entry.value = text
    assert getattr(settings, name) == value
    assert control.entry.value == shown
    assert control.control.value == (control._off if value is None else value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("decay", "-1", "decay = -1.0 is not possible. Give a number from 0 to 100 per bp."),
        ("decay", "0,5", "decay = '0,5' is not possible. Give a number from 0 to 100 per bp. "
         "Write decimals with a point."),
        ("decay", "1,000", "decay = '1,000' is not possible. Give a number from 0 to 100 per bp. "
         "Write decimals with a point."),
        ("decay", "", "decay = '' is not possible. Give a number from 0 to 100 per bp."),
        ("decay", "5 bps", "decay = '5 bps' is not possible. Give a number from 0 to 100 per bp."),
        ("depth", "2.5", "depth = 2.5 is not possible. Give a number from 1 to 50 levels, or None "
         "for all levels."),
        # Only with its unit, as it is shown, is it no decimal.
        ("hold_seconds", "1,200", "hold_seconds = '1,200' is not possible. Give a number from 0.1 "
         "to 86400 seconds. Write decimals with a point."),
        ("hold_seconds", "1,20 s", "hold_seconds = '1,20 s' is not possible. Give a number from "
         "0.1 to 86400 seconds. Write decimals with a point."),
        ("threshold", "nan", "threshold = 'nan' is not possible. Give a number from 0 to 1."),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_and_the_value_is_shown_again(control_of, name, text, said):
    settings, heard = obi.Settings(), []
    control = control_of(settings, name, heard.append)
    before, shown = settings.parameters, control.entry.value
    control.entry.value = text
    assert heard == [said]
    assert settings.parameters == before
    assert control.entry.value == shown


def test_a_value_is_not_rounded_by_being_shown(control_of):
    settings = obi.Settings(decay=0.123456789)
    control = control_of(settings, "decay")
    assert control.entry.value == "0.123457 /bp"
    settings.decay = 0.987654321
    assert control.entry.value == "0.987654 /bp"
    assert settings.decay == 0.987654321


def test_a_typed_value_beyond_the_sliders_end_moves_the_end(control_of):
    settings = obi.Settings()
    control = control_of(settings, "decay")
    assert control.control.max < 50
    control.entry.value = "50"
    assert settings.decay == control.control.value == control.control.max == 50


def test_a_value_between_two_steps_is_one_of_a_finer_step_when_the_page_gets_it(control_of):
    control = control_of(obi.Settings(), "decay")
    slider, step = control.control, control.control.step
    seen = []
    slider.observe(lambda change: seen.append((change["name"], change["new"])), ["step", "value"])
    for value, finer in ((0.123, step / 10), (0.1234, step / 100), (0.3, step)):
        seen.clear()
        control.settings.decay = value
        assert slider.value == value
        assert slider.step == pytest.approx(finer)
        steps = [new for name, new in seen[: seen.index(("value", value))] if name == "step"]
        assert not steps or steps[-1] <= finer * 1.001, "the step is not coarser before the value"
    slider.value = 0.31
    assert (control.settings.decay, slider.step) == (0.31, step)


def test_what_the_page_adds_up_is_the_value_that_the_slider_shows(control_of):
    settings = obi.Settings(exit_fade=0.3)
    control = control_of(settings, "exit_fade")
    control.control.value = -0.05 + 7 * 0.05  # as the page sends it
    assert (settings.exit_fade, settings.can_undo) == (0.3, False)
    control.control.value = 0.1 + 0.2 + 0.15000000000000002
    assert (settings.exit_fade, control.entry.value) == (0.45, "0.45")


def test_words_are_chosen_and_not_typed(control_of):
    assert control_of(obi.Settings(), "price").entry is None


@pytest.mark.parametrize(
    ("name", "tooltip"),
    [
        ("hold_seconds", "Type a number from 0.1 to 86400 seconds."),
        ("band_bps", "or off."), ("depth", "Type a number from 1 to 50 levels, or all levels."),
    ],
)  # fmt: skip
def test_the_tooltip_says_what_can_be_typed(control_of, name, tooltip):
    control = control_of(obi.Settings(), name)
    assert control.entry.tooltip.endswith(tooltip)
    assert tooltip in control._name.value


def test_a_control_that_is_stopped_assigns_nothing(control_of):
    settings = obi.Settings()
    control = control_of(settings, "decay")
    control.stop()
    control.entry.value = "0.7"
    assert settings.decay == 0.1
