"""The public names."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from public_types import PLACES, spoken_of

import obi_widgets as obi
from obi_widgets import version as obi_version

THERE_ARE_WIDGETS = importlib.util.find_spec("obi_widgets.widgets") is not None


def test_the_names_are_those_that_can_be_had():
    assert obi.__all__ == sorted(PLACES)
    assert set(obi.__all__) <= set(dir(obi))


@pytest.mark.filterwarnings("ignore:metadata .* was set from the constructor")  # in bqscales
@pytest.mark.parametrize("name", obi.__all__)
def test_every_name_can_be_had_and_is_what_its_module_has(name):
    place = PLACES[name]
    if place == "widgets" and not THERE_ARE_WIDGETS:
        pytest.skip("the widgets are not written yet")
    value = getattr(obi, name)
    assert value is getattr(importlib.import_module(f"obi_widgets.{place}"), name)
    assert callable(value)
    assert value.__doc__


def test_dir_is_the_public_names_and_nothing_else():
    assert dir(obi) == obi.__all__
    assert {"shuffled", "skewed", "look_ahead"} <= {*dir(obi)}


@pytest.mark.parametrize("name", obi.__all__)
def test_every_type_in_a_public_signature_is_public_itself(name):
    """A protocol has no objects of its own: whatever has its attributes is one."""
    public = {getattr(obi, one) for one in obi.__all__ if isinstance(getattr(obi, one), type)}
    private = {
        kind.__qualname__: where
        for kind, where in spoken_of(name).items()
        if kind not in public and not getattr(kind, "_is_protocol", False)
    }
    assert not private, (
        f"make it public in obi_widgets/__init__.pyi, or speak of another: {private}"
    )


def test_no_module_takes_the_place_of_a_name_when_it_is_imported():
    """As `obi.entries` would be a module, once a session had imported obi_widgets/entries.py."""
    root = Path(obi.__file__).parent
    modules = {path.stem for path in root.glob("*.py")} | {path.name for path in root.iterdir()}
    assert modules & set(obi.__all__) == set()


def test_another_name_is_refused():
    with pytest.raises(AttributeError) as error:
        obi.Labb  # noqa: B018
    assert str(error.value) == "No obi_widgets attribute Labb"


def test_the_version_is_that_of_the_metadata():
    assert re.fullmatch(r"\d+\.\d+\.\d+", obi.__version__)
    assert obi.__version__ == importlib.metadata.version("obi-widgets")


def test_the_package_can_be_used_where_it_is_not_installed(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert obi_version.version.__wrapped__() == "0+unknown"


def test_importing_the_package_imports_nothing_large():
    loaded = "import obi_widgets, sys; print(*sys.modules)"
    names = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert not {"importlib.metadata", "numpy", "msgspec", "traitlets"} & {*names.stdout.split()}
