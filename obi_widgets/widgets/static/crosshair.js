// The crosshair of a chart: a line at the time that is read, dots on what is drawn, and boxes that
// say what the market was then, and what an entry was. The line follows the mouse at once; the texts
// come with the next frame. A pin is seen in every page, a hover only where the mouse is.

const LABEL = 20; // px: height of a label of the axis

const BOTH = 440; // px: width of a plot in which two boxes have room

const PINNED_WITHIN = 1000; // ms; then a frame shows a pin, or that it is gone

const REACH = 9; // px: a mark that is nearer to the mouse is meant

// `place` returns where times and values are, see place.js; `field` hears the mouse.
function crosshair(model, el, field, place) {
  const node = (className, parent = el, tag = "div") => {
    const made = document.createElement(tag);
    made.className = className;
    parent.append(made);
    return made;
  };
  const line = node("obi-cross");
  const value = node("obi-then obi-value-then");
  const clock = node("obi-then obi-clock-then");
  const box = node("obi-box obi-reading");
  const head = node("obi-box-head", box);
  const when = node("obi-when", head, "strong");
  const unpin = node("obi-unpin", head, "button");
  const table = node("obi-rows", box);
  const away = node("obi-away", el, "button");
  const leader = node("obi-leader");
  const detail = node("obi-box obi-entry");
  const spoken = node("obi-spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  unpin.textContent = "pinned ×";
  unpin.title = "Show now again (Escape)";
  unpin.onclick = () => letGo();
  clock.hidden = true;
  away.hidden = true;
  away.onclick = () => {
    model.send({ do: "there" });
    field.focus({ preventScroll: true }); // the button goes, and the keyboard with it
  };
  const dots = [];
  const [cursor, leave] = sharedCursor(model.get("session"), update);
  const drawn = lineOf(el);
  let [stood, stands] = [null, null]; // where the box of a moment was, and that of an entry
  let over = null; // the entry under the mouse: its time, ms UTC
  let wanted = false; // whether a pin was set, or let go, that no frame has shown yet,
  let since = -Infinity; // and when

  // -- drawing -------------------------------------------------------------------------------

  function fill(parent, rows) {
    while (parent.children.length > rows.length) parent.lastChild.remove();
    rows.forEach(([name, text, side], index) => {
      const row = parent.children[index] ?? node("obi-row-then", parent);
      if (!row.children.length) {
        node("obi-name", row, "span");
        node("obi-figure-then", row, "span");
      }
      set(row.firstChild, name);
      set(row.lastChild, text);
      row.lastChild.dataset.side = side ?? "";
      row.classList.toggle("obi-alone", !name);
    });
  }

  function update() {
    const reading = model.get("reading") ?? null;
    const here = place();
    const pinned = Boolean(reading?.pinned);
    const hovers = cursor.at !== null && !pinned;
    let x = null;
    if (here && pinned) x = here.x(reading.time);
    else if (here && hovers) x = here.left + cursor.at * here.width;
    let beyond = 0; // a pin that is out of the window: −1 before it, +1 after it
    if (x !== null && x < here.left - 0.5) beyond = -1;
    if (x !== null && x > here.left + here.width + 0.5) beyond = 1;
    if (beyond) x = null;
    line.hidden = x === null;
    line.dataset.pinned = pinned;
    const shows = x !== null && cursor.shows(reading);
    if (x !== null) {
      line.style.left = `${x}px`;
      line.style.top = `${here.top}px`;
      line.style.height = `${here.height}px`;
    }
    showDots(shows ? reading.dots : [], here, x);
    showValue(shows ? reading : null, here);
    showClock(shows ? reading : null, here, x);
    const entry = entryShown(here);
    showAway(beyond && reading.rows ? reading : null, here, beyond);
    // In a narrow chart there is no room for both.
    const read = shows || (beyond !== 0 && reading.rows);
    box.hidden = !read || !reading.rows || (entry !== null && here.width < BOTH);
    const at = beyond < 0 ? here.left : beyond ? here.left + here.width : x;
    if (box.hidden) stood = null;
    else showBox(reading, here, at, entry);
    showEntry(here, entry);
    set(spoken, (pinned && reading.spoken) || "");
    giveWay();
  }

  function showDots(marks, here, x) {
    marks.forEach(([level, text, side], index) => {
      dots[index] ??= [node("obi-dot"), node("obi-dot-label")];
      const [dot, label] = dots[index];
      const y = here.y(level);
      dot.hidden = y < here.top - 1 || y > here.top + here.height + 1;
      label.hidden = dot.hidden || !text;
      dot.style.transform = `translate(${x}px, ${y}px)`;
      set(label, text);
      label.dataset.side = side;
      const left = x > here.left + here.width - 70;
      // Of several, the highest has its label above; none leaves the plot.
      const above = marks.length > 1 && marks.every(([other]) => other <= level);
      const lowest = here.top + here.height - LABEL;
      const at = Math.max(here.top, Math.min(lowest, above ? y - 21 : y + 5));
      label.style.transform = `translate(${x + (left ? -8 : 8)}px, ${at}px)`;
      label.classList.toggle("obi-leftward", left);
    });
    for (const pair of dots.slice(marks.length)) for (const one of pair) one.hidden = true;
  }

  function showClock(reading, here, x) {
    if (model.get("margin").bottom < 20) return; // this chart has no labels of time
    clock.hidden = reading === null;
    if (reading !== null) {
      set(clock, reading.clock);
      const half = clock.offsetWidth / 2;
      const most = here.left + here.width - half;
      clock.style.left = `${Math.max(here.left + half, Math.min(most, x))}px`;
      clock.style.top = `${here.top + here.height + 2}px`;
    }
  }

  // Once a painted frame, when all labels of the axes have been set.
  const labels = painter(() => {
    makeWay(value, el.querySelectorAll(".obi-tick"), "y");
    if (model.get("margin").bottom < 20) return;
    makeWay(clock, el.closest(".obi-chart")?.querySelectorAll(".axis .tick text") ?? [], "x");
  });
  const giveWay = labels.ask;

  // A pin out of sight keeps its box. A mark at the edge says on which side it is, and goes there.
  function showAway(reading, here, beyond) {
    away.hidden = reading === null;
    if (reading === null) return;
    set(away, beyond < 0 ? `◂ ${reading.clock}` : `${reading.clock} ▸`);
    away.title = `The pinned moment is ${beyond < 0 ? "before" : "after"} the window. Click to go there`;
    away.style.top = `${here.top + here.height - 24}px`;
    away.style.left = beyond < 0 ? `${here.left + 2}px` : "auto";
    away.style.right = beyond < 0 ? "auto" : `${model.get("margin").right + 2}px`;
  }

  // Labels of an axis give way to that of the crosshair, where they would lie under it.
  function makeWay(one, labels, axis) {
    const own = one.hidden ? null : one.getBoundingClientRect();
    if (own && !own.width) return; // nothing is laid out, so that all would seem to meet
    for (const label of labels) {
      const other = own && label.textContent.trim() ? label.getBoundingClientRect() : null;
      const meets =
        other &&
        (axis === "x"
          ? other.left < own.right + 4 && other.right > own.left - 4
          : other.top < own.bottom && other.bottom > own.top);
      const wanted = meets ? "hidden" : "";
      if (label.style.visibility !== wanted) label.style.visibility = wanted;
    }
  }

  function showValue(reading, here) {
    const level = reading?.dots[0]?.[0];
    value.hidden = !reading?.value || level < here.range[0] || level > here.range[1];
    if (!value.hidden) {
      set(value, reading.value);
      value.style.top = `${aside(here.y(level), here)}px`;
      value.style.minWidth = `${model.get("margin").right - 2}px`;
    }
  }

  // Two labels of the axis must not lie on each other: the one of then gives way to the one of now.
  function aside(y, here) {
    const { at } = model.get("state");
    const now = here.top + at * here.height;
    if (at === null || Math.abs(y - now) >= LABEL) return y;
    return y < now ? now - LABEL : now + LABEL;
  }

  function showBox(reading, here, x, entry) {
    set(when, reading.head);
    unpin.hidden = !reading.pinned;
    fill(table, reading.rows);
    const size = [box.offsetWidth, box.offsetHeight];
    const sides = [x + 10, x - 10 - size[0]];
    const tops = [here.top + 4, here.top + here.height];
    const cross = [x - 1, here.top, x + 1, here.top + here.height];
    const seen = [entry && traded(here, entry), cross];
    put(box, (stood = roomFor(here, size, sides, tops, seen, drawn(), stood?.[2])));
  }

  function put(one, [left, top]) {
    one.style.left = `${left}px`;
    one.style.top = `${top}px`;
  }

  // Returns the entry whose box is shown, or null: it is in sight, and meant in this page.
  function entryShown(here) {
    const entry = model.get("pointed") ?? null;
    if (!here || !entry || entry.price === null) return null;
    const x = here.x(entry.time);
    if (x < here.left || x > here.left + here.width) return null;
    return entry.chosen || entry.view === PAGE.view ? entry : null;
  }

  function showEntry(here, entry) {
    detail.hidden = leader.hidden = entry === null;
    if (entry === null) {
      stands = null;
      return;
    }
    const { text } = entry;
    if (detail.dataset.text !== JSON.stringify(text)) {
      stands = null;
      detail.dataset.text = JSON.stringify(text);
      writeEntry(text);
    }
    const [x, y] = [here.x(entry.time), here.y(entry.price)];
    const [wide, high] = [detail.offsetWidth, detail.offsetHeight];
    const own = traded(here, entry);
    const lefts = [x - 0.7 * wide, x + 14, own[0] - wide - 14];
    const tops = [own[1] - 30 - high, own[3] + 30, y - high / 2];
    const read = box.hidden
      ? null
      : [box.offsetLeft, box.offsetTop, box.offsetLeft + box.offsetWidth, box.offsetTop + box.offsetHeight];
    const [left, top] = (stands = roomFor(here, [wide, high], lefts, tops, [own, read], drawn(), stands?.[2]));
    put(detail, [left, top]);
    // A line joins the box with its entry where it stands right above or below.
    const [from, to] = top < y ? [top + high, y - 6] : [y + 6, top];
    leader.hidden = to <= from || x < left || x > left + wide;
    leader.style.left = `${x}px`;
    leader.style.top = `${from}px`;
    leader.style.height = `${Math.max(0, to - from)}px`;
  }

  // The rectangle of an entry and its exit.
  function traded(here, entry) {
    const xs = [here.x(entry.entered), here.x(entry.time)];
    const ys = [here.y(entry.bought), here.y(entry.price)];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  function writeEntry(text) {
    detail.replaceChildren();
    const top = node("obi-box-head", detail);
    const what = node("obi-when", top, "strong");
    set(what, text.head);
    what.dataset.side = text.side;
    set(node("obi-number", top, "span"), text.number);
    const rows = node("obi-trades", detail);
    for (const name of ["in", "out"]) {
      set(node("obi-name", rows, "span"), name);
      set(node("obi-traded", rows, "strong"), text[name][0]);
      set(node("obi-name", rows, "span"), text[name][1]);
    }
    const sums = node("obi-sums", detail);
    for (const name of ["gross", "net"]) {
      set(node("obi-name", sums, "span"), name);
      const figure = node("obi-traded", sums, "strong");
      set(figure, text[name]);
      figure.dataset.tone = name === "net" ? text.tone : "";
    }
    for (const sentence of text.why) set(node("obi-why", detail), sentence);
  }

  // -- the mouse and the keyboard ------------------------------------------------------------

  const within = (event) => {
    const bounds = el.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };

  // Returns the time of the entry whose triangle or ring is under the mouse, ms UTC, or null.
  function entryAt(event) {
    const here = place();
    const entries = model.get("entries");
    if (!here || !entries) return null;
    const [x, y] = within(event);
    const [entered, bought, left, sold] = entries;
    let best = REACH;
    let found = null;
    for (let index = 0; index < entered.length; index++) {
      for (const [time, price] of [[entered[index], bought[index]], [left[index], sold[index]]]) {
        const away = Math.hypot(here.x(time) - x, here.y(price) - y);
        if (away < best) [best, found] = [away, here.origin + entered[index]];
      }
    }
    return found;
  }

  function hover(event) {
    const here = place();
    if (!here) return;
    const [x] = within(event);
    cursor.move(Math.max(0, Math.min(1, (x - here.left) / here.width)), (message) => model.send(message));
    const entry = entryAt(event);
    field.dataset.entry = entry !== null;
    if (entry !== over) model.send({ do: "entry", time: entry, view: PAGE.view });
    over = entry;
  }

  function out() {
    cursor.move(null, (message) => model.send(message));
    if (over !== null) model.send({ do: "entry", time: null, view: PAGE.view });
    over = null;
  }

  function click(event) {
    const here = place();
    if (!here) return;
    const entry = entryAt(event);
    if (entry !== null) {
      model.send({ do: "choose", time: entry });
      return;
    }
    const x = within(event)[0];
    pin({ do: "cursor", time: here.origin + here.timeAt(x) });
  }

  // A key that follows at once means what was done last, before a frame has it.
  function pin(message, set = true) {
    [wanted, since] = [set, performance.now()];
    model.send(message);
  }

  const letGo = () => pin({ do: "cursor", time: null }, false);

  const awaits = () => performance.now() - since < PINNED_WITHIN;

  const isPinned = () => (awaits() ? wanted : Boolean(model.get("reading")?.pinned));

  // Returns whether a key was meant for the crosshair.
  function key(event) {
    const pinned = isPinned();
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape" && (pinned || model.get("pointed")?.chosen)) letGo();
    else if (event.key === "Enter" && !pinned) pin({ do: "step", by: 0 });
    else if (by && pinned) model.send({ do: "step", by: event.shiftKey ? 10 * by : by });
    else return false;
    return true;
  }

  // A key that was pressed elsewhere in the lab: the chart that has the words of a pin takes it.
  function keyed(event) {
    const words = Boolean(model.get("reading")?.rows) || awaits();
    if (isPinned() && words && key(event.detail)) event.preventDefault();
  }

  let lab = null;
  const found = requestAnimationFrame(() => {
    lab = el.closest(".obi-lab") ?? el.closest(".obi");
    lab?.addEventListener("obi-key", keyed);
  });

  function answered() {
    const reading = model.get("reading");
    if (Boolean(reading?.pinned) === wanted) since = -Infinity;
    if (!reading || reading.pinned) cursor.answered(cursor.asked);
    else if (reading.view === PAGE.view) cursor.answered(reading.at);
    update();
  }

  const resized = new ResizeObserver(update);
  resized.observe(el);
  model.on("change:reading", answered);
  for (const name of ["place", "pointed"]) model.on(`change:${name}`, update);
  update();

  function stop() {
    leave();
    resized.disconnect();
    cancelAnimationFrame(found);
    labels.stop();
    lab?.removeEventListener("obi-key", keyed);
    model.off("change:reading", answered);
    for (const name of ["place", "pointed"]) model.off(`change:${name}`, update);
  }

  return { hover, out, click, key, letGo, giveWay, stop };
}
