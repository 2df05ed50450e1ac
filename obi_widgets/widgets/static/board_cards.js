// Decision cards on the board: windows, conflict, strength and confidence of each market.

// Names of what a line has of its card, in the order of `presentation/board/row_card.py`.
const CARD_FIELDS = ["card", "says", "narrow", "rank", "confidence", "better", "cases", "windows"];

const WINDOWS = ["short", "middle", "long"];

// As `COLUMNS` of the board. Without figures, the reason stands in the place of the last three.
const CARD_COLUMNS = [
  ...WINDOWS.map((name) => [name, "", []]),
  ["blocked", "blocked", []],
  ["strength", "strength", ["ranked"]],
  ["confidence", "confidence", ["surest"]],
];
const NO_FIGURES = ["blocked", "strength", "confidence"];

const signedNumber = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

// Makes what stands in the cells of a line.
function cardCells(cells) {
  const conflict = make("span", "obi-conflict", cells.blocked);
  make("span", "", conflict, "✕");
  make("span", "obi-wide", conflict, " conflict");
  const why = make("span", "obi-wide", cells.blocked);
  const short = make("span", "obi-narrow", cells.blocked);
  const box = make("span", "obi-rank", cells.strength);
  const rank = make("strong", "", box);
  const track = make("span", "obi-rank-bar", box);
  track.setAttribute("aria-hidden", "true");
  return { conflict, why, short, rank, track, fill: make("span", "", track) };
}

// Shows the card of a line. `now` has its fields, `cards` what is common to all, and `columns` are the
// names of those that there is room for.
function showCard({ cells, of }, now, cards, columns) {
  WINDOWS.forEach((name, at) => {
    const [value, band, beyond] = now.windows[at] ?? [null, null, false];
    const cell = cells[name];
    const mark = value > 0 ? (beyond ? "▲" : "△") : beyond ? "▼" : "▽";
    set(cell, value === null ? "–" : value ? mark : "0");
    cell.dataset.side = value > 0 ? "bid" : value < 0 ? "ask" : "";
    cell.dataset.beyond = beyond;
    const words = cards.windows[at][1];
    cell.title = value === null
      ? `${words}: no value`
      : `${words}: ${signedNumber(value)}, ` +
        (band === null ? "no band yet" : `${beyond ? "beyond" : "inside"} its band of ±${band.toFixed(2)}`);
  });
  const blocked = now.card === "conflict";
  of.conflict.hidden = !blocked;
  of.why.hidden = of.short.hidden = blocked || !now.says;
  set(of.why, now.says);
  set(of.short, now.narrow);
  cells.blocked.title = blocked ? "Two windows point to different sides, both beyond their bands" : now.says;
  cells.blocked.colSpan = now.says ? Math.max(NO_FIGURES.filter((name) => columns.has(name)).length, 1) : 1;
  const known = now.rank !== null;
  set(of.rank, known ? now.rank.toFixed(2) : "–");
  of.track.hidden = !known;
  of.fill.style.width = `${100 * (now.rank ?? 0)}%`;
  set(cells.confidence, now.confidence === null ? "–" : now.confidence.toFixed(2));
  cells.confidence.dataset.better = now.better;
  cells.confidence.title = now.confidence === null
    ? "Too few like cases to tell"
    : now.better
      ? `Right at ${cards.horizon} in this share of like cases, ${now.cases.toLocaleString("en-US")} so far`
      : `A constant: by strength it was not told better which were right at ${cards.horizon}`;
}

// Returns what tooltips say of the card of a line, for keys.
function cardHint({ cells }) {
  return [...WINDOWS, "blocked", "confidence"].map((name) => cells[name].title).filter(Boolean);
}

// Makes the buttons that choose a mode; `choose` gets the name, or "" for no cards. Returns what shows
// which is chosen.
function cardModes(parent, choose) {
  const group = make("span", "obi-windows obi-modes", parent);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Decision cards");
  make("span", "obi-modes-label", group, "cards ");
  let buttons = [];
  return {
    group,
    show({ mode, modes }) {
      if (!buttons.length) {
        buttons = ["", ...modes].map((name) => {
          const button = make("button", "obi-window", group, name || "off");
          button.title = name ? `Show decision cards, mode ${name}` : "Show no decision cards; they go on";
          button.onclick = () => choose(name);
          return [name, button];
        });
      }
      for (const [name, button] of buttons) button.setAttribute("aria-pressed", String(name === mode));
    },
  };
}

const ABOUT_CARDS =
  "Strength: share of the market's own last 24 h in which its direction was weaker, so a short bar can stand " +
  "above a long one. Filled arrow: the window is beyond its own band; open: inside it. Conflict: two windows " +
  "beyond their bands with other signs; no entry. Confidence: share of like cases that went right; grey where it " +
  "was no better than a constant. A market without a whole, fresh book shows no figures and is not ranked. A click " +
  "on a market opens its lab.";
