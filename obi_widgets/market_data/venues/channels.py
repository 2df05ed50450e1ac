"""The channels beside the book: each has to be confirmed, or to send data, or is asked for again.

A venue that refuses one of several subscriptions, or forgets it, goes on with the others: the book
is live, and trades or mark prices are missing. So each channel is watched by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obi_widgets.market_data.venues.replies import FOREVER, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWER_WITHIN = 10 * SECOND
"""Time from a subscription to its confirmation or its first data, ns."""

LONGEST_WAIT = 300 * SECOND
"""Longest time until a channel is asked for again, ns: it is doubled at each try."""


@dataclass
class _Channel:
    asked_at: int
    wait: int = ANSWER_WITHIN  # until it is asked for again, ns
    is_there: bool = False
    is_late: bool = False
    refused: str = ""  # why


class Channels:
    """The channels of one venue's connections, by what they bring.

    Parameters
    ----------
    label : str
        The venue's display name.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._channels: dict[str, _Channel] = {}

    def begin(self, names: Iterable[str], now: int) -> None:
        """Note that channels are asked for by a connection that is new."""
        self._channels.update((name, _Channel(now)) for name in names)

    def not_asked_yet(self, now: int) -> None:
        """Note that requests are not sent yet: channels that are not there are asked for now."""
        for channel in self._channels.values():
            if not channel.is_there:
                channel.asked_at = now

    def forget(self, names: Iterable[str]) -> None:
        """Note that the connection of channels was lost."""
        for name in names:
            self._channels.pop(name, None)

    def there(self, name: str) -> None:
        """Note that a channel was confirmed, or sent data."""
        if (channel := self._channels.get(name)) is not None:
            channel.is_there, channel.is_late, channel.refused = True, False, ""

    def refused(self, name: str, why: str) -> None:
        """Note that the venue refuses a channel."""
        if (channel := self._channels.get(name)) is not None and not channel.is_there:
            channel.refused = why

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return those of some channels that are neither confirmed nor have sent data."""
        asked = ((name, self._channels.get(name)) for name in names)
        return [name for name, channel in asked if channel is not None and not channel.is_there]

    def due_at(self) -> int:
        """Return the steady time from which `due` returns something, ns."""
        asked = [one.asked_at + one.wait + 1 for one in self._channels.values() if not one.is_there]
        return min(asked, default=FOREVER)

    def due(self, now: int) -> list[str]:
        """Return the channels to ask for again; they count as asked for now."""
        due = [
            name
            for name, channel in self._channels.items()
            if not channel.is_there and now - channel.asked_at > channel.wait
        ]
        for name in due:
            channel = self._channels[name]
            channel.asked_at, channel.is_late = now, True
            channel.wait = min(2 * channel.wait, LONGEST_WAIT)
        return due

    @property
    def note(self) -> str:
        """What the user should know: which channels are missing, and why. Empty if none is."""
        missing = {name: one for name, one in self._channels.items() if not one.is_there}
        said = [
            f"{self._label} refuses the {name}: {one.refused}."
            for name, one in missing.items()
            if one.refused
        ]
        late = [name for name, one in missing.items() if one.is_late and not one.refused]
        if late:
            said.append(f"{self._label} has not confirmed the {_listed(late)}.")
        return " ".join([*said, "Asking again, later and later."]) if said else ""


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
