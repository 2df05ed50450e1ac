"""What was skipped when a recording was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Skipped:
    """What was skipped when a recording was last read.

    Attributes
    ----------
    unreadable : int
        Number of lines that are not records.
    first_unreadable : str
        Number and file of the first of them.
    faults : list of str
        What is wrong with the files, a sentence each.
    other_markets : Counter
        Number of lines of other markets, by market.
    lacking : list of str
        What the file does not have, a sentence each.
    """

    unreadable: int = 0
    first_unreadable: str = ""
    faults: list[str] = field(default_factory=list)
    other_markets: Counter[str] = field(default_factory=Counter)
    lacking: list[str] = field(default_factory=list)

    def add_line(self, file: str, number: int) -> None:
        """Count a line that is not a record."""
        if not self.unreadable:
            self.first_unreadable = f"line {number:,} of {file}"
        self.unreadable += 1

    @property
    def damage(self) -> list[str]:
        """Sentences about what is missing because files are damaged."""
        sentences = list(self.faults)
        if self.unreadable == 1:
            sentences.append(
                f"One line could not be read and was left out: {self.first_unreadable}."
            )
        elif self.unreadable:
            sentences.append(
                f"{self.unreadable:,} lines could not be read and were left out; the first is "
                f"{self.first_unreadable}."
            )
        return sentences

    @property
    def of_other_markets(self) -> list[str]:
        """Sentences about the lines that belong to other markets."""
        return [
            f"{count:,} lines are of {market} and were left out."
            for market, count in self.other_markets.items()
        ]
