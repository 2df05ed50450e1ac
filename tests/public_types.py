"""Which types of ours the public signatures speak of."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
import typing
from pathlib import Path

import pandas as pd

import obi_widgets as obi

PLACES = {
    alias.name: str(node.module)
    for node in ast.parse(Path(obi.__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""Module of each public name, as the stub says."""

MADE = {
    "BlindScore", "BlindTest", "Card", "CardConfidence", "CardReason", "CardWindow", "Cards",
    "Comparison", "Confidence", "Context", "Days", "Depth", "EventStudy", "Findings", "Flow",
    "Gate", "Health", "History", "LargeLevels", "Mode", "Parameter", "Portfolio", "Proposal",
    "Reading", "Reconciliation", "Reliability", "Report", "SealedTest", "Signal", "SignalPath",
    "Suitability", "Surface", "Taken", "Trades", "VenueDivergence", "VenueMoment",
    "WeightsComparison",
}  # fmt: skip
"""Public classes whose objects come from functions."""

WITHIN = {
    "checks.Unset",  # an argument that was left out
    "history.levels.Levels",
    "presentation.frames.frame.Frame",
    "signals.insight.Insight",
    "widgets.time_axis.TimeAxis",
}
"""What passes between parts of the package, and not to its users."""


@functools.cache
def namespace(module_name: str) -> dict[str, object]:
    """Return the names of a module, those included that are imported for types alone."""
    module = sys.modules[module_name]
    names = dict(vars(module))
    for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__file__, "exec"), names)
    return {**names, "pd": types.SimpleNamespace(**{**vars(pd), "Series": list})}  # Series[float]


def hints(thing) -> dict[str, object]:
    """Return the annotations of a function, or of the attributes of a class, as types."""
    own = types.SimpleNamespace(__annotations__=inspect.get_annotations(thing))  # none inherited
    return typing.get_type_hints(own, namespace(thing.__module__))


def ours(hint) -> set[type]:
    """Return the classes of this package that a type is made of."""
    if isinstance(hint, type) and hint.__module__.startswith("obi_widgets"):
        place = f"{hint.__module__}.{hint.__name__}".removeprefix("obi_widgets.")
        return set() if place in WITHIN else {hint}
    return set().union(*map(ours, typing.get_args(hint)))


def members(public) -> list:
    """Return the functions, methods and properties of a public object that its users call."""
    if not inspect.isclass(public):
        return [getattr(public, "function", public)]  # a signal is a function's
    found = []
    for kind in public.__mro__:
        if not kind.__module__.startswith("obi_widgets"):
            continue
        for name, value in vars(kind).items():
            if name.startswith("_") and (name != "__init__" or public in made()):
                continue
            value = getattr(value, "func", getattr(value, "fget", None)) or value
            value = getattr(value, "__func__", value)
            if inspect.isfunction(value) and value.__module__.startswith("obi_widgets"):
                found.append(value)
    return found


def made() -> set[type]:
    """Return the classes whose objects come from functions, so that nobody calls them."""
    return {getattr(obi, name) for name in MADE}


def spoken_of(name: str) -> dict[type, str]:
    """Return the classes of ours in what belongs to a public name, and where."""
    found = {}
    for member in members(getattr(obi, name)):
        for which, hint in hints(member).items():
            if not which.startswith("_"):
                for kind in ours(hint):
                    found[kind] = f"{member.__qualname__}: {which}"
    return found
