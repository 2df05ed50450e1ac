"""Settings to files and back, and files that are none."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings.provenance import AtHorizon, Findings

ANY = st.fixed_dictionaries(
    {
        "decay": st.floats(0, 100),
        "depth": st.one_of(st.none(), st.integers(1, 50)),
        "band_bps": st.one_of(st.none(), st.floats(0.001, 10_000)),
        "weighting": st.sampled_from(["size", "notional"]),
        "threshold": st.floats(0, 1),
        "hold_seconds": st.floats(0.1, 86_400),
        "price": st.sampled_from(["touch", "mid"]),
        "fee_bps": st.floats(-100, 1000),
    }
)

TUNED = Provenance(
    "lmex",
    'BTC"<b>\n',
    "2024-07-18T23:57:02Z",
    "2024-07-19T00:05:02Z",
    4774,
    50,
    0.1,
    "ab" * 32,
    "obi 0.1",
)

FOUND = Findings(
    verdict="not viable",
    reason='There is an effect at 10 s (+0.53 ± 0.43 bps), "too" small.',
    entry_kind="beyond",
    level=0.95,
    tried=12,
    hold_out=0.3,
    start="2024-07-18T23:57:02Z",
    end="2024-07-19T00:05:02Z",
    states=4774,
    seconds=480.0,
    episodes=31,
    horizons=(
        AtHorizon(
            10.0, 2585, 38.0, 0.53, 0.1, 0.96, 0.01, 0.2, 13.0, 10.1, -9.6, 700, 0.2, -1.0, 1
        ),
        AtHorizon(600.0, 0),
    ),
    horizon=10.0,
    break_even_bps=0.26,
)

EARLIER_FIGURES = ("n", "bps", "ci_low", "ci_high", "net_bps")
"""Figures of the hold-out, whose keys began with ``outside_`` in earlier versions."""

OF_DEFAULTS = replace(FOUND, origin=TUNED, parameters=obi.Settings().parameters)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("settings")


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@settings(max_examples=60)
@given(
    values=ANY,
    provenance=st.sampled_from([None, TUNED]),
    findings=st.sampled_from([None, FOUND, replace(FOUND, horizon=None, break_even_bps=None)]),
)
def test_what_is_saved_is_loaded(place, suffix, values, provenance, findings):
    saved = obi.Settings(**values)
    path = saved.save(place / f"some{suffix}", provenance=provenance, findings=findings)
    loaded = obi.Settings.load(str(path))
    assert loaded.parameters == saved.parameters
    assert loaded.provenance == provenance
    if findings is not None:  # it knows of what it is, as far as the file tells
        findings = replace(findings, parameters=saved.parameters, origin=provenance)
    assert loaded.findings == findings
    again = loaded.save(place / f"again{suffix}")  # with what it was loaded with
    assert again.read_text() == path.read_text()


def test_what_was_found_of_others_is_not_said_of_these(tmp_path):
    path = obi.Settings().save(tmp_path / "a.toml", provenance=TUNED, findings=FOUND)
    loaded = obi.Settings.load(path)
    loaded.decay = 2
    again = obi.Settings.load(loaded.save(tmp_path / "b.toml"))
    assert (again.provenance, again.findings) == (None, None)
    loaded.decay = 0.1
    assert obi.Settings.load(loaded.save(tmp_path / "c.toml")).findings == OF_DEFAULTS


@pytest.mark.parametrize(
    ("table", "name", "value", "text"),
    [
        ("tuned_on", "symbol", 5, "'symbol' in 'tuned_on' is 5. It takes text."),
        ("tuned_on", "states", 1.5, "'states' in 'tuned_on' is 1.5. It takes a whole number."),
        ("calibration", "horizons", 5, "'horizons' in 'calibration' is 5. It takes tables."),
        ("calibration", "horizons", [5], "'calibration.horizons' is 5. It takes seconds, n, n_eff"),
        (
            "calibration",
            "tried",
            True,
            "'tried' in 'calibration' is True. It takes a whole number.",
        ),
        ("calibration", "horizon", "x", "'horizon' in 'calibration' is 'x'. It takes a number."),
        ("calibration", "level", None, "'level' in 'calibration' is None. It takes a number."),
        ("horizons", "p", "x", "'p' in 'calibration.horizons' is 'x'. It takes a number."),
        ("horizons", "p", float("nan"), "'p' in 'calibration.horizons' is nan. It takes a number."),
    ],
)
def test_what_is_told_in_other_types_is_refused(tmp_path, table, name, value, text):
    path = obi.Settings().save(tmp_path / "my.json", provenance=TUNED, findings=FOUND)
    document = json.loads(path.read_text())
    where = document["calibration"]["horizons"][0] if table == "horizons" else document[table]
    where[name] = value
    assert refusal(path, json.dumps(document)).startswith(f"my.json: {text}")


def test_what_is_not_known_may_be_null(tmp_path):
    path = obi.Settings().save(tmp_path / "my.json", findings=FOUND)
    document = json.loads(path.read_text())
    document["calibration"] |= {"horizon": None, "level": 1}
    path.write_text(json.dumps(document))
    known = replace(FOUND, horizon=None, level=1.0, parameters=obi.Settings().parameters)
    assert obi.Settings.load(path).findings == known


def test_what_was_judged_is_the_horizon_that_the_verdict_is_about():
    assert FOUND.judged.mean_bps == 0.53
    assert replace(FOUND, horizon=None).judged is None


def test_a_file_with_the_key_names_of_an_earlier_version_loads(tmp_path):
    path = tmp_path / "my.toml"
    every = AtHorizon(10.0, **{f"out_of_sample_{figure}": 2 for figure in EARLIER_FIGURES}, n=3)
    findings = replace(OF_DEFAULTS, horizons=(every, AtHorizon(600.0, 0)))
    obi.Settings().save(path, findings=findings)
    text = path.read_text()
    assert (text.count("entry_kind = "), text.count("out_of_sample_")) == (1, 6)
    path.write_text(text.replace("entry_kind = ", "event = ").replace("out_of_sample_", "outside_"))
    assert obi.Settings.load(path).findings == findings


def test_a_file_is_what_a_person_would_write(tmp_path):
    path = obi.Settings(depth=None, decay=0.2).save(tmp_path / "btc.toml")
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {
        "format": 2,
        "settings": {
            "signal": "imbalance", "decay": 0.2, "depth": "all", "band_bps": "off",
            "weighting": "size", "threshold": 0.4, "threshold_is": "value", "hold_seconds": 20.0,
            "price": "touch", "fee_bps": 5.0,
        },
        "tuned_on": {"market": "not known"},
        "calibration": {
            "verdict": "not calibrated",
            "reason": "It is not known whether these settings make money: "
            "no report was given.",
        },
    }  # fmt: skip


def test_what_a_file_leaves_out_has_its_default(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text("[settings]\ndecay = 1\n")
    assert obi.Settings.load(path) == obi.Settings(decay=1)


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "btc.json"
    obi.Settings(decay=1).save(path, provenance=TUNED)
    obi.Settings(decay=2).save(path)
    assert json.loads(path.read_text())["settings"]["decay"] == 2
    assert obi.Settings.load(path).provenance is None


def refusal(path, text=None):
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as error:
        obi.Settings.load(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[settings]\ndeph = 3\n",
            "my.toml: The signal imbalance has no setting 'deph'. Did you mean 'depth'?",
        ),
        (
            "[settings]\ndepth = 0\n",
            "my.toml: depth = 0 is not possible. "
            "Give a number from 1 to 50 levels, or None for all levels.",
        ),
        (
            "[settings]\ndecay = nan\n",
            "my.toml: decay = nan is not possible. Give a number from 0 to 100 per bp.",
        ),
        (
            "decay = 1\n",
            "my.toml: It has no table 'settings'. Put the settings under [settings].",
        ),
        (
            "settings = 3\n",
            "my.toml: It has no table 'settings'. Put the settings under [settings].",
        ),
        (
            "format = 3\n[settings]\n",
            "my.toml: Its format is 3, and this package reads formats up to 2. "
            "Update with: pip install -U obi-widgets.",
        ),
        (
            "format = 'new'\n[settings]\n",
            "my.toml: Its format is 'new', and this package reads formats up to 2. "
            "Update with: pip install -U obi-widgets.",
        ),
        (
            "[settings]\n[tuned_on]\nvenue = 'x'\n",
            "my.toml: 'tuned_on' has ['venue']. "
            "It takes venue, symbol, start, end, states, levels, interval, sha256, "
            "package, gaps, source.",
        ),
        (
            "[settings]\n[calibration]\nverdict = 'viable'\n",
            "my.toml: 'calibration' has ['verdict']. It takes verdict, reason, entry_kind, level, "
            "tried, hold_out, start, end, states, seconds, episodes, horizons, horizon, "
            "break_even_bps, signal.",
        ),
        (
            "[settings]\n[calibration]\nhorizons = [{seconds = 1.0}]\n",
            "my.toml: 'calibration.horizons' has ['seconds']. It takes seconds, n, n_eff, "
            "mean_bps, ci_low, ci_high, p, p_adjusted, t_naive, cost_bps, net_bps, net_ci_low, "
            "net_ci_high, net_p_adjusted, out_of_sample_n, out_of_sample_bps, "
            "out_of_sample_ci_low, out_of_sample_ci_high, out_of_sample_net_bps.",
        ),
        (
            "tuned_on = 5\n[settings]\n",
            "my.toml: 'tuned_on' is 5. "
            "It takes venue, symbol, start, end, states, levels, interval, sha256, "
            "package, gaps, source.",
        ),
    ],
)
def test_a_file_with_something_wrong_is_refused_by_name(tmp_path, text, said):
    assert refusal(tmp_path / "my.toml", text) == said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("my.toml", "[settings\n", "my.toml cannot be read as TOML: "),
        ("my.json", "{", "my.json cannot be read as JSON: "),
        ("my.json", b"\xff\xfe", "my.json cannot be read as JSON: "),
    ],
)
def test_a_broken_file_is_refused_with_where_it_breaks(tmp_path, name, text, said):
    got = refusal(tmp_path / name, text)
    assert got.startswith(said)
    assert got.endswith(". Correct it there, or export the settings again.")


DEEP = 20_000
TOO_DEEP = {
    "lists.json": "[" * DEEP,
    "closed lists.json": "[" * 17 + "]" * 17,
    "tables.json": '{"settings":' * DEEP + "1" + "}" * DEEP,
    "beside settings.json": '{"settings": {}, "x": ' + "[" * 300 + "]" * 300 + "}",
    "lists.toml": "x = " + "[" * DEEP,
    "tables.toml": "x = " + "{a = " * DEEP + "1" + "}" * DEEP,
    "a dotted key.toml": "[settings]\ndecay" + ".a" * 3 * DEEP + " = 1",
    "short dotted keys.toml": "\n".join(f"{'a.' * 17}b{n} = 1" for n in range(9)),
    "a dotted table.toml": "[" + "a." * 3 * DEEP + "a]",
}


@pytest.mark.parametrize("name", TOO_DEEP)
def test_a_file_that_nests_too_deep_is_refused(tmp_path, name):
    assert refusal(tmp_path / name, TOO_DEEP[name]) == (
        f"{name} cannot be read as {name[-4:].upper()}: its tables and lists are nested more than "
        "16 deep. Correct it there, or export the settings again."
    )


def test_a_file_that_nests_as_deep_as_one_may_is_read(tmp_path):
    path = tmp_path / "my.json"
    path.write_text('{"settings": {"decay": 2}, "x": ' + "[" * 15 + "]" * 15 + "}")
    assert obi.Settings.load(path) == obi.Settings(decay=2)


@pytest.mark.parametrize("name", ["my.toml", "my.json"])
def test_a_file_that_is_too_large_is_refused(tmp_path, name):
    assert refusal(tmp_path / name, "\n" * 262_145) == (
        f"{name} cannot be read as {name[3:].upper()}: it has more than 262,144 bytes. "
        "Correct it there, or export the settings again."
    )


@pytest.mark.parametrize(
    "document",
    [
        {"settings": {"weighting": "x" * 200_000}},
        {"settings": {"x" * 200_000: 1}},
        {"settings": {}, "format": "x" * 200_000},
        {"settings": {}, "tuned_on": "x" * 200_000},
        {"settings": {}, "calibration": {"x" * 200_000: 1}},
        {"settings": {}, "tuned_on": {**asdict(TUNED), "states": "x" * 200_000}},
    ],
)
def test_an_error_quotes_the_beginning_of_what_is_long(tmp_path, document):
    said = refusal(tmp_path / "my.json", json.dumps(document))
    assert "xxx…" in said
    assert len(said) < 1000  # some name all settings there are


@pytest.mark.parametrize("name", ["my.toml", "my.json"])
def test_a_byte_order_mark_is_passed_over(tmp_path, name):
    path = obi.Settings(decay=3).save(tmp_path / name)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert obi.Settings.load(path) == obi.Settings(decay=3)


@pytest.mark.parametrize("text", ["[]", "3", "null", '"settings"'])
def test_json_that_is_no_table_is_refused(tmp_path, text):
    assert refusal(tmp_path / "my.json", text) == (
        "my.json: It has no table 'settings'. Put the settings under [settings]."
    )


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "no.toml"
    assert refusal(path) == f"There is no file {str(path)!r}. Check the path."


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    assert refusal(tmp_path / "folder.toml").startswith("folder.toml cannot be read as TOML: ")


@pytest.mark.parametrize(
    ("name", "suffix"), [("btc.yaml", ".yaml"), ("btc", ""), ("btc.TOML", ".TOML")]
)
def test_another_suffix_is_refused_both_ways(tmp_path, name, suffix):
    said = f"{name!r} ends in {suffix!r}. Settings are saved as .toml or .json."
    assert refusal(tmp_path / name) == said
    with pytest.raises(SettingsError) as error:
        obi.Settings().save(tmp_path / name)
    assert str(error.value) == said


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    path = tmp_path / "not" / "there.toml"
    with pytest.raises(SettingsError) as error:
        obi.Settings().save(path)
    assert str(error.value) == (
        f"{path} cannot be written: No such file or directory. Choose another place."
    )
