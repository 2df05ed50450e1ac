"""The lines of a board as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from obi_widgets.presentation.board.board_texts import state_of

if TYPE_CHECKING:
    from obi_widgets.card.modes import Mode
    from obi_widgets.presentation.board.board_frame import BoardFrame


def board_table(frame: BoardFrame, signal: str, mode: Mode | None) -> pd.DataFrame:
    """Return a DataFrame of the values in each line, see `obi_widgets.Board.to_frame`.

    Parameters
    ----------
    frame : BoardFrame
        What the board shows.
    signal : str
        Name of the signal, for its column.
    mode : Mode or None
        Mode of the cards; None without them.
    """
    rows = [
        {
            "symbol": "" if row.instrument is None else row.instrument.symbol,
            "venue": "" if row.instrument is None else row.instrument.venue,
            "state": state_of(row),
            "reason": f"{row.detail} {row.advice}".strip(),
            "time": row.time or np.iinfo(np.int64).min,  # that is NaT
            "age": row.age,
            "mid": row.mid,
            "spread_bps": row.spread_bps,
            signal: row.signal,
            "threshold": row.threshold,
            "side": row.side,
            "since": row.since,
            "change_bps": row.spark.change if np.isfinite(row.mid) else np.nan,
            **({} if mode is None else row.card.figures(mode)),
        }
        for row in frame.rows
    ]
    sources = [row.source for row in frame.rows]
    table = pd.DataFrame(rows, index=pd.Index(sources, name="source"))
    stamps = table["time"].to_numpy(np.int64).view("datetime64[ns]")
    return table.assign(time=pd.DatetimeIndex(stamps, tz="UTC"))
