// What rides on a chart: its title, the labels of the value axis, and the last value among them.
// It is also what the mouse meets: drag to look back, turn the wheel with Ctrl or Shift to zoom,
// drag with Shift to choose what calibration looks at.

const LINE_HEIGHT = 15; // px: labels that are nearer to each other overlap

const SHORTEST = 4; // px that a chosen part is wide, or it was no drag

// Say what the mouse does, at most once a painted frame. `brushed` draws what is being chosen.
function move(field, model, brushed) {
  let dragged = null; // where the pointer was when it was last told of, px
  let brush = null; // where it began: the time, ms, and px
  let waiting = 0;

  function tell(message) {
    if (waiting) return false;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
    });
    model.send(message);
    return true;
  }

  function timeAt(event) {
    const box = field.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    const [start, end] = model.get("state").window;
    return start + share * (end - start);
  }

  function leave() {
    dragged = brush = null;
    brushed(null);
  }

  field.tabIndex = -1; // so that it hears Escape
  field.onpointerdown = (event) => {
    if (event.button !== 0) return;
    field.setPointerCapture(event.pointerId);
    field.focus({ preventScroll: true });
    if (!event.shiftKey) dragged = event.clientX;
    else if (model.get("state").window) brush = { time: timeAt(event), x: event.clientX };
  };
  field.onmousedown = (event) => {
    if (!event.shiftKey) return;
    event.preventDefault(); // neither text nor, in JupyterLab, cells are selected
    event.stopPropagation();
  };
  field.onpointermove = (event) => {
    if (brush !== null) brushed([brush.time, timeAt(event)].sort((a, b) => a - b));
    if (dragged === null || event.clientX === dragged) return;
    const share = (event.clientX - dragged) / field.clientWidth;
    if (tell({ do: "pan", share })) dragged = event.clientX;
  };
  field.onpointerup = (event) => {
    if (brush !== null && Math.abs(event.clientX - brush.x) >= SHORTEST) {
      const [start, end] = [brush.time, timeAt(event)].sort((a, b) => a - b);
      model.send({ do: "select", start, end });
    }
    leave();
  };
  field.onpointercancel = leave;
  field.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (brush === null) model.send({ do: "all" });
    leave();
  };
  field.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
      event.preventDefault();
      const box = field.getBoundingClientRect();
      const turned = event.deltaY || event.deltaX;
      const factor = Math.exp(Math.max(-0.5, Math.min(0.5, turned / 400)));
      tell({ do: "zoom", factor, at: (event.clientX - box.left) / box.width });
    },
    { passive: false },
  );
  field.ondblclick = (event) => {
    const [start, end] = model.get("state").selected ?? [1, 0];
    const at = timeAt(event);
    model.send({ do: start <= at && at <= end ? "all" : "now" });
  };
}

function render({ model, el }) {
  const [title, empty, line, label, selection, field] = [
    "title", "nothing", "line", "last", "selection", "field",
  ].map((name) => {
    const node = document.createElement("div");
    node.className = `obi-${name}`;
    el.append(node);
    return node;
  });
  field.title =
    "Drag to look back. Ctrl + wheel to zoom. Double-click to return to now. " +
    "Shift + drag to select the part that calibration uses. Escape to use all data.";
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

  let brushed = null; // times of what is being chosen, ms
  move(field, model, (times) => {
    brushed = times;
    select();
  });

  // Shade what is chosen, as far as it is in sight, and say how long it is.
  function select() {
    const { window, selected, length: text } = model.get("state");
    const times = brushed ?? selected;
    const place = (time) => Math.max(0, Math.min(1, (time - window[0]) / (window[1] - window[0])));
    const [from, to] = times && window ? times.map(place) : [0, 0];
    selection.hidden = length.hidden = from === to;
    if (from === to) return;
    const { top, right, bottom, left } = model.get("margin");
    const wide = el.clientWidth - left - right;
    selection.style.inset = `${top}px auto ${bottom}px ${left + from * wide}px`;
    selection.style.width = `${(to - from) * wide}px`;
    length.hidden = !brushed && !text; // one of the charts says it
    length.textContent = brushed ? `${((times[1] - times[0]) / 1000).toFixed(0)} s` : `${text} ✕`;
    const half = length.offsetWidth / 2;
    const middle = ((from + to) / 2) * wide;
    length.style.left = `${left + Math.max(half, Math.min(wide - half, middle))}px`;
    length.style.bottom = `${bottom + 4}px`;
  }

  const ticks = [];

  // A share of the plot's height, 0 at the top, as a place in the overlay.
  function place(node, at) {
    const { top, bottom } = model.get("margin");
    node.style.top = `calc(${top}px + (100% - ${top + bottom}px) * ${at})`;
  }

  function labelAxis(state, { top, right, bottom }) {
    const height = el.clientHeight - top - bottom;
    state.ticks.forEach(([at, text], index) => {
      ticks[index] ??= el.insertBefore(document.createElement("div"), label);
      const tick = ticks[index];
      tick.className = "obi-tick";
      tick.textContent = text;
      tick.style.minWidth = `${right - 6}px`;
      // Labels under the last value give way.
      tick.hidden = state.at !== null && Math.abs(at - state.at) * height < LINE_HEIGHT;
      place(tick, at);
    });
    ticks.slice(state.ticks.length).forEach((tick) => {
      tick.hidden = true;
    });
  }

  function update() {
    const state = model.get("state");
    const margin = model.get("margin");
    const { right, left } = margin;
    field.style.inset = `${margin.top}px ${right}px ${margin.bottom}px ${left}px`;
    now.style.right = `${right + 8}px`;
    now.hidden = !state.back;
    title.textContent = state.title;
    title.style.left = `${left + 6}px`;
    empty.textContent = state.nothing;
    empty.dataset.data = state.window ? "some" : "none";
    const hidden = state.at === null;
    line.hidden = hidden || !state.line;
    label.hidden = hidden;
    place(line, state.at);
    place(label, state.at);
    line.style.left = `${left}px`;
    line.style.right = `${right}px`;
    label.style.minWidth = `${right - 2}px`;
    labelAxis(state, margin);
    label.textContent = state.last;
    label.dataset.side = state.side;
    label.classList.toggle("obi-old", state.old);
    select();
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
