// Cumulative depth by distance from mid: bids to the left, asks to the right. A curve ends where the
// book is not known further.

const MARGIN = { top: 22, right: 52, bottom: 18, left: 0 };

function render({ model, el }) {
  el.classList.add("obi-depth");
  const head = document.createElement("div");
  head.className = "obi-head";
  const canvas = document.createElement("canvas");
  canvas.className = "obi-canvas";
  canvas.setAttribute("role", "img");
  el.append(canvas, head);
  const context = canvas.getContext("2d");
  const paint = painter(draw);
  const { color, font, stop: forget } = palette(el, paint.ask);
  const size = { width: 0, height: 0 };

  function update() {
    const { head: text } = model.get("state");
    if (head.textContent !== text) {
      head.textContent = text;
      canvas.setAttribute("aria-label", text);
    }
    paint.ask();
  }

  function draw() {
    const { bps, most, ticks = [], old } = model.get("state");
    if (!size.width || !size.height) return;
    sized(canvas, context, size);
    const window_ = { window: [-bps, bps], range: [0, (most || 1) * 1.05], origin: 0 };
    const place = placed(window_, MARGIN, size);
    context.font = font();
    context.globalAlpha = 1;
    grid(place, bps, ticks); // labels are read, also of a late book
    context.globalAlpha = old ? 0.5 : 1;
    [["bids", -1, "bid"], ["asks", 1, "ask"]].forEach(([name, way, side]) => {
      const curve = model.get(name);
      if (curve && most) area(place, curve, (way * bps) / (curve.length - 1), color(side));
    });
  }

  function grid(place, bps, ticks) {
    context.strokeStyle = color("grid");
    context.fillStyle = color("label");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    const line = (x1, y1, x2, y2) => {
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
    };
    const right = place.left + place.width;
    const bottom = place.top + place.height;
    for (const [value, label] of ticks) {
      const y = Math.round(place.y(value)) + 0.5;
      line(place.left, y, right, y);
      context.fillText(label, right + 6, y);
    }
    context.textBaseline = "top";
    context.textAlign = "center";
    for (const share of [-1, -0.5, 0, 0.5, 1]) {
      const x = Math.round(place.x(share * bps)) + 0.5;
      line(x, place.top, x, bottom);
      if (Math.abs(share) === 1) continue; // its label would be cut off
      const text = share ? `${share < 0 ? "−" : "+"}${Math.abs(share * bps)} bps` : "mid";
      context.fillText(text, x, bottom + 4);
    }
    context.textAlign = "start";
  }

  function area(place, curve, step, color) {
    let end = curve.findIndex((value) => Number.isNaN(value));
    if (end < 0) end = curve.length;
    if (end < 2) return;
    const path = new Path2D();
    path.moveTo(place.x(0), place.y(curve[0]));
    for (let at = 1; at < end; at += 1) {
      path.lineTo(place.x(at * step), place.y(curve[at - 1]));
      path.lineTo(place.x(at * step), place.y(curve[at]));
    }
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = 1.4;
    context.stroke(path);
    path.lineTo(place.x((end - 1) * step), place.y(0));
    path.lineTo(place.x(0), place.y(0));
    context.globalAlpha *= 0.2;
    context.fill(path);
    context.globalAlpha /= 0.2;
  }

  const names = ["state", "bids", "asks"];
  for (const name of names) model.on(`change:${name}`, update);
  const resized = new ResizeObserver(() => {
    [size.width, size.height] = [el.clientWidth, el.clientHeight];
    paint.ask();
  });
  resized.observe(el);
  update();
  return () => {
    for (const name of names) model.off(`change:${name}`, update);
    resized.disconnect();
    forget();
    paint.stop();
  };
}

export default { render };
