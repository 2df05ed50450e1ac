"""The results of a sealed test, to compare two."""

from __future__ import annotations


def state(test):
    """Return all results and the state from which the test goes on, exactly."""
    records = [
        (
            record.queue, record.trades, record.lost, record.missed, record.held, record.mean.n,
            record.mean.mean, record.mean._squares, record.clipped._log_capital.tobytes(),
            record.decided, record.decided_after,
        )
        for record in test.records
    ]  # fmt: skip
    return records, test.unseen, test.seen, test.summary()
