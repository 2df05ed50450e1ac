// The board: a line each market, or the way back from the lab of one of them.

const SPARK_HEIGHT = 22; // px, as in board.css
const SPARK_PADDING = 16; // of its cell, both sides
const BEYOND = 180; // ms after a frame from which ages count on by themselves

function render({ model, el }) {
  standAlone(el);
  const head = make("div", "obi-board-head", el);
  const many = make("strong", "", head);
  const where = make("span", "obi-venue", head);
  const states = make("span", "obi-states", head);
  states.setAttribute("role", "status");
  const reading = make("span", "obi-board-reading", head);
  const again = make("span", "obi-again", head);
  const soon = make("span", "", again);
  make("span", "obi-wide", again, ", never under the pointer");
  const modes = cardModes(head, (mode) => model.send({ do: "cards", mode }));
  const windows = make("span", "obi-windows", head);
  windows.setAttribute("role", "group");
  windows.setAttribute("aria-label", "Length of time that the lines of mid show");
  const message = make("div", "obi-message", el);
  const said = make("span", "", message);
  said.setAttribute("role", "status");

  const bar = make("div", "obi-board-bar", el);
  const back = make("button", "obi-button obi-to-board", bar, "‹ Board");
  back.title = "Back to the lines of all markets (Escape)";
  const chips = make("div", "obi-chips", bar);
  chips.setAttribute("role", "group");
  chips.setAttribute("aria-label", "Markets");

  const frame = make("div", "obi-lines", el);
  const table = make("table", "obi-board-table", frame);
  const titles = make("tr", "", make("thead", "", table));
  const body = make("tbody", "", table);
  const legend = make("div", "obi-note", frame);
  const sorters = [];
  const heads = {};
  for (const [name, title, orders] of COLUMNS) {
    const cell = make("th", `obi-is-${name}`, titles);
    cell.scope = "col";
    heads[name] = cell;
    if (!orders.length) {
      make("span", "", cell, title);
      continue;
    }
    const button = make("button", "obi-sorter", cell, title);
    button.onclick = () => {
      order = orders[(orders.indexOf(order) + 1) % orders.length];
      sort();
      update();
    };
    sorters.push({ button, cell, name, title, orders });
  }
  const ends = heads.bar.firstChild;
  ends.className = "obi-bar-ends";
  make("span", "", ends, "more asks");
  make("span", "", ends, "more bids");

  let order = "given";
  let lines = []; // nodes of each market
  let shown = []; // numbers of the markets, as they stand there
  let size = { width: 0, height: 0 }; // of a line of mid
  let columns = new Set(COLUMNS.map(([name]) => name)); // that there is room for
  let arrived = performance.now();
  let buttons = [];
  let opened = -1;
  let common = { venue: "", suffix: "" }; // what nearly all markets are named
  let mode = ""; // of the cards, empty for none
  let due = performance.now() + 1000 * SORT_AGAIN; // when lines are sorted again
  let [ranks, renewed] = ["", 0]; // of all cards, and when the first of the newest came
  const { color, stop: forget } = palette(el, () => paint.ask());
  const paint = painter(draw);

  const state = () => model.get("state");
  const fields = (number) => Object.fromEntries([
    ...named(FIELDS, state()[number]),
    ...named(STEADY, state()[`s${number}`]),
    ...(mode ? named(CARD_FIELDS, state()[`c${number}`]) : []),
  ]);
  const open = (number) => model.send({ do: "open", market: number });

  // -- order -------------------------------------------------------------------------------

  function wanted() {
    const numbers = lines.map((_, number) => number);
    const names = state().markets.map(([, symbol, venue]) => `${symbol} ${venue}`);
    if (order === "name") return numbers.sort((a, b) => names[a].localeCompare(names[b]) || a - b);
    const by = numbers.map((number) => ORDERS[order][2](fields(number), number));
    return numbers.sort((a, b) => {
      if ((by[a] === null) !== (by[b] === null)) return by[a] === null ? 1 : -1;
      return by[a] - by[b] || a - b;
    });
  }

  function sort() {
    const now = wanted();
    if (now.every((number, at) => number === shown[at])) return;
    shown = now;
    body.append(...now.map((number) => lines[number].row));
  }

  // Not under the mouse, and not under the keyboard's focus.
  const held = () => body.matches(":hover") || body.querySelector(":focus-visible");

  function pace() {
    const now = performance.now();
    if (now >= due) {
      due = now + 1000 * (mode ? CARDS_AGAIN : SORT_AGAIN);
      if (lines.length && !frame.hidden && !held()) sort();
    }
    again.hidden = !mode || frame.hidden || ["given", "name"].includes(order);
    set(soon, held() ? "order is held" : `ordered again in ${Math.max(Math.ceil((due - now) / 1000), 1)} s`);
  }

  // Lines are sorted once all cards are new, or they would stand in the order of the cards before.
  function sortAfterCards() {
    const now = performance.now();
    const before = ranks;
    ranks = lines.map((_, number) => fields(number).rank ?? "").join();
    if (!mode || ranks === before || now - renewed < 500 * CARDS_AGAIN) return;
    renewed = now;
    due = now + 1000 * CARDS_COME;
  }

  // The strongest card comes first, unless another order is chosen afterwards.
  function turnCards(now) {
    modes.show(now);
    if (now.mode === mode) return;
    const before = mode;
    mode = now.mode;
    table.dataset.cards = Boolean(mode);
    now.windows.forEach(([short, words], at) => {
      set(heads[WINDOWS[at]].firstChild, short);
      heads[WINDOWS[at]].title = `Window of ${words}`;
    });
    if (mode && !before) order = "ranked";
    if (!mode && ["ranked", "surest"].includes(order)) order = "given";
    sort();
    measure();
  }

  // -- lines -------------------------------------------------------------------------------

  function line(number) {
    const row = make("tr", "", body);
    const cells = {};
    for (const [name] of COLUMNS) {
      cells[name] = make("td", `obi-is-${name}`, row);
      if (name === "market") cells.instead = make("td", "obi-instead", row);
    }
    const dot = make("span", "obi-board-state", cells.state);
    const button = make("button", "obi-market", cells.market);
    const words = make("strong", "", button);
    const symbol = make("span", "", words);
    const suffix = make("span", "obi-suffix", words);
    button.append(" "); // between two words of its name
    const venue = make("span", "obi-venue", button);
    button.onclick = () => open(number);
    const track = make("div", "obi-bar", cells.bar);
    track.setAttribute("aria-hidden", "true");
    const [fill, low, high] = ["obi-bar-fill", "obi-bar-tick", "obi-bar-tick"].map((one) =>
      make("span", one, track),
    );
    const canvas = make("canvas", "obi-spark", cells.spark);
    canvas.setAttribute("aria-hidden", "true");
    const factor = make("span", "obi-factor", cells.spark);
    canvas.onpointermove = (event) => read(number, event.offsetX / canvas.clientWidth);
    canvas.onpointerleave = () => set(reading, "");
    const of = cardCells(cells);
    return { row, cells, of, dot, button, symbol, suffix, venue, fill, low, high, canvas, factor };
  }

  function read(number, share) {
    const [mid, end] = [model.get("lines")?.[number], model.get("ends")?.[number]];
    const found = mid && end && sparkAt({ mid, end, width: (state().window * 1000) / mid.length }, share);
    const sign = found && (found.change < 0 ? "−" : "+");
    set(reading, found
      ? `${state().markets[number][0]} ${utc(found.time)} UTC: ${sign}${Math.abs(found.change).toFixed(2)} bps`
      : "");
  }

  function show(number) {
    const one = lines[number];
    const [short, symbol, venue] = state().markets[number];
    const now = fields(number);
    const { cells, row } = one;
    row.dataset.tone = now.tone;
    set(one.dot, now.state);
    one.dot.dataset.state = now.state;
    cells.state.title = now.reason || now.state;
    const ending = short.endsWith(common.suffix) ? common.suffix : "";
    set(one.symbol, short.slice(0, short.length - ending.length));
    set(one.suffix, ending);
    set(one.venue, venue);
    one.venue.hidden = venue === common.venue;
    one.button.title = `${symbol}, ${venue}. Click to open its lab`;
    one.button.disabled = now.state === "error";
    set(cells.mid, now.mid);
    set(cells.spread, now.spread);
    set(cells.signal, `${now.signal} ${arrow(now)}`.trim());
    cells.signal.dataset.side = now.tint;
    cells.signal.dataset.beyond = Boolean(now.side);
    cells.signal.title = now.trouble;
    set(cells.since, now.since);
    set(cells.change, now.change);
    set(cells.instead, now.instead);
    if (mode) showCard(one, now, state().cards, columns);
    const hinted = [one.button.title, cells.state.title, ...(mode ? cardHint(one) : [])].join("\n");
    if (one.button.dataset.hint !== hinted) one.button.dataset.hint = hinted;
    const covered = now.instead ? [...COVERED, ...(now.empty ? REST : [])] : [];
    for (const name of [...COVERED, ...REST])
      cells[name].hidden = covered.includes(name) || (Boolean(mode && now.says) && NO_FIGURES.indexOf(name) > 0);
    cells.instead.hidden = !now.instead;
    cells.instead.colSpan = Math.max(covered.filter((name) => columns.has(name)).length, 1);
    one.fill.hidden = now.at === null;
    one.fill.dataset.side = now.tint;
    one.fill.dataset.beyond = Boolean(now.side);
    one.fill.style.left = `${50 + 50 * Math.min(now.at ?? 0, 0)}%`;
    one.fill.style.width = `${50 * Math.abs(now.at ?? 0)}%`;
    for (const [tick, sign] of [[one.low, -1], [one.high, 1]]) {
      tick.hidden = now.threshold === null;
      tick.style.left = `${50 + 50 * sign * (now.threshold ?? 0)}%`;
    }
    set(one.factor, now.factor > 1 ? `×${now.factor}` : "");
    one.factor.title = now.factor > 1 ? `Its height is ${now.factor} times that of the others` : "";
  }

  function tick() {
    const elapsed = (performance.now() - arrived) / 1000;
    const silent = ["silent", "gone"].includes(el.closest("[data-heard]")?.dataset.heard);
    lines.forEach(({ cells }, number) => {
      const { age } = fields(number);
      const known = age !== null && !silent;
      set(cells.age, known ? seconds(Math.max(age + (elapsed > BEYOND / 1000 ? elapsed : 0), 0)) : "–");
    });
  }

  function draw() {
    const [mids, beyond] = [model.get("lines"), model.get("beyond")];
    if (!mids || !size.width || frame.hidden) return;
    const { scale } = state();
    lines.forEach(({ canvas }, number) => {
      const { factor } = fields(number);
      sparkline(canvas, { mid: mids[number], beyond: beyond[number], height: scale * factor }, size, color);
    });
  }

  function measure() {
    const cell = heads.spark.getBoundingClientRect().width;
    size = { width: Math.max(cell - SPARK_PADDING, 0), height: SPARK_HEIGHT };
    const seen = COLUMNS.map(([name]) => name).filter((name) => heads[name].offsetWidth);
    if (seen.join() !== [...columns].join()) {
      columns = new Set(seen);
      titled();
      lines.forEach((_, number) => show(number));
    }
    paint.ask();
  }

  // -- head and chips ------------------------------------------------------------------------

  function choose({ windows: lengths, window: chosen }) {
    if (buttons.length !== lengths.length) {
      windows.replaceChildren();
      buttons = lengths.map(([value, text, words]) => {
        const button = make("button", "obi-window", windows, text);
        button.title = `Show mid over the last ${words}`;
        button.onclick = () => model.send({ do: "window", seconds: value });
        return button;
      });
    }
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(lengths[at][0] === chosen)));
  }

  function chip(number) {
    const button = chips.children[number] ?? make("button", "obi-chip", chips);
    const now = fields(number);
    const [short, symbol, venue] = state().markets[number];
    set(button, `${short} ${now.instead ? now.state : `${now.signal} ${arrow(now)}`}`.trim());
    button.dataset.side = now.instead ? "" : now.tint;
    button.dataset.beyond = Boolean(now.side) && !now.instead;
    button.setAttribute("aria-pressed", String(number === opened));
    button.title = `${symbol}, ${venue}: ${now.reason || now.state}`;
    button.disabled = now.state === "error";
    button.onclick = () => (number === opened ? back.onclick() : open(number));
  }

  function titled() {
    for (const { button, cell, name, title, orders } of sorters) {
      const at = orders.indexOf(order);
      const [, mark] = ORDERS[order];
      const short = name === "strength" && !columns.has("confidence") ? "str." : title;
      const words = name === "signal" ? state().signal : short;
      set(button, at < 0 || !mark ? words : `${words} ${mark}`);
      button.title = `Sort: ${ORDERS[orders[(at + 1) % orders.length]][0]}`;
      cell.ariaSort = at < 0 || order === "given" ? "none" : mark === "↑" ? "ascending" : "descending";
    }
  }

  function update() {
    const now = state();
    arrived = performance.now();
    while (lines.length < now.markets.length) lines.push(line(lines.length));
    common = shared(now.markets);
    set(where, common.venue);
    turnCards(now.cards);
    sortAfterCards();
    set(many, `${lines.length} market${lines.length === 1 ? "" : "s"}`);
    set(states, now.states.map(([what, count]) => `${count} ${what}`).join(" · "));
    choose(now);
    set(said, now.message);
    message.hidden = !now.message;
    titled();
    heads.signal.title = now.signal_title;
    heads.bar.title = now.bounded ? "" : "Each bar has the scale of its own market";
    set(heads.spark.firstChild, `mid, ${now.length}${now.height ? `, height ${now.height}` : ""}`);
    lines.forEach((_, number) => show(number));
    lines.forEach((_, number) => chip(number));
    set(legend, mode ? ABOUT_CARDS : `▲ ▼ beyond the threshold, ${now.threshold}; △ ▽ within it. Marks above and below a line ` +
      "of mid: the signal was beyond it. " +
      (order === "given" || order === "name" ? "" : "Sorted again every 5 s, never under the mouse. ") +
      "A click on a market opens its lab.");
    turn(now.opened);
    tick();
    paint.ask();
  }

  // -- the lab -------------------------------------------------------------------------------

  function turn(now) {
    frame.hidden = now >= 0;
    windows.hidden = modes.group.hidden = now >= 0;
    bar.hidden = now < 0;
    if (now === opened) return;
    const before = opened;
    opened = now;
    lines.forEach((_, number) => chip(number));
    if (now >= 0 && before < 0) back.focus({ preventScroll: true });
    else if (now < 0) {
      lines[before].button.focus({ preventScroll: true });
      measure();
    }
  }

  back.onclick = () => model.send({ do: "back" });

  body.onclick = (event) => {
    const at = lines.findIndex(({ row }) => row.contains(event.target));
    if (at >= 0 && !event.target.closest("button") && !lines[at].button.disabled) open(at);
  };
  body.onkeydown = (event) => {
    const row = event.target.closest("tr");
    const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!next) return;
    row[next]?.querySelector(".obi-market").focus();
    event.preventDefault();
    event.stopPropagation();
  };

  // The lab takes Escape first, to release what is pinned, or to close its list of keys.
  function leave(event) {
    if (event.key !== "Escape" || opened < 0) return;
    const root = el.closest(".obi-board") ?? el;
    const focused = document.activeElement;
    const within = root.contains(focused);
    if (!within && (focused?.closest(".obi") || !root.matches(":hover"))) return;
    if (focused?.closest("input, textarea, select, .cm-editor")) return;
    if (root.querySelector(".obi-keys:not([hidden])")) return;
    setTimeout(() => {
      if (!event.defaultPrevented) back.onclick();
    });
  }

  window.addEventListener("keydown", leave, true);
  const observer = new ResizeObserver(measure);
  observer.observe(table);
  const clock = setInterval(() => {
    if (performance.now() - arrived > BEYOND) tick();
  }, 200);
  const pacing = setInterval(pace, 1000);
  model.on("change:state", update);
  for (const name of ["lines", "beyond"]) model.on(`change:${name}`, paint.ask);
  update();
  const forgetHints = hints(el);
  return () => {
    forgetHints();
    window.removeEventListener("keydown", leave, true);
    observer.disconnect();
    clearInterval(clock);
    clearInterval(pacing);
    model.off("change:state", update);
    for (const name of ["lines", "beyond"]) model.off(`change:${name}`, paint.ask);
    paint.stop();
    forget();
  };
}

export default { render };
