"""Presets: the built-in ones on every signal, and those of a user in files."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.settings import presets
from obi_widgets.settings.presets import BUILT_IN, Presets
from obi_widgets.signals.insight import Insight


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(presets.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "obi-widgets" / "presets"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_preset_sets_book_threshold_and_hold_but_no_costs(name):
    settings = obi.Settings(decay=0.9, fee_bps=1.5, latency_ms=20, size=3, execution="post_only")
    settings.presets.apply(name)
    of = BUILT_IN[name]
    assert (settings.hold_seconds, settings.threshold) == (of.hold_seconds, of.threshold)
    assert {one: getattr(settings, one) for one in of.of_book} == dict(of.of_book)
    assert (settings.fee_bps, settings.latency_ms, settings.size) == (1.5, 20, 3)
    assert settings.execution == "post_only"
    assert settings.presets.chosen == name
    assert settings.presets.words(name) == of.words
    settings.undo()
    assert settings.decay == 0.9
    assert settings.presets.chosen == ""


def test_the_horizons_and_the_reach_grow_from_scalp_to_swing():
    holds = [of.hold_seconds for of in BUILT_IN.values()]
    decays = [of.of_book["decay"] for of in BUILT_IN.values()]
    assert holds == sorted(holds)
    assert decays == sorted(decays, reverse=True)


def test_another_signal_keeps_its_threshold_and_a_transform_gets_the_book():
    flow = obi.Settings("order_flow_imbalance", threshold=3.5)
    before = dict(flow.parameters.values)
    flow.presets.apply("day")
    assert (flow.threshold, flow.hold_seconds) == (3.5, 300)
    assert dict(flow.parameters.values) == before
    assert flow.presets.words("day") == "A hold of 300 s; this signal has no depth to set."
    scored = obi.Settings("zscore(imbalance)", threshold=2.5, window=60)
    scored.presets.apply("scalp")
    assert (scored.threshold, scored.window, scored.decay, scored.depth) == (2.5, 60, 0.5, 10)


def test_a_parameter_of_the_same_name_but_another_kind_is_kept():
    @obi.signal(unit="")
    def shallow(history, *, depth: obi.Levels(1, 3) = 2):
        return history.mid

    settings = obi.Settings(shallow)
    settings.presets.apply("swing")
    assert settings.depth == 2
    assert isinstance(settings.signal.insight, Insight)


def test_own_presets_are_per_signal_and_of_every_later_session(folder):
    settings = obi.Settings(decay=0.3, threshold=0.7, fees="bybit", slippage_bps=2)
    path = settings.presets.save("  My night  ")
    assert path.parent == folder
    assert settings.presets.own() == ["My night"]
    assert settings.presets.names() == ["scalp", "day", "swing", "My night"]
    assert obi.Settings("queue_imbalance").presets.own() == []
    later = obi.Settings()
    later.presets.apply("My night")
    assert later == settings
    assert later.presets.chosen == "My night"
    assert later.presets.words("My night") == "All values as you saved them."
    later.undo()
    assert later == obi.Settings()


def test_an_own_preset_is_a_file_of_settings_and_is_replaced_and_removed():
    settings = obi.Settings(decay=0.3)
    path = settings.presets.save("mine")
    assert obi.Settings.load(path) == settings
    settings.decay = 0.6
    assert settings.presets.save("mine") == path
    assert obi.Settings.load(path).decay == 0.6
    settings.presets.remove("mine")
    assert settings.presets.own() == []
    assert not path.exists()


def test_names_that_differ_only_in_signs_have_their_own_files():
    settings = obi.Settings(decay=0.3)
    first, second, third = map(settings.presets.save, ["a b", "a-b", "дно"])
    assert len({first, second, third}) == 3
    assert settings.presets.own() == ["a b", "a-b", "дно"]


@pytest.mark.parametrize("name", ["", "  ", "scalp", "x" * 41, "a\nb", "\0"])
def test_a_name_that_is_not_possible_is_refused(name, folder):
    with pytest.raises(SettingsError, match="A preset cannot have the name"):
        obi.Settings().presets.save(name)
    assert not folder.exists()


def test_an_unknown_preset_is_refused_with_a_name_that_exists():
    settings = obi.Settings()
    for act in (settings.presets.apply, settings.presets.words, settings.presets.remove):
        with pytest.raises(SettingsError) as error:
            act("scal")
        assert str(error.value) == "imbalance has no preset 'scal'. Did you mean 'scalp'?"
    with pytest.raises(ArgumentError):
        settings.presets.save(3)


def test_a_damaged_file_is_not_offered_and_one_with_a_wrong_value_says_so(folder):
    settings = obi.Settings(decay=0.3)
    path = settings.presets.save("mine")
    (folder / "other.toml").write_text("= nothing")
    text = path.read_text()
    path.write_text(text.replace("decay = 0.3", "decay = -3"))
    assert settings.presets.own() == ["mine"]
    assert settings.presets.chosen == ""
    with pytest.raises(SettingsError) as error:
        settings.presets.apply("mine")
    assert str(error.value) == (
        f"{path}: decay = -3 is not possible. Give a number from 0 to 100 per bp."
    )
    assert settings.decay == 0.3


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    one = Presets(obi.Settings(), tmp_path / "file" / "presets")
    with pytest.raises(SettingsError, match="cannot be made"):
        one.save("mine")


@pytest.mark.parametrize(
    ("platform", "variable", "end"),
    [
        ("linux", "XDG_CONFIG_HOME", "x/obi-widgets"),
        ("win32", "APPDATA", "x/obi-widgets"),
        ("darwin", "NONE", "Library/Application Support/obi-widgets"),
    ],
)
def test_the_folder_is_where_each_system_keeps_configuration(
    platform, variable, end, monkeypatch, tmp_path
):
    monkeypatch.setattr(presets.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path / "x"))
    assert presets.configuration_folder().as_posix().endswith(end)


def test_repr_says_the_names():
    assert repr(obi.Settings().presets) == "Presets(scalp, day, swing)"
