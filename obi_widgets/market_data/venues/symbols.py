"""Symbols as people spell them, and as a venue does.

A spelling such as ``BTC/USDT``, ``btcusdt``, ``BTC-PERP``, ``BTC/USDT:USDT`` or ``BTC-USDT-SWAP``
names a market by what is traded, against what, and as what kind of contract. `Venue.spell` writes
such a market as the venue does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Literal, NamedTuple, TypeAlias

from obi_widgets.errors import SymbolError, quoted

Contract: TypeAlias = Literal["spot", "linear", "inverse"]
"""What is traded: the coins, or a perpetual that is settled in the quote currency (linear) or in
the coins themselves (inverse)."""

Spell: TypeAlias = Callable[[str, str, Contract], str | None]
"""Takes base, quote (empty: the usual one) and contract; returns a symbol, or None for no such."""

CONTRACTS: tuple[Contract, ...] = ("spot", "linear", "inverse")
"""In the order in which they are tried where a spelling does not say which is meant."""

PERPETUAL = CONTRACTS[1:]

QUOTES = (
    "USDT", "USD", "USDC", "EUR", "BTC", "ETH", "BNB", "FDUSD", "RLUSD", "PYUSD", "USDE", "USD1",
    "DAI", "GBP", "JPY", "TRY", "BRL", "AUD", "CAD", "CHF", "KRW",
)  # fmt: skip
"""Quote currencies that are found at the end of a spelling without a separator."""

COINS = ("BTC", "ETH", "BNB")
"""Those of them that names of other coins end with, such as WBTC and STETH."""

SHORTEST = 3
"""The fewest letters before one of `COINS`."""

LIKE_PAIRS = frozenset({"WSTETH", "SOLVBTC", "CRVUSD", "FRXUSD", "SUSDE"})
"""Coins whose names may also be pairs of another coin. A letter before USD or EUR is a further one:
TUSD may be the coin, or T in USD."""

MARKS = ("PERP", "PERPETUAL", "SWAP", "P")
"""Parts of a spelling that mark a perpetual."""

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}

SEPARATORS = re.compile(r"[-_/.\s]+")
NAME = re.compile(r"[^\W_]+")
QUOTE = re.compile(r"[A-Z][A-Z0-9]{1,9}")

MOST = 3
"""The most similar symbols that an advice names."""


class Named(NamedTuple):
    """A market, as a spelling names it.

    Attributes
    ----------
    base : str
        What is traded.
    quote : str
        The currency of its prices; empty if the spelling does not say.
    contracts : tuple of str
        What it may be.
    """

    base: str
    quote: str = ""
    contracts: tuple[Contract, ...] = CONTRACTS

    @property
    def is_bare(self) -> bool:
        """Whether it is the name of a coin alone."""
        return not self.quote and self.contracts == CONTRACTS

    def spelled(self, spell: Spell, quotes: Iterable[str] = ()) -> Iterator[str]:
        """Yield how a venue spells it, best first.

        ``quotes`` are tried where the spelling names no quote currency.
        """
        for contract in self.contracts:
            for quote in [self.quote, *(() if self.quote else quotes)]:
                symbol = None if quote == self.base else spell(self.base, quote, contract)
                if symbol is not None:
                    yield symbol


def parse(spelling: str) -> Named | None:
    """Return the market that a spelling names; None if it is of no common form.

    Examples
    --------
    >>> parse("xbtusd_perp")
    Named(base='BTC', quote='USD', contracts=('linear', 'inverse'))
    """
    pair, colon, settled = spelling.strip().upper().partition(":")
    parts = [part for part in SEPARATORS.split(pair) if part]
    marked = [part for part in parts[1:] if part in MARKS]
    contracts = PERPETUAL if marked or colon else CONTRACTS
    parts = [parts[0], *(part for part in parts[1:] if part not in MARKS)] if parts else []
    if len(parts) == 1:
        parts = list(_split(parts[0]))
        if len(parts) == 1 and not marked and _ends(parts[0], "PERP"):
            contracts, parts = PERPETUAL, list(_split(parts[0].removesuffix("PERP")))
    if not 1 <= len(parts) <= 2 or not NAME.fullmatch(parts[0]):
        return None
    base, quote = ALIASES.get(parts[0], parts[0]), parts[1] if len(parts) == 2 else ""
    quote = ALIASES.get(quote, quote)
    if quote and not QUOTE.fullmatch(quote):
        return None  # the date of a future, for instance
    if colon:
        if not quote or not QUOTE.fullmatch(settled):
            return None
        contracts = ("inverse",) if ALIASES.get(settled, settled) == base else ("linear",)
    return Named(base, quote, contracts)


def _split(pair: str) -> tuple[str, ...]:
    """Return base and quote of a pair without a separator; the pair if it has no known quote."""
    if pair in QUOTES:
        return (pair,)
    for quote in sorted(QUOTES, key=len, reverse=True):
        if _ends(pair, quote):
            return pair.removesuffix(quote), quote
    return (pair,)


def _ends(pair: str, ending: str) -> bool:
    least = SHORTEST if ending in COINS else 1
    return pair.endswith(ending) and len(pair) >= len(ending) + least


def own_spelling(spelling: str, spell: Spell, label: str) -> str:
    """Return how a venue spells the market that is meant.

    What the venue itself may list is returned as it is, except that letters in lower case become
    capitals. Only the venue knows whether it lists such a symbol.

    Parameters
    ----------
    spelling : str
        In any common form.
    spell : callable
        `Venue.spell`.
    label : str
        The venue's display name.

    Raises
    ------
    SymbolError
        If the venue has no such market, or if no quote currency is given and it has no usual one.
    """
    named, found = parse(spelling), None
    if named is not None:
        if spelling in named.spelled(spell, QUOTES):
            return spelling
        found = next(named.spelled(spell), None)
    forms = {_form(symbol) for symbol in Named("BTC").spelled(spell, QUOTES)}
    if named is not None and _may_be_coin(spelling):
        if _form(spelling) in forms:  # the venue may list it as it is
            return spelling.upper()
        coin = next(Named(spelling.upper()).spelled(spell, QUOTES), None)
        if found is not None and coin is not None:
            raise SymbolError(
                f"{quoted(spelling)} may be a coin, or {named.base} in {named.quote}.",
                did_you_mean([coin, found]),
            )
        found = found or coin
    is_plain = spelling in (spelling.lower(), spelling.upper())
    if named is not None and found is not None:
        same = is_plain and found.casefold() == spelling.casefold()
        if same or not named.is_bare:
            return found
    if not NAME.search(spelling) or not spelling.isprintable() or " " in spelling:
        raise SymbolError(
            f"{quoted(spelling)} is not a symbol of {label}.", _advice(spelling, spell)
        )
    if named is None or not forms or _form(spelling) in forms:
        return spelling.upper() if spelling == spelling.lower() else spelling
    if found is not None:
        return found
    raise SymbolError(f"{label} has no symbol {quoted(spelling)}.", _advice(spelling, spell))


def _may_be_coin(spelling: str) -> bool:
    """Return whether what was read as a pair without a separator may be the name of a coin."""
    name = spelling.upper()
    return name in LIKE_PAIRS or name[1:] in ("USD", "EUR")


def _form(symbol: str) -> str:
    """Return a symbol with each name in it replaced by the same letter."""
    return NAME.sub("A", symbol)


def _advice(spelling: str, spell: Spell) -> str:
    others = similar(spelling, spell)
    return did_you_mean(others) or "Give base and quote currency, such as 'BTC/USDT'."


def similar(spelling: str, spell: Spell, listed: Iterable[str] | None = None) -> list[str]:
    """Return the symbols of a venue that may have been meant, best first, at most `MOST`.

    Parameters
    ----------
    spelling : str
        What was given.
    spell : callable
        `Venue.spell`.
    listed : iterable of str, optional
        Every symbol of the venue, if it has said.
    """
    named, known = parse(spelling), None if listed is None else set(listed)
    others = [] if named is None else [*Named(named.base).spelled(spell, QUOTES)]
    if known is not None:
        folded = {symbol.casefold(): symbol for symbol in sorted(known)}
        near = get_close_matches(spelling.casefold()[:60], folded, n=MOST, cutoff=0.6)
        same = [folded[spelling.casefold()]] if spelling.casefold() in folded else []
        others = [*same, *(one for one in others if one in known), *(folded[one] for one in near)]
    return [one for one in dict.fromkeys(others) if one != spelling][:MOST]


def did_you_mean(others: Iterable[str]) -> str:
    """Return the question whether one of these was meant; empty if there are none."""
    *first, last = [repr(one) for one in others] or [""]
    choice = f"{', '.join(first)} or {last}" if first else last
    return f"Did you mean {choice}?" if choice else ""
