// What rides on a chart: its title, the labels of the value axis, and the last value among them.
// It is also what the mouse meets: drag to look back, turn the wheel with Ctrl or Shift to zoom.

const LINE_HEIGHT = 15; // px: labels that are nearer to each other overlap

// Say what the mouse does, at most once a painted frame.
function move(field, model) {
  let dragged = null; // where the pointer was when it was last told of, px
  let waiting = 0;

  function tell(message) {
    if (waiting) return false;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
    });
    model.send(message);
    return true;
  }

  field.onpointerdown = (event) => {
    if (event.button !== 0) return;
    dragged = event.clientX;
    field.setPointerCapture(event.pointerId);
  };
  field.onpointermove = (event) => {
    if (dragged === null || event.clientX === dragged) return;
    const share = (event.clientX - dragged) / field.clientWidth;
    if (tell({ do: "pan", share })) dragged = event.clientX;
  };
  field.onpointerup = field.onpointercancel = () => {
    dragged = null;
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
  field.ondblclick = () => model.send({ do: "now" });
}

function render({ model, el }) {
  const [title, empty, line, label, field] = ["title", "nothing", "line", "last", "field"].map(
    (name) => {
      const node = document.createElement("div");
      node.className = `obi-${name}`;
      el.append(node);
      return node;
    },
  );
  field.title = "Drag to look back; Ctrl and the wheel zoom; double-click for now";
  const now = document.createElement("button");
  now.className = "obi-button obi-now";
  now.textContent = "▶▶ Now";
  now.title = "Go with the newest again";
  now.onclick = () => model.send({ do: "now" });
  el.append(now);
  move(field, model);

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
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
