"""Whether a built site is whole: ``python -m tests.check_site DIRECTORY``.

Sphinx checks the links of the pages' sources. This checks what came out: every link within the
site leads to a page and a place on it, nothing is loaded from elsewhere, and every public name has
its page.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    ("img", "src"),
    ("script", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "srcset"),
}
"""Attributes whose address a browser loads by itself."""


class Page(HTMLParser):
    """The places on a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        canonical = ("rel", "canonical") in attrs  # it says where the page is, and loads nothing
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            if tag == "a" and name == "href" and value:
                self.links.append(value)
            if (tag, name) in LOADED and value and not canonical:
                self.loads.append(value)


def problems(site: Path, names: list[str]) -> list[str]:
    """Return a sentence for each thing that is wrong."""
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if path.relative_to(site).parts[0] != "_static"  # templates of the theme
    }
    found = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        for address in page.loads:
            if urlsplit(address).netloc:
                found.append(f"{where} loads {address} from elsewhere.")
            elif address and not address.startswith("data:"):
                found += _missing(site, path, where, address, pages)
        for address in page.links:
            if not urlsplit(address).scheme and not urlsplit(address).netloc:
                found += _missing(site, path, where, address, pages)
    for name in names:
        at = f"obi_widgets.{name}"
        if not any(at in page.places for page in pages.values()):
            found.append(f"{at} has no page.")
    for style in site.rglob("*.css"):
        if "url(http" in style.read_text(encoding="utf-8").replace('"', "").replace("'", ""):
            found.append(f"{style.relative_to(site)} loads something from elsewhere.")
    return found


def _missing(
    site: Path, path: Path, where: Path, address: str, pages: dict[Path, Page]
) -> list[str]:
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.exists() or not target.is_relative_to(site.resolve()):
        return [f"{where} leads to {address}, which is not there."]
    place = unquote(parts.fragment)
    if place and target in pages and place not in pages[target].places:
        return [f"{where} leads to {address}, and there is no such place on the page."]
    return []


def main() -> int:
    import obi_widgets as obi

    site = Path(sys.argv[1])
    found = problems(site, obi.__all__)
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages, all links lead somewhere.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
