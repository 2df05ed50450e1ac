// The decision card. Nodes are made once; a frame changes their texts and places.

const SPACE = "http://www.w3.org/2000/svg";
const PLOT = { width: 104, height: 58 };

function svg(tag, parent, attributes = {}) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

// Where a part stands, 0 to 1 of the width of its parent; hidden without a place.
function place(node, left, width) {
  const none = left === null || left === undefined;
  node.hidden = none;
  if (none) return;
  const [x, wide] = [`${(100 * left).toFixed(2)}%`, width === undefined ? "" : `${(100 * width).toFixed(2)}%`];
  if (node.style.left !== x) node.style.left = x;
  if (node.style.width !== wide) node.style.width = wide;
}

const sideOf = (arrow) => ({ "▲": "bid", "△": "bid", "▼": "ask", "▽": "ask" })[arrow] ?? "";

// A figure in a line: bold, with words beside or below it.
function figure(parent, name, label) {
  const line = make("div", `obi-card-line obi-card-${name}`, parent);
  const [what, value, text] = ["what", "figure", "text"].map((one) => make("span", `obi-card-${one}`, line));
  set(what, label);
  return ([number, words, title], called = label) => {
    set(what, called);
    set(value, number);
    value.hidden = !number;
    set(text, words);
    hint(line, title);
  };
}

// The same market on other venues: a scale with a dot and a letter each, and a cell each below it.
function drawVenues(parent) {
  const part = make("div", "obi-card-venues", parent);
  make("div", "obi-card-what", part, "the same market on other venues");
  const top = make("div", "obi-card-spread", part);
  const scale = make("div", "obi-card-scale", top);
  scale.setAttribute("role", "img");
  const line = make("div", "obi-card-scale-line", scale);
  make("i", "obi-card-zero", line);
  const between = make("i", "obi-card-between", line);
  make("span", "obi-card-scale-end", scale, "−1");
  make("span", "obi-card-scale-end", scale, "+1");
  const words = make("div", "obi-card-apart", top);
  const first = make("div", "", words);
  make("span", "obi-card-text", first, "apart ");
  const apart = make("span", "obi-card-figure", first);
  const says = [0, 1].map(() => make("div", "obi-card-text", words));
  const cells = make("div", "obi-card-cells", part);
  const shown = [];

  function row(at) {
    while (shown.length <= at) {
      const [dot, letter] = ["dot", "letter"].map((name) => make("i", `obi-card-${name}`, line));
      const cell = make("div", "obi-card-cell", cells);
      const name = make("div", "obi-card-what", cell);
      const parts = ["", "obi-card-initial", ""].map((one) => make("span", one, name));
      shown.push({ dot, letter, cell, parts, value: make("div", "obi-card-direction-there", cell) });
    }
    return shown[at];
  }

  return (now) => {
    part.hidden = !now;
    if (!now) return;
    while (shown.length > now.rows.length) {
      const { dot, letter, cell } = shown.pop();
      for (const node of [dot, letter, cell]) node.remove();
    }
    now.rows.forEach(([name, initial, at, above, text, side, title], index) => {
      const one = row(index);
      place(one.dot, at);
      place(one.letter, initial < 0 ? null : above);
      set(one.letter, initial < 0 ? "" : name[initial].toUpperCase());
      const cut = Math.max(initial, 0), end = initial < 0 ? 0 : cut + 1;
      [name.slice(0, cut), name.slice(cut, end), name.slice(end)].forEach((some, n) => set(one.parts[n], some));
      set(one.value, text);
      for (const node of [one.dot, one.value]) node.dataset.side = side;
      hint(one.cell, title);
      one.dot.title = title;
    });
    const [from, to] = now.bar ?? [null, null];
    place(between, from, from === null ? 0 : to - from);
    set(apart, now.apart);
    now.says.forEach((text, at) => {
      set(says[at], text);
      says[at].hidden = !text;
    });
    const said = now.rows.map(([name, , , , text]) => `${name} ${text}`).join(", ");
    scale.setAttribute("aria-label", `Directions from −1 to +1: ${said}`);
  };
}

function render({ model, el }) {
  standAlone(el);
  const root = make("div", "obi-card", el);
  root.setAttribute("role", "group");
  const head = make("div", "obi-card-head", root);
  const [symbol, venue, state, age] = ["symbol", "venue", "state", "age"].map((name) =>
    make("span", `obi-card-${name}`, head),
  );
  const modes = make("span", "obi-card-modes", head);
  modes.setAttribute("role", "group");
  modes.setAttribute("aria-label", "Mode");

  const body = make("div", "obi-card-body", root);
  const top = make("div", "obi-card-verdict", body);
  const verdict = make("span", "obi-card-badge", top);
  const why = make("span", "obi-card-why", top);
  verdict.setAttribute("role", "status");

  const lean = make("div", "obi-card-direction", body);
  make("span", "obi-card-what", lean, "direction");
  const direction = make("span", "obi-card-large", lean);
  const caption = make("span", "obi-card-caption", lean);
  const graph = make("div", "obi-card-graph", body);
  graph.setAttribute("role", "img");
  const past = svg("svg", graph, { viewBox: "0 0 64 36", preserveAspectRatio: "none", "aria-hidden": "true" });
  const bars = svg("path", past);
  const [low, high, zero, lead, line, tip] = ["band", "band", "zero", "lead", "now", "tip"].map((name) =>
    make("i", `obi-card-${name}`, graph),
  );
  set(tip, "▲");
  const ends = make("div", "obi-card-ends", body);
  const endTexts = [0, 1, 2].map(() => make("span", "", ends));

  const middle = make("div", "obi-card-middle", body);
  const figures = make("div", "obi-card-figures", middle);
  const strength = figure(figures, "stacked", "strength");
  const confidence = figure(figures, "stacked", "confidence");
  const caution = make("div", "obi-card-caution", figures);
  const plot = make("div", "obi-card-plot", middle);
  make("div", "obi-card-plot-title", plot, "right, against said");
  const curve = svg("svg", plot, { width: PLOT.width, height: PLOT.height, role: "img" });
  const axis = make("div", "obi-card-plot-axis", plot);
  const axisTexts = [0, 1, 2].map(() => make("span", "", axis));
  set(axisTexts[1], "said");

  const rows = make("div", "obi-card-rows", body);
  const windows = [0, 1, 2].map(() => {
    const row = make("div", "obi-card-row", rows);
    const [name, value, arrow] = ["name", "value", "arrow"].map((one) => make("span", `obi-card-${one}`, row));
    const track = make("span", "obi-card-track", row);
    const [own, bar] = ["own", "bar"].map((one) => make("i", `obi-card-${one}`, track));
    make("i", "obi-card-zero", track);
    const where = make("span", "obi-card-where", row);
    return { row, name, value, arrow, own, bar, where };
  });
  const agree = make("div", "obi-card-agree", body);
  const [agreed, agreement] = ["word", "text"].map((name) => make("span", `obi-card-${name}`, agree));

  const facts = make("div", "obi-card-facts", body);
  const worth = figure(facts, "fact", "worth so far");
  const price = figure(facts, "fact", "price");
  const context = make("div", "obi-card-context", facts);
  const venues = drawVenues(body);
  const about = make("div", "obi-card-about", root);

  function drawBars(heights) {
    let path = "";
    [...heights].forEach((letter, at) => {
      const high_ = parseInt(letter, 36);
      if (high_) path += `M${at + 0.08} 36v${-high_}h0.84V36z`;
    });
    bars.setAttribute("d", path);
  }

  function drawCurve(drawn) {
    plot.hidden = !drawn;
    if (!drawn) return;
    const { width, height } = PLOT;
    const x = (share) => (4 + share * (width - 8)).toFixed(1);
    const y = (share) => (height - 4 - share * (height - 8)).toFixed(1);
    curve.replaceChildren();
    svg("rect", curve, { x: 0.5, y: 0.5, width: width - 1, height: height - 1, class: "frame" });
    svg("path", curve, { d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}`, class: "diagonal" });
    const all = [...drawn.points.map((point) => [point, ""]), ...(drawn.now ? [[drawn.now, "now"]] : [])];
    for (const [[said, right, from, to], kind] of all) {
      svg("path", curve, { d: `M${x(said)} ${y(from)}V${y(to)}`, class: `whisker ${kind}` });
      svg("circle", curve, { cx: x(said), cy: y(right), r: kind ? 4 : 2.2, class: kind });
    }
    const [least, most] = drawn.ends;
    curve.setAttribute("aria-label", `What was right against what was said, ${least} to ${most}; on the dashed line they are equal`);
    set(axisTexts[0], least);
    set(axisTexts[2], most);
  }

  function choose(all, chosen) {
    while (modes.children.length < all.length) {
      const button = make("button", "obi-window", modes);
      button.onclick = () => model.send({ do: "mode", mode: button.textContent });
    }
    all.forEach(([name, title], at) => {
      const button = modes.children[at];
      set(button, name);
      button.title = title;
      button.setAttribute("aria-pressed", String(name === chosen));
    });
  }

  function update() {
    const now = model.get("state");
    root.hidden = !now.head;
    if (!now.head) return;
    const [short, whole, label, feed, tone, old] = now.head;
    set(symbol, short);
    symbol.title = whole;
    set(venue, label);
    set(state, feed);
    state.dataset.tone = tone;
    set(age, old ? `age ${old}` : "");
    root.setAttribute("aria-label", `Decision card of ${whole}, ${label}`);
    choose(now.modes, now.mode);

    const [said, kind, reason] = now.verdict;
    set(verdict, said);
    verdict.dataset.kind = kind;
    set(why, reason);

    const [number, arrow, of] = now.direction;
    const side = sideOf(arrow);
    set(direction, `${number} ${arrow}`.trim());
    direction.dataset.side = "▲▼".includes(arrow) ? side : "";
    set(caption, of);
    drawBars(now.bars);
    graph.setAttribute("aria-label", `Direction ${number} from ${now.ends[0]} to ${now.ends[2]}. ${of}`);
    place(low, now.band === null ? null : 1 - now.band);
    place(high, now.band);
    place(zero, 0.5);
    place(lead, now.place === null ? null : Math.min(now.place, 0.5), now.place === null ? 0 : Math.abs(now.place - 0.5));
    for (const node of [line, tip]) place(node, now.place);
    for (const node of [lead, line, tip]) node.dataset.side = side;
    endTexts.forEach((node, at) => set(node, now.ends[at]));

    strength([...now.strength]);
    confidence([...now.confidence]);
    const [cautious, how] = now.caution;
    set(caution, cautious);
    caution.dataset.kind = how;
    caution.hidden = !cautious;
    drawCurve(now.curve);

    now.rows.forEach(([name, value, way, where, title, at, band], index) => {
      const one = windows[index];
      set(one.name, name);
      set(one.value, value);
      set(one.arrow, way);
      one.row.dataset.side = sideOf(way);
      one.row.dataset.beyond = String(way === "▲" || way === "▼");
      place(one.own, band === null ? null : 1 - band, band === null ? 0 : 2 * band - 1);
      place(one.bar, at === null ? null : Math.min(at, 0.5), at === null ? 0 : Math.abs(at - 0.5));
      set(one.where, where);
      hint(one.row, title);
    });
    set(agreed, now.agree[0]);
    agreed.dataset.kind = now.agree[2];
    set(agreement, now.agree[1]);

    worth(now.worth);
    const [called, ...rest] = now.price;
    price(rest, called);
    context.hidden = !now.context.length;
    while (context.children.length > now.context.length) context.lastChild.remove();
    now.context.forEach(([name, value, words, title], at) => {
      const cell = context.children[at] ?? make("div", "obi-card-cell", context);
      if (!cell.firstChild) for (const one of ["what", "figure", "text"]) make("div", `obi-card-${one}`, cell);
      [name, value, words].forEach((text, n) => set(cell.children[n], text));
      hint(cell, title);
    });
    venues(now.venues);
    set(about, now.about);
    about.hidden = !now.about;
  }

  const forget = hints(root);
  model.on("change:state", update);
  update();
  return () => {
    forget();
    model.off("change:state", update);
  };
}

export default { render };
