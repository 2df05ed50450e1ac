"""The command ``obi-widgets warm``: it compiles all there is."""

from __future__ import annotations

from pathlib import Path

import obi_widgets
from obi_widgets.cli import main, warming
from obi_widgets.kernels import loader

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
