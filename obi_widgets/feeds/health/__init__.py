"""The health of a feed: what it received, what it did not, and how late, as plain values."""
