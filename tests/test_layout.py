"""Where each module is tested: in the file of its name, or where the table says."""

from __future__ import annotations

from pathlib import Path

import pytest

import obi_widgets

ROOT, TESTS = Path(obi_widgets.__file__).parent, Path(__file__).parent
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
)
TESTED = {path.stem for path in TESTS.rglob("test_*.py")}

TABLE = {
    "paper": (
        "paper/backtest paper/causes paper/log paper/matching paper/moments paper/reconcile "
        "paper/run paper/seconds",
        "obi.reconcile, and the log that it reads"),
    "papering": ("cli/commands/reconcile cli/papering session/papering",
        "paper runs of a feed, and both commands"),
    # What a public function is made of is tested through it.
    "calibrate": ("calibration/calibrate calibration/result calibration/coverage_notes "
        "calibration/report calibration/report_tables", "obi.calibrate"),
    "side_by_side": (
        "presentation/tear_sheet/side_by_side widgets/side_by_side",
        "signals side by side: the sheet and its widget",
    ),
    "event_study": (
        "calibration/event_paths calibration/moves calibration/statistics/sign_flips "
        "presentation/tear_sheet/event_figure",
        "obi.event_study: moves, paths, intervals and the picture",
    ),
    "compare": (
        "calibration/incremental calibration/signal_comparison",
        "obi.compare, against statsmodels, scipy and pandas",
    ),
    "calibration_compiled": (
        "calibration/episodes calibration/statistics/bootstrap",
        "both kernels, against each other and by hand",
    ),
    "calibration_inference": (
        "calibration/statistics/inference calibration/statistics/influence "
        "calibration/statistics/weighted",
        "intervals, against formulas and simulations",
    ),
    "gates": (
        "trading/gates/depth trading/gates/following trading/gates/gate trading/gates/hours "
        "trading/gates/large_level_age trading/gates/largest_share trading/gates/places "
        "trading/gates/registry trading/gates/spread trading/gates/volatility",
        "each gate by hand, appended and whole"),
    "card_panel": (
        "card/past presentation/card/market_now presentation/card/marks presentation/card/words "
        "presentation/card/standing_still session/venue_cards widgets/card",
        "the card on a screen: its words, its places and its widget"),
    "card_confidence": ("card/confidence", "the confidence of cards"),
    "card_weights": ("card/outcomes", "weights of cards by how often parts were right"),
    "cards": (
        "card/card card/growing_cards card/making card/modes card/plan card/rows",
        "cards by plain loops, whole and appended"),
    "venue_divergence": (
        "card/divergence card/venues presentation/card/other_venues",
        "one market on several venues"),
    "cycles": ("signals/card_direction signals/cycle_windows", "means over cycles, and windows"),
    "book_depth": ("signals/depth_within", "what rests within a distance"),
    "tightness": ("calibration/quality/time_weights", "the spread, weighted by time"),
    "markouts": (
        "calibration/quality/mids_around calibration/quality/trade_costs",
        "trades and the mid around them"),
    "walk_book": ("calibration/quality/liquidity_cost", "the cost of a size"),
    "spoofs": (
        "calibration/quality/spoofs feeds/simulation/spoofed trading/gates/spoofs "
        "trading/spoofing", "fake levels that were planted, found and missed"),
    "wall_signals": (
        "signals/wall_breakout signals/wall_fade signals/walls_numpy",
        "signals of walls by hand, appended, compiled"),
    "walls": (
        "calibration/quality/walls history/level_lives", "walls by hand, and from raw frames"),
    "resilience": ("calibration/quality/large_trades", "the book after large trades"),
    "calibration_returns": (
        "calibration/forward_returns calibration/as_traded", "returns by hand"),
    "calibration_statistics": (
        "calibration/information_coefficient calibration/holdout "
        "calibration/statistics/fixed_b calibration/statistics/multiple_testing "
        "calibration/statistics/ranks",
        "each against a plain version or known values",
    ),
    "confidence": (
        "calibration/confidence calibration/refits", "fits at fixed times, of what was known"),
    "controls": ("calibration/placebo", "the placebo signals"),
    "health": (
        "feeds/health/durations feeds/health/health feeds/health/monitor feeds/health/of_history "
        "feeds/health/of_market feeds/health/timeline session/health",
        "feeds with faults, by hand",
    ),
    "health_panel": (
        "presentation/health/marks presentation/health/words widgets/health", "the panel of it"),
    "borders": ("calibration/lookahead checks", "wrong input of every public function"),
    "analysis": (
        "presentation/reading/signal_values", "values of a growing history, against the whole"),
    "sealed": ("calibration/sealed_file calibration/sealed_history", "the test and its file"),
    "sweep": ("calibration/grid calibration/surface calibration/entry_sums", "obi.sweep"),
    "part_by_part": (
        "calibration/workers calibration/record calibration/judged_columns history/loaders",
        "days, each loaded where it is computed with: the same result, whoever computes"),
    "sweep_signals": (
        "signals/imbalance_sweep", "the fast sweep against the settings, cell by cell"),
    "verdict_rates": ("calibration/statistics/power", "rates on simulated markets"),
    "row_maker": ("presentation/watch/row presentation/watch/row_texts", "rows, and their texts"),
    "simulate": ("feeds/simulation/alone", "by its command, and as a function"),
    "blind_test": (
        "teaching/score teaching/tapes", "tapes against their truth, and scores by hand"),
    "judging": (
        "cli/commands/calibrate cli/commands/convert cli/commands/export cli/commands/replay "
        "presentation/texts/report_text", "commands that read a recording"),
    "topics": ("session/serving/subscriptions", "without a socket"),
    "serve": (
        "cli/commands/serve presentation/watch/messages session/serving/output "
        "session/serving/published session/serving/secret session/serving/serve "
        "session/serving/server",
        "messages, who may read them, and the command as a process"),
    "warming": ("cli/commands/warm", "the command, and what it compiles"),
    "watch": (
        "cli/config cli/following cli/options cli/output",
        "the command as a process, and what it makes of its arguments"),
    "lab_command": ("cli/lab cli/jupyter_server", "the command as a process"),
    "cli": (
        "cli/main cli/exit_codes cli/completing cli/commands/completion "
        "cli/commands/lab cli/commands/record", "commands in this process, and how they end"),
    "ending": ("cli/start cli/streams", "signals, readers that leave, and closed streams"),
    "clocks": ("feeds/book_builder", "times, gaps and failures: is the book live"),
    "channels": ("market_data/venues/binance_streams", "streams that are not confirmed"),
    "reach": ("market_data/venues/route", "proxies, origins, and other addresses"),
    "budgets": ("market_data/venues/budget", "what venues allow, and how it is kept to"),
    "exchange": (
        "feeds/live feeds/base feeds/fetching feeds/simulator_feed",
        "the feed of a real websocket"),
    "simulator": ("feeds/simulation/simulated_history", "the simulated market and its history"),
    "post_only": (
        "trading/post_only_inputs trading/post_only_orders",
        "orders by both kernels, against a plain loop"),
    "exchange_guard": (
        "feeds/loopback feeds/simulation/subscribers feeds/simulation/served",
        "who may connect, and how much they may ask"),
    "connections": ("feeds/connections/pool", "feeds that share websockets"),
    "shared": ("feeds/connections/market_socket", "what reaches the part of each market"),
    "sharing": (
        "market_data/venues/binance_sharing market_data/venues/bybit_sharing "
        "market_data/venues/coinbase_sharing market_data/venues/hyperliquid_sharing "
        "market_data/venues/kraken_sharing market_data/venues/lmex_sharing "
        "market_data/venues/okx_sharing",
        "what every venue says of a websocket that markets share"),
    "lifetimes": (
        "feeds/thread session/lifecycle widgets/reachability", "what ends when its owner does"),
    "sources": (
        "feeds/record feeds/blocking feeds/options session/waiting",
        "the public functions in a notebook's loop"),
    "given_books": (
        "feeds/given/checks feeds/given/venue", "books that a user's code gives, without a feed"),
    "by_ccxt": (
        "feeds/by_ccxt/following feeds/by_ccxt/markets feeds/by_ccxt/troubles feeds/by_ccxt/venue",
        "markets of a made-up exchange of ccxt, from its books to the lab"),
    "given_feed": (
        "feeds/given/feed feeds/given/following feeds/history_feed",
        "calls, generators, async generators and histories"),
    "frames": ("history/frame_trades", "histories of DataFrames"),
    "recording": ("feeds/replay feeds/loading", "live data replayed"),
    "recording_damage": (
        "feeds/recording/file_reader feeds/recording/skipped feeds/replay_gaps",
        "damage of every kind, and what is told of it",
    ),
    "recorder": ("feeds/recording/files feeds/recording/lines", "what is written, and read again"),
    "load_days": ("feeds/recording/folder_days", "which file holds which day"),
    "tardis": (
        "feeds/formats/csv_batches feeds/formats/event_files feeds/formats/level_events "
        "feeds/formats/opening feeds/formats/units feeds/formats/venue",
        "files of other programs, through the first of their formats",
    ),
    "foreign_files": ("feeds/recording/foreign", "files that are no recordings"),
    "binance_usdm_book": (
        "feeds/market market_data/venues/binance_chain market_data/venues/connection",
        "a book from its messages",
    ),
    "plain_frames": (
        "market_data/venues/binance_plain market_data/venues/binance_numba "
        "market_data/venues/json_numba market_data/venues/many_frames",
        "compiled decoding against the plain one",
    ),
    "binance_usdm": (
        "market_data/venues/binance market_data/venues/binance_messages", "captured frames"),
    "binance_coinm": ("market_data/venues/binance_futures", "made-up and captured frames"),
    "hyperliquid": ("market_data/venues/hyperliquid_messages", "documented frames"),
    "bybit": (
        "market_data/venues/bybit_messages market_data/venues/account_ratio",
        "made-up and captured frames",
    ),
    "okx": ("market_data/venues/okx_messages", "made-up and captured frames"),
    "lmex": ("market_data/venues/lmex_messages market_data/venues/wire", "captured frames"),
    "lmex_watchdogs": (
        "market_data/venues/cadence market_data/venues/streamed", "silence of every kind"),
    "limits": ("market_data/venues/http_answers", "what an HTTP status means"),
    "venue_contract": (
        "market_data/venues/base market_data/venues/replies market_data/fees market_data/events",
        "every venue",
    ),
    "flow": ("history/accumulator", "sums against a plain loop"),
    "columns": (
        "history/column_checks history/conversions history/rows "
        "presentation/charts/pixel_columns",
        "columns of pixels, kept and made anew; the columns of a history"),
    "intervals": (
        "signals/amihud signals/kyle_lambda", "sums over intervals, against statistics of others"),
    "multi_level": (
        "signals/integrated_order_flow_imbalance signals/multi_level_order_flow_imbalance",
        "order flow of ranks by hand, appended, and fitted on the past only"),
    "trade_signals": (
        "signals/buy_sell_ratio signals/event_frequency signals/trade_frequency "
        "signals/vwap_deviation",
        "each by hand, appended, and without later data"),
    "trades": (
        "history/tape history/context history/trades_writer", "trades and marks beside states"),
    "history": (
        "history/states history/derived history/given history/grid history/incoming history/levels "
        "history/packing",
        "histories from arrays, tables and books",
    ),
    "history_writer": (
        "history/writer history/memory history/finer_grid", "appending, growing and dropping"),
    "parquet": ("history/parquet_columns", "saving and loading"),
    "unheld": ("history/instances history/unchecked", "what is held, and what is freed"),
    "compiled": ("kernels/loader kernels/threads", "both kernels of everything"),
    "signal": (
        "signals/signal parameters signals/chunks signals/computing signals/registry "
        "signals/declared signals/declaring signals/signal_checks signals/combined "
        "signals/transforms",
        "signals and transforms by hand, whole and appended",
    ),
    "micro_price": ("signals/fitting", "when it is fitted, and on what"),
    "explained": (
        "calibration/statistics/r_squared", "R² of windows, against plain NumPy and its rate"),
    "next_move": (
        "calibration/next_move signals/next_move", "random times between moves, and the area"),
    "rank_sums": (
        "signals/book_pressure signals/depth_difference signals/depth_ratio "
        "signals/notional_difference signals/rank_imbalance",
        "signals of the same sums, by hand and on captures",
    ),
    "judged_signals": ("signals/source", "a signal of a user, judged and exported"),
    "frame": (
        "presentation/frames/frame_maker presentation/texts/effects signals/insight "
        "signals/imbalance_insight",
        "what a frame shows",
    ),
    "reading": (
        "presentation/reading/cursor presentation/reading/ladder presentation/texts/reading_text",
        "what is read of a moment",
    ),
    "pointing": ("widgets/entry_list", "what the mouse points at"),
    "chart": (
        "presentation/charts/axis_range presentation/charts/downsampling "
        "presentation/charts/window presentation/viewport widgets/charts "
        "widgets/signal_chart", "what a chart shows"),
    "still": (
        "presentation/still/still presentation/still/still_parts widgets/still",
        "the still picture of a notebook",
    ),
    "equity": ("presentation/charts/equity", "what entries gained together"),
    "equity_widget": ("widgets/equity presentation/texts/equity_text", "the chart of it"),
    "sheet": ("presentation/tear_sheet/tear_sheet", "the tear sheet"),
    "sheet_surface": ("presentation/tear_sheet/tear_sheet_surface", "the surface on it"),
    "sealed_widget": ("presentation/tear_sheet/tear_sheet_seal", "the sealed test on it"),
    "calibrator": (
        "session/background session/background_calibration session/trials",
        "calibration beside a stream",
    ),
    "session": ("session/export session/following", "what a session gives, and its export"),
    "comparison": ("session/actions", "A against B in a session"),
    "choices": ("widgets/beside", "buttons as a page presses them"),
    "gate_controls": (
        "presentation/texts/gate_text widgets/gate_switches", "what a gate does, in a sentence"),
    "settings": ("settings/settings settings/parameters settings/traits", "Settings"),
    "settings_files": ("settings/files settings/saved", "files, old ones too"),
    "widgets": (
        "widgets/book widgets/lab widgets/session_calls widgets/settings widgets/cells "
        "widgets/panel "
        "presentation/charts/ticks presentation/texts/setting_notes",
        "widgets without a kernel",
    ),
    "strategy": (
        "strategy/books strategy/export strategy/signal_texts strategy/template strategy/variants",
        "the file, run by itself",
    ),
    "without_widgets": ("widgets/toolkit", "what runs where the widgets are not installed"),
    "strategy_signals": (
        "strategy/by_strength strategy/capped_entries strategy/early_exits strategy/entry_rule "
        "strategy/plain strategy/proof strategy/signal strategy/source strategy/trailing_quantile "
        "strategy/transforms",
        "files of other signals",
    ),
    "strategy_trades": ("strategy/plain_trades", "files of signals of trades"),
    "strategy_flow": ("strategy/plain_flow", "files of signals of order flow"),
    "strategy_cards": ("strategy/plain_cycles", "files with the card's direction and conflict"),
    "strategy_gates": (
        "strategy/place strategy/plain_gates strategy/written_gates", "files with gates"),
    "fills": ("trading/execution trading/matching", "fills by hand and against a plain version"),
    "break_even": ("trading/fees", "fees of venues"),
    "entries": ("trading/declared trading/trade_list", "entries by hand"),
    "entries_executed": (
        "trading/quotes calibration/executed_returns", "latency, limit and size by hand"),
    "strategy_posted": ("strategy/posted", "files that post orders"),
    "depth": (
        "history/depth history/depth_writer history/growing", "depth against every raw event"),
    "large_levels": ("history/large_levels_writer", "large levels against every raw event"),
    "provenance": ("history/provenance settings/provenance", "where data come from"),
    "heatmap": (
        "presentation/layers/heatmap_cells presentation/layers/standing",
        "each cell of the picture against a plain loop",
    ),
    "hourly_cap": ("trading/cap_effect", "what a cap leaves out"),
    "outcomes": ("presentation/layers/outcomes", "what became of what a chart draws"),
    "chart_layers": (
        "presentation/layers/gap_spans presentation/layers/trade_bubbles presentation/layers/walls",
        "trades, large levels and gaps, by hand and against plain loops",
    ),
    "layers_shown": ("widgets/chart_canvases", "what a page is sent of layers, and what it costs"),
    "tape_and_depth": (
        "presentation/depth_curve presentation/trade_tape widgets/depth_chart widgets/tape",
        "against plain loops, and as parts",
    ),
    "publisher": (
        "session/message_rate session/publishing session/standing session/views",
        "which frames are made, and for whom",
    ),
    "states": ("session/states", "what a user's function gets"),
    "leads": ("session/lead_search", "asked for by a click, with the table that it makes"),
    "board": (
        "feeds/several session/board presentation/board/board_frame "
        "presentation/board/board_table presentation/board/board_texts "
        "presentation/board/followed widgets/board widgets/compared_signals "
        "widgets/board_data",
        "many markets, from their sources to the page",
    ),
    "book": ("market_data/book", "the book"),
    "public": ("version", "the public names"),
}  # fmt: skip
"""Modules that are tested in ``tests/test_<name>.py``, and through what."""

ELSEWHERE = {module: name for name, (modules, _) in TABLE.items() for module in modules.split()}


NAMES = [module.rpartition("/")[2] for module in MODULES]


def has_own(module: str) -> bool:
    """Tell whether a module has a test file of its name, which no other module has."""
    name = module.rpartition("/")[2]
    return f"test_{name}" in TESTED and NAMES.count(name) == 1


@pytest.mark.parametrize("module", MODULES)
def test_it_is_tested_somewhere(module):
    # A compiled module and its twin are tested with the concept that they compute.
    concept = module.removesuffix("_numba").removesuffix("_numpy")
    if any(has_own(one) or one in ELSEWHERE for one in (module, concept)):
        return
    beside = {one for one in MODULES if one.startswith(concept) and one != module}
    assert concept != module, "write its test, or a line of the table"
    assert beside, "nothing is tested that it computes"


def test_a_file_has_at_most_400_lines():
    """A file that grows longer holds two concepts: split it by these."""
    files = [path for path in ROOT.rglob("*.py*") if path.suffix in {".py", ".pyi"}]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {path.name: count for path, count in lines.items() if count > 400}


def test_the_table_is_of_modules_and_tests_that_there_are():
    assert not {module for module in ELSEWHERE if module not in MODULES}
    assert not {module for module in ELSEWHERE if has_own(module)}, "it has a test of its own"
    assert not {name for name in TABLE if f"test_{name}" not in TESTED}
    assert len(ELSEWHERE) == sum(len(modules.split()) for modules, _ in TABLE.values())
