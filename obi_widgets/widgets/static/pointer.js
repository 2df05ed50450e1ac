// What the mouse does on a chart: hover to read, click to pin, drag to look back, turn the wheel with
// Ctrl or Shift to zoom, drag with Shift to choose what calibration looks at.

const SHORTEST = 4; // px that the mouse moves in a drag; less is a click

// Say what the mouse does, at most once a painted frame. `place` returns where times are, see
// place.js; `cross` is the crosshair; `brushed` draws what is being chosen.
function move(field, model, place, cross, brushed) {
  let pressed = null; // where the button went down, until the mouse leaves that place, px
  let dragged = null; // where the pointer was when it was last told of, px
  let brush = null; // where it began: the time, ms UTC, and px
  let waiting = 0;

  function tell(message) {
    if (waiting) return false;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
    });
    model.send(message);
    return true;
  }

  function utcAt(event) {
    const { origin, left, width, timeAt } = place();
    const x = event.clientX - field.getBoundingClientRect().left;
    return origin + timeAt(left + Math.max(0, Math.min(width, x)));
  }

  function leave() {
    pressed = dragged = brush = null;
    brushed(null);
  }

  field.tabIndex = 0;
  field.onpointerdown = (event) => {
    if (event.button !== 0) return;
    field.setPointerCapture(event.pointerId);
    field.dataset.by = "mouse"; // it needs no ring to be found
    field.focus({ preventScroll: true });
    if (!event.shiftKey) [pressed, dragged] = [[event.clientX, event.clientY], event.clientX];
    else if (place()) brush = { time: utcAt(event), x: event.clientX };
  };
  field.onmousedown = (event) => {
    if (!event.shiftKey) return;
    event.preventDefault(); // neither text nor, in JupyterLab, cells are selected
    event.stopPropagation();
  };
  field.onpointermove = (event) => {
    if (brush !== null) brushed([brush.time, utcAt(event)].sort((a, b) => a - b));
    if (dragged === null) {
      if (brush === null) cross.hover(event);
      return;
    }
    if (pressed !== null) {
      const [x, y] = pressed;
      if (Math.hypot(event.clientX - x, event.clientY - y) < SHORTEST) return;
      pressed = null; // it is a drag
      cross.out();
    }
    if (event.clientX === dragged) return;
    const share = (event.clientX - dragged) / field.clientWidth;
    if (tell({ do: "pan", share })) dragged = event.clientX;
  };
  field.onpointerup = (event) => {
    if (brush !== null && Math.abs(event.clientX - brush.x) >= SHORTEST) {
      const [start, end] = [brush.time, utcAt(event)].sort((a, b) => a - b);
      model.send({ do: "select", start, end });
    }
    if (pressed !== null) cross.click(event);
    leave();
  };
  field.onpointerleave = () => {
    if (dragged === null) cross.out();
  };
  field.onpointercancel = leave;
  field.onkeydown = (event) => {
    delete field.dataset.by;
    if (brush === null && cross.key(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
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
    const at = place() ? utcAt(event) : 0;
    const inside = start <= at && at <= end;
    model.send({ do: inside ? "all" : "now" });
    cross.letGo(); // the first click has pinned
  };
}
