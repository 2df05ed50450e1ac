"""How a venue is reached: by which addresses, through which proxy, and from which web page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from obi_widgets.checks import flag, instance
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.market_data.venues.route import Route

if TYPE_CHECKING:
    from obi_widgets.market_data.venues import Venue

PROXIES = "http", "https", "socks5", "socks5h"


class Reach(NamedTuple):
    """Arguments of the user about how a venue is reached; see `obi_widgets.Session`."""

    proxy: str | None = None
    urls: Mapping[str, str] | None = None
    testnet: bool = False
    origin: str | None = None

    def set_on(self, venue: Venue) -> Venue:
        """Set the addresses and the route of a decoder, and return it.

        Raises
        ------
        SettingsError
            If an argument is not possible, or the venue has no test network that is known.
        """
        venue.urls.update(self._endpoints(venue))
        venue.route = Route(_proxy(self.proxy), _origin(self.origin))
        return venue

    def _endpoints(self, venue: Venue) -> dict[str, str]:
        names = ", ".join(f"'{name}'" for name in venue.endpoints)
        endpoints: dict[str, str] = {}
        if flag("testnet", self.testnet):
            if not venue.testnet:
                raise SettingsError(
                    f"No test network of {venue.label} is known.",
                    f"Leave testnet out, or give its addresses: urls={{...}} with {names}.",
                )
            endpoints |= venue.testnet
        if self.urls is None:
            return endpoints
        instance("urls", self.urls, Mapping, f"Give a dict with some of {names}.")
        for name, url in self.urls.items():
            if name not in venue.endpoints:
                raise SettingsError(
                    f"{venue.label} has no address named {quoted(name)}.", f"It has {names}."
                )
            schemes = ("https", "http") if name == "rest" else ("wss", "ws")
            endpoints[name] = _url(f"urls[{name!r}]", url, schemes).rstrip("/")
        return endpoints


def check_urls(urls: object, venues: Iterable[str]) -> None:
    """Raise `SettingsError` if addresses, which are of one venue, are given for several."""
    if urls is not None and len(names := sorted(set(venues))) > 1:
        raise SettingsError(
            f"urls are of one venue, and there are several: {', '.join(names)}.",
            "Give the markets of that venue alone.",
        )


def _url(name: str, url: object, schemes: tuple[str, ...]) -> str:
    """Return a URL after checking it."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        good = parts is not None and parts.scheme in schemes and bool(parts.hostname)
        good = good and parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:  # no port, or a bracket of an IPv6 address is missing
        good = False
    if not good:
        starts = " or ".join(f"{scheme}://" for scheme in schemes)
        raise SettingsError(
            f"{name} = {quoted(url)} is no address.", f"Give one that begins with {starts}."
        )
    return str(url)


def _proxy(proxy: object) -> str | None:
    if proxy is None or proxy == "":
        return proxy
    url = _url("proxy", proxy, PROXIES)
    if url.startswith("socks"):
        missing = [name for name in ("python_socks", "socksio") if find_spec(name) is None]
        if missing:
            packages = " ".join(name.replace("_", "-") for name in missing)
            raise SettingsError(
                f"proxy = {quoted(url)} needs {' and '.join(missing)}.",
                f"Install: pip install {packages}. Or give a proxy of http.",
            )
    return url


def _origin(origin: object) -> str:
    if origin is None or origin == "":
        return ""
    url = _url("origin", origin, ("https", "http"))
    if urlsplit(url).path.strip("/"):
        raise SettingsError(
            f"origin = {quoted(url)} has a path.", "Give scheme and host: 'https://lmex.io'."
        )
    return url.rstrip("/")
