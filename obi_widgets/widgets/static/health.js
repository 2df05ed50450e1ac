// The health of a feed. Nodes are made once; a reading changes their texts and places.

// Make a child of `parent` for each item, or take away what is too many; then set each.
function each(parent, items, create, set) {
  while (parent.children.length > items.length) parent.lastChild.remove();
  items.forEach((item, index) => {
    let node = parent.children[index];
    if (!node) {
      node = create(item);
      parent.append(node);
    }
    set(node, item);
  });
}

const part = (tag, className) => () => {
  const node = document.createElement(tag);
  node.className = className;
  return node;
};

// Where a part stands in its parent: from the left, and how wide, 0 to 1.
function at(node, left, width) {
  const [x, wide] = [`${(100 * left).toFixed(2)}%`, width === undefined ? "" : `${(100 * width).toFixed(2)}%`];
  if (node.style.left !== x) node.style.left = x;
  if (node.style.width !== wide) node.style.width = wide;
}

const SHOWN = {
  starting: "starting", live: "live", unverified: "unverified", stale: "stale: nothing new, or late",
  gap: "gap: no book", closed: "closed",
};

// Lag and age on one logarithmic scale: half are below the tick, the box goes to 95 %, the whisker
// to 99 %, the cross is the worst.
function box(node, drawn, scale) {
  if (!node.firstChild) {
    for (const name of ["grid", "whisker", "box", "median", "worst", "limit"]) make("i", `obi-health-${name}`, node);
  }
  const [grid, whisker, whole, median, worst, limit] = node.children;
  each(grid, scale, part("b", ""), (tick, [x, text]) => {
    at(tick, x);
    set(tick, text);
  });
  at(whisker, drawn.median, drawn.p99 - drawn.median);
  at(whole, drawn.median, drawn.p95 - drawn.median);
  at(median, drawn.median);
  // Whole, also at the ends of the scale.
  worst.style.left = `clamp(6px, ${(100 * drawn.worst).toFixed(2)}%, 100% - 6px)`;
  set(worst, "×");
  worst.dataset.over = drawn.over;
  limit.hidden = drawn.limit === null;
  if (drawn.limit !== null) at(limit, drawn.limit);
}

// Messages a second over the time that is told: a line of bars, each on the scale of the largest.
function line(node, drawn) {
  const space = "http://www.w3.org/2000/svg";
  if (!node.firstChild) {
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.append(document.createElementNS(space, "path"));
    node.append(svg);
  }
  const step = 100 / Math.max(drawn.length - 1, 1);
  const points = drawn.map((value, n) => `${(n * step).toFixed(2)} ${(97 - 94 * value).toFixed(1)}`);
  node.querySelector("path").setAttribute("d", `M${points.join("L")}`);
}

// How far the book is known from mid, and, dashed, how far the signal looks.
function range(node, drawn) {
  if (!node.firstChild) {
    for (const name of ["bids", "asks", "mid", "used", "used"]) make("i", `obi-health-${name}`, node);
  }
  const [bids, asks, mid, left, right] = node.children;
  at(bids, 0.5 - drawn.bids / 2, drawn.bids / 2);
  at(asks, 0.5, drawn.asks / 2);
  at(mid, 0.5);
  at(left, 0.5 - drawn.used / 2);
  at(right, 0.5 + drawn.used / 2);
}

const DRAW = { box, line, range };

function makeCell() {
  const node = part("div", "obi-health-cell")();
  const title = make("div", "obi-health-cell-title", node);
  make("span", "obi-health-cell-name", title);
  make("span", "obi-health-cell-about", title);
  const figures = make("div", "obi-health-cell-figures", node);
  make("span", "obi-health-cell-figure", figures);
  make("span", "obi-health-cell-beside", figures);
  make("div", "obi-health-drawing", node).setAttribute("aria-hidden", "true");
  make("div", "obi-health-refused", node);
  make("div", "obi-health-cell-note", node);
  return node;
}

function setCell(node, cell, scale) {
  const [title, figures, drawing, rows, note] = node.children;
  set(title.firstChild, cell.name);
  set(title.lastChild, cell.about);
  set(figures.firstChild, cell.figure);
  set(figures.lastChild, cell.beside);
  node.dataset.tone = cell.tone ?? "";
  drawing.hidden = !cell.drawn;
  if (drawing.dataset.kind !== cell.kind) {
    drawing.replaceChildren();
    drawing.dataset.kind = cell.kind;
  }
  if (cell.drawn) DRAW[cell.kind](drawing, cell.drawn, scale);
  const refused = cell.rows ?? [];
  rows.hidden = !refused.length;
  each(rows, refused, makeRow(["obi-health-number", "obi-health-name", "obi-health-detail"]), (row, texts) => {
    texts.forEach((text, n) => set(row.children[n], text));
    row.title = texts[2];
  });
  set(note, cell.note);
  note.hidden = !cell.note;
}

const makeRow = (names) => () => {
  const row = part("div", "obi-health-row")();
  for (const name of names) make("span", name, row);
  return row;
};

function render({ model, el }) {
  standAlone(el);
  const root = make("div", "obi-health", el);
  const head = make("div", "obi-health-head", root);
  const [market, venue, state, share, why, time] = ["market", "venue", "badge", "share", "why", "time"].map(
    (name) => make("span", `obi-health-${name}`, head),
  );
  const past = make("div", "obi-health-past", root);
  const legend = make("div", "obi-health-legend", past);
  const title = make("span", "", legend);
  const keys = make("span", "obi-health-keys-of", legend);
  const strip = make("div", "obi-health-strip", past);
  strip.setAttribute("role", "img");
  const bars = make("div", "obi-health-strip-bars", strip);
  const ticks = make("div", "obi-health-strip-ticks", past);
  ticks.setAttribute("aria-hidden", "true");
  const rows = make("div", "obi-health-interruptions", past);
  const more = make("div", "obi-health-cell-note", past);
  const cells = make("div", "obi-health-cells", root);
  const below = make("div", "obi-health-unused", root);
  const belowTitle = make("div", "obi-health-title", below, "What was not used");
  const parts = make("div", "obi-health-shares", below);
  const unused = make("ul", "", below);
  const unknown = make("ul", "obi-health-unknown", root);

  function update() {
    const now = model.get("state");
    root.hidden = !now.head;
    if (!now.head) return;
    const { head: first, line: past_ } = now;
    set(market, first.market);
    market.title = first.title;
    set(venue, first.venue);
    set(state, [first.state, first.since].filter(Boolean).join(" "));
    state.dataset.tone = first.tone;
    set(share, first.share);
    set(why, first.why);
    set(time, first.time);

    past.hidden = !past_.bars.length;
    set(title, past_.title);
    const kinds = [...new Set(past_.bars.map(([kind]) => kind))];
    each(keys, kinds, makeRow(["obi-health-swatch", ""]), (key, kind) => {
      key.firstChild.dataset.state = kind;
      set(key.lastChild, SHOWN[kind]);
    });
    strip.setAttribute("aria-label", said(past_));
    each(bars, past_.bars, part("i", "obi-health-bar"), (bar, [kind, begin, end, letter]) => {
      at(bar, begin, end - begin);
      // A short one is widened, and stays within the strip.
      bar.style.left = `min(${(100 * begin).toFixed(2)}%, 100% - 6px)`;
      bar.dataset.first = begin < 0.04;
      bar.dataset.state = kind;
      bar.dataset.letter = letter;
    });
    each(ticks, past_.ticks, makeRow(["obi-health-tick"]), (tick, [x, text]) => {
      at(tick, x);
      tick.dataset.edge = x < 0.1 ? "left" : x > 0.9 ? "right" : "";
      set(tick.firstChild, text);
    });
    const names = ["obi-health-letter", "obi-health-swatch", "obi-health-at", "obi-health-long", "obi-health-reason"];
    each(rows, past_.rows, makeRow(names), (row, [letter, kind, when, long, reason]) => {
      [letter, "", when, long, reason].forEach((text, n) => set(row.children[n], text));
      row.children[1].dataset.state = kind;
    });
    set(more, past_.more);
    more.hidden = !past_.more;

    each(cells, now.cells, makeCell, (node, cell) => setCell(node, cell, now.scale));

    below.hidden = !now.unused.length && !now.parts.length;
    set(belowTitle, now.parts.length ? "What was used of the recording, and what was not" : "What was not used");
    parts.hidden = !now.parts.length;
    each(parts, now.parts, makeRow(["obi-health-name", "obi-health-number"]), (node, [name, share, number]) => {
      const wide = `${Math.max(100 * share, 0.5).toFixed(2)}%`;
      if (node.style.flexBasis !== wide) node.style.flexBasis = wide;
      node.dataset.used = name === "used";
      node.dataset.narrow = share < 0.12;
      node.title = `${name}: ${number} frames, ${(100 * share).toFixed(1)} %`;
      set(node.firstChild, name);
      set(node.lastChild, `${(100 * share).toFixed(1)} %`);
    });
    each(unused, now.unused, part("li", ""), set);
    unused.hidden = !now.unused.length;
    each(unknown, now.unknown, part("li", ""), set);
    unknown.hidden = !now.unknown.length;
  }

  function said({ title: of, rows: broken }) {
    const what = broken.map(([, , when, long]) => `${long} at ${when}`).join("; ");
    return `States of the feed. ${of}. ${what || "No interruption"}.`;
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
