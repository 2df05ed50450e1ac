"""The source of a user's function, for a file that does not import this package."""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import sys
import textwrap
from types import ModuleType
from typing import TYPE_CHECKING

from obi_widgets.errors import SettingsError
from obi_widgets.signals.source import source_of
from obi_widgets.strategy.plain import plain_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.signals.declared import Declared

ADVICE = "Write what it needs in the function, or make it a parameter; numpy may be imported."


def self_contained(one: Declared, name: str) -> tuple[list[str], str]:
    """Return the imports that the function of a signal or a gate needs, and its source.

    Decorators, annotations and defaults are left out: they may use names that the file does not
    have, and every argument is given.

    Parameters
    ----------
    one : Signal or Gate
        Not a transform.
    name : str
        What the function is called in the file.

    Returns
    -------
    list of str
        Lines such as ``import numpy as np``.
    str
        The function, under that name.

    Raises
    ------
    SettingsError
        If the function needs more than its arguments, numpy and Python's own modules, or its source
        is unknown. The message gives the reason.
    """
    function = plain_of(one) or one.function
    source = source_of(one) if function is one.function else inspect.getsource(function)
    try:
        definition = next(iter(ast.parse(source).body), None)
    except SyntaxError:  # a lambda, whose source lines are part of another statement
        definition = None
    if not isinstance(definition, ast.FunctionDef):
        raise _refused(one, "it is not written as a function with def")
    inner = getattr(function, "__code__", None)
    if inner is None or inner.co_freevars:
        names = ", ".join(inner.co_freevars) if inner is not None else "what it wraps"
        raise _refused(one, f"it uses {names} of the function around it")
    for module in _imported(definition):
        if not _may_import(module):
            raise _refused(one, f"it imports {module}")
    text = _stripped(name, definition, source)
    imports = []
    known = getattr(function, "__globals__", {})
    for used in sorted(_global_names(text, name)):
        value = known.get(used)
        if used not in known and hasattr(builtins, used):
            continue
        if not isinstance(value, ModuleType):
            raise _refused(one, f"it uses the global name {used}")
        if not _may_import(value.__name__):
            raise _refused(one, f"it uses the module {value.__name__}")
        line = f"import {value.__name__}"
        imports.append(line if used == value.__name__ else f"{line} as {used}")
    return imports, text


def _refused(one: Declared, reason: str) -> SettingsError:
    return SettingsError(f"The {one.kind} {one.name} cannot be exported: {reason}.", ADVICE)


def _may_import(module: str) -> bool:
    root = module.split(".")[0]
    return root == "numpy" or root in sys.stdlib_module_names


def _imported(definition: ast.FunctionDef) -> Iterator[str]:
    """Yield the modules that are imported within a function."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def _stripped(name: str, definition: ast.FunctionDef, source: str) -> str:
    """Return a function without decorator, annotations and defaults; its body is unchanged."""
    given = definition.args
    arguments = [one.arg for one in (*given.posonlyargs, *given.args)]
    if given.kwonlyargs:
        arguments += ["*", *(one.arg for one in given.kwonlyargs)]
    head = f"def {name}({', '.join(arguments)}):\n"
    # The signature may have several lines, and comments may precede the first statement.
    named = [one for one in ast.walk(given) if isinstance(one, ast.expr | ast.arg)]
    named += [definition.returns] if definition.returns is not None else []
    ends = max((one.end_lineno or 0 for one in named), default=definition.lineno)
    begin, lines = definition.body[0].lineno, source.splitlines()
    if begin <= ends:  # all in one line
        body = "\n".join(map(ast.unparse, definition.body))
    else:
        while begin > ends + 1 and lines[begin - 2].lstrip().startswith("#"):
            begin -= 1
        body = textwrap.dedent("\n".join(lines[begin - 1 : definition.end_lineno]))
    return head + textwrap.indent(body, "    ") + "\n"


def _global_names(text: str, name: str) -> set[str]:
    """Return the global names that a function uses, built-in ones included."""
    found: set[str] = set()
    tables = [symtable.symtable(text, name, "exec").get_children()[0]]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {one.get_name() for one in table.get_symbols() if one.is_global()}
    return found
