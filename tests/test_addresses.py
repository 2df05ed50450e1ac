"""What the project says of itself to PyPI, GitHub and readers: everywhere the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
URLS = PROJECT["urls"]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
PLACES = ("*.md", "*.cff", ".github/**/*", "docs/*.*", "binder/*", "examples/*.*",
          "obi_widgets/**/*.py")  # fmt: skip
TEXTS = [path for place in PLACES for path in ROOT.glob(place) if path.is_file()]


def read(name: str):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_every_address_of_the_project_is_one_of_those_declared():
    owner, name = URLS["Source"].removeprefix("https://github.com/").split("/")
    site = f"https://{owner}.github.io/{name}/"
    assert URLS["Documentation"] == URLS["Homepage"] == site
    assert URLS["Issues"] == f"{URLS['Source']}/issues"
    assert URLS["Changelog"].startswith(site)
    found = [
        (path.name, address)
        for path in TEXTS
        for address in re.findall(
            r"https://[^\s\"')>\]]*obi-widgets[^\s\"')>\]]*", path.read_text("utf-8")
        )
    ]
    assert len(found) >= 5
    ours = (URLS["Source"], site, f"https://mybinder.org/v2/gh/{owner}/{name}/")
    hosts = ("github.com/", "githubusercontent.com/", "github.io/", "mybinder.org/")
    for where, address in found:
        if any(host in address for host in hosts):
            raw = address.replace("raw.githubusercontent.com", "github.com")
            assert raw.startswith(ours), (where, address)


def test_pages_of_the_site_that_are_named_exist():
    pages = {path.stem for path in (ROOT / "docs").glob("*.*")}
    links = read(".github/ISSUE_TEMPLATE/config.yml")["contact_links"]
    for address in (URLS["Changelog"], *(one["url"] for one in links)):
        if address.startswith(URLS["Documentation"]):
            page = address.removeprefix(URLS["Documentation"]).removesuffix(".html")
            assert page in pages, address


def test_the_citation_is_of_this_version():
    cited = read("CITATION.cff")
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(cited)
    assert cited["version"] == PROJECT["version"]
    assert cited["license"] == PROJECT["license"]
    assert [one["name"] for one in cited["authors"]] == [one["name"] for one in PROJECT["authors"]]
    assert (cited["repository-code"], cited["url"]) == (URLS["Source"], URLS["Homepage"])


def test_the_changelog_begins_with_this_version_or_the_next():
    titles = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert re.fullmatch(r"\d+\.\d+\.\d+ \((unreleased|\d{4}-\d\d-\d\d)\)", titles[0])
    assert any(title.startswith(f"{PROJECT['version']} ") for title in titles[:2])


def test_classifiers_exist_and_name_the_pythons_that_are_tested():
    given = PROJECT["classifiers"]
    assert set(given) - classifiers == set()
    assert not any(one.startswith("License ::") for one in given)  # `license` says it: PEP 639
    said = [one.rpartition(" ")[2] for one in given if re.search(r":: 3\.\d+$", one)]
    matrix = read(".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    assert said == [one["python"] for one in matrix]
    (minors,) = re.findall(
        r"^for minor in ([\d ]+);", (ROOT / ".ci/other-pythons").read_text("utf-8"), re.MULTILINE
    )
    assert said == [f"3.{minor}" for minor in minors.split()]
    assert PROJECT["requires-python"] == f">={said[0]}"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_asks_what_it_has_to(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert all({"name", "url", "about"} == set(one) for one in form["contact_links"])
        return
    assert {"name", "description", "body"} <= set(form)
    asked = [one for one in form["body"] if one["type"] != "markdown"]
    ids = [one["id"] for one in asked]
    assert len(set(ids)) == len(ids)
    for one in asked:
        assert one["attributes"]["label"]
        if one["type"] in ("dropdown", "checkboxes"):
            assert one["attributes"]["options"]
    assert any(one.get("validations", {}).get("required") for one in asked)
    if path.stem == "bug":
        assert {"version", "front-end", "source", "health", "recording"} <= set(ids)
