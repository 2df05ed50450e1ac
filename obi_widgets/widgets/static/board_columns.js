// What a line of the board has, its columns, and the orders in which they put the lines.

const SORT_AGAIN = 5; // s
const CARDS_AGAIN = 10; // s, the length of a card's cycle
const CARDS_COME = 2; // s within which the new cards of all markets come

// Names of what a line has, in the order of `presentation/board/board_texts.py`: what changes all the
// time, and what seldom does.
const FIELDS = [
  "mid", "spread", "signal", "tint", "side", "at", "since", "age", "change", "strength", "spreadBps",
  "changeBps",
];
const STEADY = ["state", "reason", "instead", "tone", "threshold", "factor", "trouble", "empty"];

// The columns: class, head, orders that the head chooses one after the other, and a tooltip.
const COLUMNS = [
  ["state", "state", []],
  ["market", "market", ["given", "name"]],
  ["mid", "mid", []],
  ["spread", "spread, bps", ["widest", "narrowest"]],
  ["signal", "", ["strongest", "bids", "asks"]],
  ["bar", "", []],
  ["since", "beyond for", []],
  ...CARD_COLUMNS,
  ["age", "age", []],
  ["spark", "", []],
  ["change", "bps", ["rising", "falling"]],
];

// What a sentence in place of figures covers; without any state, all the rest too.
const COVERED = ["mid", "spread", "signal", "bar", "since", ...CARD_COLUMNS.map(([name]) => name)];
const REST = ["age", "spark", "change"];

const falling = (value) => (value === null ? null : -value);

// Each order: what it is called, its arrow, and by what it sorts; null comes last.
const ORDERS = {
  given: ["in the given order", "", (row, index) => index],
  name: ["by name", "↑", null],
  strongest: ["strongest first, against the threshold or its own past", "↓", (row) => falling(row.strength)],
  bids: ["most bids first", "▲", (row) => (row.strength === null ? null : falling(row.at))],
  asks: ["most asks first", "▼", (row) => (row.strength === null ? null : row.at)],
  widest: ["widest first", "↓", (row) => falling(row.spreadBps)],
  narrowest: ["narrowest first", "↑", (row) => row.spreadBps],
  rising: ["rising first", "↓", (row) => falling(row.changeBps)],
  ranked: ["strongest card first", "↓", (row) => falling(row.rank ?? null)],
  surest: ["most confident first", "↓", (row) => falling(row.confidence ?? null)],
  falling: ["falling first", "↑", (row) => row.changeBps],
};

// Filled where the signal is beyond the threshold.
const arrow = ({ side, tint }) =>
  ({ bid: side ? "▲" : "△", ask: side ? "▼" : "▽" })[tint] ?? "";

const named = (names, values) => names.map((name, at) => [name, values?.[at]]);

// The venue and the last part of the symbol that most markets have, if there are several.
function shared(markets) {
  const most = (texts) => {
    const count = (text) => texts.filter((one) => one === text).length;
    const best = [...new Set(texts)].sort((a, b) => count(b) - count(a))[0];
    return texts.length > 1 && 2 * count(best) > texts.length ? best : "";
  };
  return {
    venue: most(markets.map(([, , venue]) => venue)),
    suffix: most(markets.map(([short]) => short.match(/.(-[A-Z0-9]+)$/)?.[1] ?? "")),
  };
}

const utc = (ms) => new Date(ms).toISOString().slice(11, 19);
