// What became of the trades, or the large level, under the mouse: a box beside it. An entry there goes
// first. The kernel tells outcomes while a moment is read, so they come with the frame after a hover.

const NEAR = 6; // px: a mark that is nearer to the mouse is meant

const BESIDE = 22; // px from the mouse to a box above or below it

const KINDS_PENDING = 2; // see presentation/layers/outcomes.py
const KINDS_UNKNOWN = 3;

const AFTER = ["1 s later", "10 s later"];

// A number with its sign and a true minus; of two decimals, or one digit where these would say 0.
function signedNumber(value) {
  const small = value !== 0 && Math.abs(value) < 0.005;
  const text = small ? Math.abs(value).toPrecision(1) : Math.abs(value).toFixed(2);
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${text}`;
}

function markBox(model, el, field, place) {
  const box = make("div", "obi-box obi-mark", el);
  const head = make("strong", "obi-when", make("div", "obi-box-head", box));
  const table = make("div", "obi-rows", box);
  box.hidden = true;
  let mouse = null; // where it is, px of the chart

  // The trades under the mouse: rows of a name and a text.
  function tradesAt(here, [x, y]) {
    const [marks, kinds, bps] = ["bubbles", "bubbles_kinds", "bubbles_bps"].map((one) => model.get(one));
    const [largest, legend] = [model.get("bubbles_largest"), model.get("legend")];
    if (!marks || !largest || kinds.length * 3 !== marks.length * 2) return null;
    let [nearest, found] = [Infinity, -1];
    for (let at = 0; at < marks.length; at += 3) {
      const radius = bubbleRadius(here, marks[at + 2], largest);
      const middle = here.y(marks[at + 1]) - (Math.sign(marks[at + 2]) * radius) / 2;
      const away = Math.hypot(here.x(marks[at]) - x, middle - y);
      if (away < Math.max(NEAR, radius) && away < nearest) [nearest, found] = [away, at / 3];
    }
    if (found < 0) return null;
    const [, price, signed] = marks.subarray(3 * found, 3 * found + 3);
    const round = Number(Math.abs(signed).toPrecision(3));
    const amount = round.toLocaleString("en-US", { maximumFractionDigits: 12 });
    const decimals = { minimumFractionDigits: legend.decimals, maximumFractionDigits: legend.decimals };
    const after = AFTER.map((name, at) => {
      const [kind, value] = [kinds[2 * found + at], bps[2 * found + at]];
      if (kind === KINDS_PENDING) return [`taker, ${name}`, "pending"];
      return [`taker, ${name}`, kind === KINDS_UNKNOWN ? "– not known" : `${signedNumber(value)} bps`];
    });
    return {
      side: signed > 0 ? "bid" : "ask",
      head: `${signed > 0 ? "▲ bought" : "▼ sold"} ${amount} ${legend.base}`.trimEnd(),
      rows: [["mean price", price.toLocaleString("en-US", decimals)], ...after, ["", "before fees"]],
      seen: [x - 6, y - 10, x + 6, y + 10],
    };
  }

  function wallAt(here, [x, y]) {
    const near = (model.get("walls") ?? [])
      .filter(({ rows }) => rows.length)
      .map((wall) => ({ wall, ...outlineOf(here, wall) }))
      .filter(({ from, to, y: at }) => x >= from - 2 && x <= to + 2 && Math.abs(at - y) <= NEAR)
      .sort((one, other) => Math.abs(one.y - y) - Math.abs(other.y - y));
    if (!near.length) return null;
    const [{ wall, y: at }] = near;
    const { head, rows, side } = wall;
    return { side: side > 0 ? "bid" : "ask", head, rows, seen: [x - 4, at - 4, x + 4, at + 4] };
  }

  function update() {
    const here = place();
    const free = here && mouse && field.dataset.entry !== "true";
    const found = free ? tradesAt(here, mouse) ?? wallAt(here, mouse) : null;
    box.hidden = !found;
    el.classList.toggle("obi-marked", Boolean(found) && here.width < BOTH); // no room for two boxes
    if (!found) return;
    set(head, found.head);
    head.dataset.side = found.side;
    while (table.children.length > found.rows.length) table.lastChild.remove();
    found.rows.forEach(([name, text], index) => {
      let row = table.children[index];
      if (!row) {
        row = make("div", "obi-row-then", table);
        make("span", "obi-name", row);
        make("span", "obi-figure-then", row);
      }
      set(row.firstChild, name);
      set(row.lastChild, text);
      row.classList.toggle("obi-alone", !name);
    });
    const [wide, high] = [box.offsetWidth, box.offsetHeight];
    const [x, y] = mouse;
    const other = el.querySelector(".obi-reading");
    const read = !other.offsetWidth
      ? null
      : [other.offsetLeft, other.offsetTop, other.offsetLeft + other.offsetWidth, other.offsetTop + other.offsetHeight];
    const lefts = [x - 14 - wide, x + 14];
    const tops = [y + BESIDE, y - BESIDE - high, y - high / 2, ...(read ? [read[3] + 10] : [])];
    const [left, top] = roomFor(here, [wide, high], lefts, tops, [read, found.seen]);
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
  }

  const names = ["bubbles", "bubbles_kinds", "walls", "place", "reading"];
  for (const name of names) model.on(`change:${name}`, update);

  return {
    hover(event) {
      const bounds = el.getBoundingClientRect();
      mouse = [event.clientX - bounds.left, event.clientY - bounds.top];
      update();
    },
    out() {
      mouse = null;
      update();
    },
    stop() {
      for (const name of names) model.off(`change:${name}`, update);
    },
  };
}
