// What rides on a chart: its title, the labels of the value axis, and the last value among them.

const KEYS =
  "Enter pins the newest state in view, left and right go from state to state, Escape lets go.";

const LINE_HEIGHT = 15; // px: labels that are nearer to each other overlap

function render({ model, el }) {
  const [title, empty, line, label, selection, field] = [
    "title", "nothing", "line", "last", "selection", "field",
  ].map((name) => {
    const node = document.createElement("div");
    node.className = `obi-${name}`;
    el.append(node);
    return node;
  });
  title.title =
    "Move the mouse to read, click to pin. Drag to look back. Ctrl + wheel to zoom. Double-click to " +
    "return to now. Shift + drag to select the part that calibration uses. Escape to use all data.";
  field.setAttribute("role", "application");
  field.setAttribute("aria-roledescription", "chart");
  const now = document.createElement("button");
  now.className = "obi-button obi-now";
  now.textContent = "▶▶ Now";
  now.title = "Return to the newest data";
  now.onclick = () => model.send({ do: "now" });
  el.append(now);
  const length = document.createElement("button");
  length.className = "obi-button obi-length";
  length.title = "Calibration uses only this part. Click to use all data";
  length.onclick = () => model.send({ do: "all" });
  el.append(length);

  const canvas = canvases(model, el);
  const head = headOf(model, el, title);
  const labels = thinned(el, model.get("margin"), canvas.place);
  let brushed = null; // times of what is being chosen, ms UTC
  const cross = crosshair(model, el, field, canvas.place);
  const marked = markBox(model, el, field, canvas.place);
  const pointed = {
    ...cross,
    hover(event) {
      cross.hover(event);
      marked.hover(event);
    },
    out() {
      cross.out();
      marked.out();
    },
  };
  move(field, model, canvas.place, pointed, (times) => {
    brushed = times;
    select();
  });

  // Shade what is chosen, as far as it is in sight, and say how long it is.
  function select() {
    const { selected, length: text } = model.get("state");
    const times = brushed ?? selected;
    const place = canvas.place();
    const inside = (time) =>
      Math.max(place.left, Math.min(place.left + place.width, place.x(time - place.origin)));
    const [from, to] = times && place ? times.map(inside) : [0, 0];
    selection.hidden = length.hidden = from === to;
    if (from === to) return;
    const { bottom } = model.get("margin");
    selection.style.inset = `${place.top}px auto ${bottom}px ${from}px`;
    selection.style.width = `${to - from}px`;
    length.hidden = !brushed && !text; // one of the charts says it
    set(length, brushed ? `${((times[1] - times[0]) / 1000).toFixed(0)} s` : `${text} ✕`);
    const half = length.offsetWidth / 2;
    const middle = (from + to) / 2;
    const end = place.left + place.width - half;
    length.style.left = `${Math.max(place.left + half, Math.min(end, middle))}px`;
    length.style.bottom = `${bottom + 4}px`;
  }

  const ticks = [];
  const last = chips(el, title, label, model.get("margin"));

  // A share of the plot's height, 0 at the top, as a place in the overlay.
  function place(node, at) {
    const { top, bottom } = model.get("margin");
    node.style.top = `calc(${top}px + (100% - ${top + bottom}px) * ${at})`;
  }

  function labelAxis(state, { top, right, bottom }) {
    // The size that is known: asking for it would lay out the page anew, in each chart and frame.
    const height = canvas.place()?.height ?? el.clientHeight - top - bottom;
    const taken = last.show(state, height);
    if (state.at !== null) taken.push(state.at * height);
    state.ticks.forEach(([at, text], index) => {
      ticks[index] ??= el.insertBefore(document.createElement("div"), label);
      const tick = ticks[index];
      tick.className = "obi-tick";
      set(tick, text);
      tick.style.minWidth = `${right - 6}px`;
      // Labels under a last value give way, and to labels before them in the list.
      const crowded = taken.some((y) => Math.abs(at * height - y) < LINE_HEIGHT);
      tick.hidden = crowded || at * height > height - LOWEST;
      if (!tick.hidden) taken.push(at * height);
      place(tick, at);
    });
    ticks.slice(state.ticks.length).forEach((tick) => {
      tick.hidden = true;
    });
    cross.giveWay();
  }

  function update() {
    const state = model.get("state");
    const margin = model.get("margin");
    const { right, left } = margin;
    field.style.inset = `${margin.top}px ${right}px ${margin.bottom}px ${left}px`;
    now.style.right = `${right + 8}px`;
    now.hidden = !state.back;
    inParts(title, state.title.split(/(?= · )/));
    title.style.left = `${left + 6}px`;
    title.style.maxWidth = `calc(100% - ${left + right + 10}px - var(--taken, 0px))`;
    field.setAttribute("aria-label", `${state.title}. ${KEYS}`);
    set(empty, state.nothing);
    empty.dataset.data = model.get("place") ? "some" : "none";
    const hidden = state.at === null;
    line.hidden = hidden || !state.line;
    label.hidden = hidden;
    place(line, state.at);
    place(label, state.at);
    line.style.left = `${left}px`;
    line.style.right = `${right}px`;
    label.style.minWidth = `${right - 2}px`;
    labelAxis(state, margin);
    set(label, state.last);
    label.dataset.side = state.side;
    label.classList.toggle("obi-old", state.old);
    select();
  }

  model.on("change:state", update);
  model.on("change:place", update);
  const resized = new ResizeObserver(update); // also while nothing comes: what has room is another
  resized.observe(el);
  update();
  return () => {
    resized.disconnect();
    model.off("change:state", update);
    model.off("change:place", update);
    cross.stop();
    marked.stop();
    labels.stop();
    canvas.stop();
    head.stop();
    last.stop();
  };
}

export default { render };
