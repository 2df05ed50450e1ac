"""What was not read of a recording."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class LeftOut:
    """What one reading of a recording left out.

    Attributes
    ----------
    lines : int
        Lines that are not records.
    first : str
        Which was the first of them.
    faults : list of str
        What is wrong with the files, a sentence each.
    other : Counter
        Lines of other markets, by market.
    """

    lines: int = 0
    first: str = ""
    faults: list[str] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)

    def line(self, name: str, number: int) -> None:
        """Count a line that is not a record."""
        if not self.lines:
            self.first = f"line {number:,} of {name}"
        self.lines += 1

    @property
    def damage(self) -> list[str]:
        """What is missing because files are damaged, a sentence each."""
        said = list(self.faults)
        if self.lines == 1:
            said.append(f"One line could not be read and was left out: {self.first}.")
        elif self.lines:
            said.append(
                f"{self.lines:,} lines could not be read and were left out; the first is "
                f"{self.first}."
            )
        return said

    @property
    def others(self) -> list[str]:
        """What was left out because it is of another market, a sentence each."""
        return [
            f"{count:,} lines are of {market} and were left out."
            for market, count in self.other.items()
        ]
