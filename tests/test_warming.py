"""The command ``obi-widgets warm``: it compiles all there is."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

import obi_widgets
from obi_widgets.cli import main, warming
from obi_widgets.kernels import loader
from obi_widgets.kernels.compiled_cache import is_compiled

ROOT = Path(obi_widgets.__file__).parent


def test_no_kernel_is_left_out(capsys):
    assert main.main(["warm"]) == 0
    assert capsys.readouterr().out.startswith("All kernels are compiled, ")
    own = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for path in ROOT.rglob("*_numba.py")
        if "def compile_all" in path.read_text(encoding="utf-8")
    }
    assert own <= {kernels.numba for kernels in loader.registered}
    assert all(kernels.code.__name__ == kernels.numba for kernels in loader.registered)
    # Later processes load them, and start no compiler.
    assert all(is_compiled(kernels.code, loader._stamp) for kernels in loader.registered)


def test_a_kernel_that_cannot_be_compiled_is_named(monkeypatch, capsys):
    failing = loader.Kernels("obi_widgets.nowhere_numba")
    try:
        monkeypatch.setattr(loader, "registered", [failing])
        assert warming.compile_all(lambda _: None) == ["obi_widgets.nowhere_numba"]
        assert main.main(["warm"]) == 1
        assert "obi_widgets.nowhere_numba cannot be compiled" in capsys.readouterr().err
    finally:
        monkeypatch.undo()
        loader.registered.remove(failing)


@pytest.mark.parametrize(("changes", "succeeds"), [(1, True), (4, True), (5, False)])
def test_compiling_is_tried_again_when_a_cell_begins_meanwhile(
    changes, succeeds, monkeypatch, caplog
):
    # numba looks through the builtins, and IPython changes them in another thread.
    left = iter([RuntimeError("dictionary changed size during iteration")] * changes)

    def compile_all():
        for error in left:
            raise error

    code = types.ModuleType("once_numba")
    code.compile_all = compile_all
    monkeypatch.setitem(sys.modules, code.__name__, code)
    kernels = loader.Kernels(code.__name__)
    loader.registered.remove(kernels)
    kernels.compile()
    assert (kernels.code is code) is succeeds
    assert ("cannot be compiled" in caplog.text) is not succeeds


def test_another_error_is_not_tried_again():
    code = types.ModuleType("never_numba")
    calls = []

    def compile_all():
        calls.append(1)
        raise RuntimeError("no compiler")

    code.compile_all = compile_all
    with pytest.raises(RuntimeError, match="no compiler"):
        loader.compile_all(code)
    assert len(calls) == 1
