"""What is published: what is in wheel and sdist, and that it works where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import textwrap
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

SMOKE = """
    import json
    from pathlib import Path

    import obi_widgets as obi
    from obi_widgets.widgets.assets import asset

    history = obi.simulate(seconds=120, levels=10, edge=4.0, seed=3)
    settings = obi.Settings(depth=5, threshold=0.3, hold_seconds=2)
    trades = obi.entries(history, settings)
    report = obi.calibrate(history, settings, horizons=[1, 2])
    path = settings.save("s.toml", findings=report.findings)
    assert obi.Settings.load(path) == settings
    strategy = obi.export_strategy("strategy.py", settings, history)
    compile(strategy.read_text(), strategy, "exec")
    lab = obi.Lab("sim:BTC-PERP", edge=1.0, seed=1)
    lab.close()
    print(json.dumps({
        "file": obi.__file__, "version": obi.__version__, "states": len(history),
        "entries": len(trades), "verdict": report.findings.verdict, "css": len(asset("obi.css")),
    }))
"""


def run(*command: object, **how) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=240, check=False, **how
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(folder: Path, source: Path) -> Path:
    """Build it with the tools of this environment."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps")
    run(*pip, "--no-build-isolation", "--no-cache-dir", "-w", folder, source)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build it from the files of the checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"), ROOT)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (made,) = folder.glob("*.tar.gz")
    return made


def test_all_files_of_the_package_are_in_it_and_nothing_else(wheel):
    package = ROOT / "obi_widgets"
    there = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = zipfile.ZipFile(wheel).namelist()
    outside = {name for name in names if ".data/" in name}
    assert {name for name in names if ".dist-info/" not in name} - outside == there
    (config,) = outside
    assert config.endswith(".data/data/etc/jupyter/jupyter_server_config.d/obi_widgets.json")
    assert {"obi_widgets/py.typed", "obi_widgets/widgets/static/obi.css"} <= there
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_works_from_outside_the_checkout(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps")
    run(*pip, "--target", site, wheel)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    smoke = tmp_path / "smoke.py"
    smoke.write_text(textwrap.dedent(SMOKE), encoding="utf-8")
    said = json.loads(run(sys.executable, smoke, cwd=elsewhere, env=environment))
    assert Path(said.pop("file")) == site / "obi_widgets/__init__.py"
    assert said.pop("version") == wheel.name.split("-")[1]
    assert said.pop("css") > 1000
    assert said["states"] > 1000
    assert said["entries"] > 0
    assert said["verdict"]
    told = run(
        sys.executable, "-m", "obi_widgets.cli.main", "--version", cwd=elsewhere, env=environment
    )
    assert told == f"obi-widgets {wheel.name.split('-')[1]}\n"


MADE = {"__pycache__", ".ipynb_checkpoints", "_made", "artefacts", "others", "company"}
"""Folders of what is made from the files."""


def test_the_sdist_has_all_that_builds_checks_and_documents_it(sdist):
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = [
        ROOT / name.strip("/")
        for name in declared["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    ]
    there = {
        path.relative_to(ROOT).as_posix()
        for one in included
        for path in (one.rglob("*") if one.is_dir() else [one])
        if path.is_file() and not MADE & set(path.parts) and path.parent != ROOT / "docs/api"
    }
    assert names == there | {"LICENSE", "pyproject.toml", ".gitignore", "PKG-INFO"}
    assert {
        ".ci/run", ".github/SECURITY.md", "CITATION.cff", "benchmarks/base.py", "binder/start",
        "docs/conf.py", "examples/01_quickstart.ipynb", "tests/data/sim.txt",
    } <= names  # fmt: skip


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(wheel, sdist, tmp_path):
    def files(path: Path) -> dict[str, int]:
        return {one.filename: one.CRC for one in zipfile.ZipFile(path).infolist()}

    assert files(build_wheel(tmp_path, sdist)) == files(wheel)


def test_the_index_is_told_addresses_licence_and_the_readme(wheel):
    packed = zipfile.ZipFile(wheel)
    (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
    told = message_from_bytes(packed.read(name))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    urls = dict(line.split(", ") for line in told.get_all("Project-URL"))
    assert urls == project["urls"]
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} == set(urls)
    assert told["License-Expression"] == "BSD-3-Clause"
    assert told["License-File"] == "LICENSE"
    assert told.get_all("Classifier") == project["classifiers"]
    assert told["Description-Content-Type"] == "text/markdown"
    text = told.get_payload(decode=True).decode("utf-8")
    assert text.strip() == (ROOT / "README.md").read_text("utf-8").strip()
