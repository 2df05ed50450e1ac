"""Wrong use: every public callable × every argument × nine wrong kinds, found by themselves.

None is silently accepted without a reason that stands here, and none ends in an error of Python's
own. What is new is found too: a callable, or an argument, that no right value is known for fails.
"""

from __future__ import annotations

import inspect
from collections import Counter

import pytest
from wrong_use import ELSEWHERE, VALUES, WRONG, Subjects, uses

import obi_widgets as obi

REBATE = "a negative fee is a rebate"
PUSHES = "a negative edge is a pressure that mid moves against"
NAMES = "any text is a name"
KINDS = ("Number", "Bps", "Band", "Levels", "Seconds")

ACCEPTED: dict[tuple[str, str, str], str] = {
    ("simulate", "edge", "negative"): PUSHES,
    ("simulate_spoofs", "edge", "negative"): PUSHES,
    ("record", "edge", "negative"): PUSHES,
    ("Lab", "edge", "negative"): PUSHES,
    ("Session", "edge", "negative"): PUSHES,
    ("Taker", "fee_bps", "negative"): REBATE,
    ("Maker", "fee_bps", "negative"): REBATE,
    ("Settings", "fee_bps", "negative"): REBATE,
    ("Settings", "maker_fee_bps", "negative"): REBATE,
    ("Settings", "depth", "None"): "no depth: all levels",
    ("imbalance", "depth", "None"): "no depth: all levels",
    ("card_direction", "depth", "None"): "no depth: all levels",
    ("signal", "name", "text"): NAMES,
    ("gate", "name", "text"): NAMES,
    ("Gates", "given", "empty"): "a list without a gate",
    ("Settings", "gates", "empty"): "a list without a gate",
    ("Settings", "gates", "None"): "no gate",
    ("signal", "unit", "text"): NAMES,
    ("signal", "threshold", "huge"): "a signal may have any unit",
    ("Settings", "threshold", "None"): "the signal's own start",
    ("Settings", "fee_bps", "None"): "that of the venue in fees, or 5",
    ("Settings", "maker_fee_bps", "None"): "that of the venue in fees, or 2",
    **{(kind, name, "text"): NAMES for kind in KINDS for name in ("off", "unit")},
    **{
        (f"Feed.{given}", name, kind): "a stream goes on: it is left out, counted and told"
        for given, names in (
            ("book", ("time", "bids", "asks", "received")),
            ("trade", ("time", "price", "size", "side", "id", "received")),
        )
        for name in names
        for kind in WRONG
        if (name, kind) != ("received", "None")
    },
    ("Feed", "market", "text"): NAMES,
    ("History", "source", "text"): NAMES,
    ("Feed", "quote", "text"): NAMES,
    ("Feed", "tick_size", "huge"): "a price may have any unit",
    ("Number", "low", "negative"): "a number may be negative",
    ("Bps", "low", "negative"): "a rebate is",
    ("Number", "high", "huge"): "a number may have any unit",
    ("Bps", "high", "huge"): "a number may have any unit",
    ("record", "path", "text"): NAMES,
    ("SealedTest", "path", "text"): NAMES,
    ("SealedTest.stop", "why", "text"): "any text is a reason",
    ("Session.tell", "note", "text"): "any text is a note",
    ("Session.compare_with", "settings", "None"): "no comparison",
    ("Lab.compare_with", "settings", "None"): "no comparison",
    ("Session.hover", "at", "None"): "the mouse has left",
    ("Session.hover", "view", "text"): NAMES,
    ("Session.point", "decision_time", "None"): "the mouse has left",
    ("Session.point", "view", "text"): NAMES,
    ("Presets.save", "name", "text"): NAMES,
    ("Presets.words", "name", "text"): "that was saved just before",
    ("Presets", "folder", "text"): NAMES,
    ("Session.pan", "share", "negative"): "back towards the newest",
    ("skewed", "skew", "negative"): "a clock may be behind",
    ("find_episodes", "threshold", "huge"): "a signal may have any unit",
    ("entry_columns", "thresholds", "huge"): "a signal may have any unit",
    ("Report.seconds_needed", "effect_bps", "negative"): "of a loss nothing is ever viable: NaN",
    ("Report.seconds_needed", "effect_bps", "NaN"): "an effect that is not known: NaN",
}
"""(callable, argument, kind): why it is no wrong use there."""


def is_right(parameter: inspect.Parameter, kind: str) -> bool:
    """Whether a kind is what the signature itself says: None for none, a flag for a flag."""
    default = parameter.default
    return (kind == "None" and default is None) or (kind == "flag" and isinstance(default, bool))


def outcome(subjects: Subjects, call, arguments) -> str:
    """Return what a call came to: "accepted", "refused", or the raw error."""
    try:
        result = call(**arguments)
    except obi.ObiError as error:
        return "refused" if error.what and error.advice else f"without advice: {error}"
    except Exception as error:  # noqa: BLE001 what it is, is told
        return f"{type(error).__name__}: {error}"
    if result is not subjects.session and callable(getattr(result, "close", None)):
        result.close()
    return "accepted"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:metadata .* was set from the constructor")  # in bqscales
def test_no_wrong_use_is_accepted_in_silence_nor_ends_in_a_raw_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    subjects = Subjects(tmp_path)
    counts: Counter[str] = Counter()
    accepted, raw = set(), {}
    try:
        everything = uses(subjects)
        for use in everything:
            assert outcome(subjects, use.call, subjects.arguments(use)) == "accepted", use.name
            for name, parameter in use.parameters.items():
                counts["arguments"] += 1
                for kind, value in WRONG.items():
                    if is_right(parameter, kind):
                        counts["right by the signature"] += 1
                        continue
                    case = (use.name, name, kind)
                    came = outcome(subjects, use.call, {**subjects.arguments(use), name: value})
                    counts[came if came in ("accepted", "refused") else "raw"] += 1
                    if came == "accepted":
                        accepted.add(case)
                    elif came != "refused":
                        raw[case] = came
    finally:
        subjects.close()
    with capsys.disabled():
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        print(f"\nwrong use: {len(everything)} callables, {len(WRONG)} kinds: {told}")
    assert raw == {}
    assert accepted == set(ACCEPTED)
    assert counts["refused"] > 1_900


def test_every_public_name_is_among_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subjects = Subjects(tmp_path)
    try:
        found = {use.name.partition(".")[0] for use in uses(subjects)}
    finally:
        subjects.close()
    others = {one.__name__ for one in (*VALUES, *ELSEWHERE)}
    made = {"ObiError", "RecordingWarning", *others}  # by the package
    assert set(obi.__all__) - found == made | {"Choice"}  # of words: see `test_signal`
