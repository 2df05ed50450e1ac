"""Parameters that a function declares: read from its keyword-only arguments and its docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Kind, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable


def declared_by(function: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters that a function declares: its keyword-only arguments.

    Parameters
    ----------
    function : callable
        Each of its keyword-only arguments has a default and a kind as its annotation, plain or in
        ``Annotated[type, kind]``; there a str beside the kind is the name on the screen.

    Raises
    ------
    SettingsError
        If an argument has no kind or no default, or if its default is not possible.
    """
    name = getattr(function, "__name__", repr(function))
    described = described_in(inspect.getdoc(function) or "")
    found = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        try:
            kind, label = _kind_of(argument.annotation, getattr(function, "__globals__", {}))
        except (NameError, AttributeError, SyntaxError) as error:
            raise SettingsError(
                f"The annotation of {argument.name} in {name} cannot be read: {error}.",
                "Define the names it uses at the top level.",
            ) from None
        if kind is None:
            raise SettingsError(
                f"The parameter {argument.name} of {name} has no kind.",
                f"Annotate it, for example {argument.name}: obi.Seconds(1, 3600) = 60.",
            )
        if argument.default is inspect.Parameter.empty:
            raise SettingsError(
                f"The parameter {argument.name} of {name} has no default.", "Give it one."
            )
        described_as = described.get(argument.name, "")
        parameter = Parameter(argument.name, kind, None, described_as, label)
        found[argument.name] = replace(parameter, default=parameter.check(argument.default))
    return found


def _kind_of(annotation: object, names: dict[str, Any]) -> tuple[Kind | None, str]:
    """Return the kind in an annotation, and the name on the screen; empty if it has none."""
    if isinstance(annotation, str):  # after "from __future__ import annotations"
        annotation = eval(annotation, names)  # the user's own code
    if isinstance(annotation, Kind):
        return annotation, ""
    said = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    kind = next((one for one in said if isinstance(one, Kind)), None)
    return kind, next((one for one in said if isinstance(one, str)), "")


def described_in(docstring: str) -> dict[str, str]:
    """Return the description of each parameter in a numpydoc docstring, as one line each."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    if section is None:
        return {}
    found: dict[str, str] = {}
    for names, text in re.findall(
        r"^(\w[\w, ]*)(?: *:[^\n]*)?\n((?:[ \t]+[^\n]*\n?|\n)*)", section[1], re.M
    ):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.replace("``", "").split())
    return found
