// Two canvases of a chart: one below the lines of bqplot, one above them. Layers draw there what is
// many, or an image. A layer is a file with one call of `layer`, and is joined with this one.

const LAYERS = [];

// Parameters: where it draws, "below" or "above"; names of the model's attributes that it needs,
// which frames set; and a function `draw(context, place, data)`. The context measures in CSS px and
// is clipped to the plot; `place` is of place.js, and has `color(name)` for `--obi-name` and `font`;
// `data` has the attributes. A layer is not drawn while one of them is missing, nor while the first
// one is null or has no length.
function layer(where, needs, draw) {
  LAYERS.push({ where, needs, draw });
}

// What frames set is never changed in place, so that the same object says the same.
const same = (one, two) => one.length === two.length && one.every((value, at) => value === two[at]);

function holds(data) {
  const values = Object.values(data);
  return !values.includes(undefined) && values[0] !== null && values[0].length !== 0;
}

// Returns the canvases' places, and how to let go of them. `chart` holds both canvases: the lower
// one before all else in it, the upper one where `el` begins.
function canvases(model, el) {
  const sheets = ["below", "above"].map((where) => {
    const canvas = document.createElement("canvas");
    canvas.className = `obi-canvas obi-${where}`;
    canvas.setAttribute("aria-hidden", "true");
    canvas.hidden = true;
    return { where, canvas, context: canvas.getContext("2d"), shown: [] };
  });
  el.prepend(sheets[1].canvas);
  const size = { width: 0, height: 0 };
  const paint = painter(draw);
  const { color, font, stop: forget } = palette(el, anew);

  const place = () => (size.width ? placed(model.get("place"), model.get("margin"), size) : null);

  function draw() {
    const here = place();
    const frame = [model.get("place"), size.width, size.height, window.devicePixelRatio];
    for (const sheet of sheets) {
      const { where, canvas, context } = sheet;
      const layers = here ? LAYERS.filter((one) => one.where === where) : [];
      const drawn = layers
        .map(({ needs, draw }) => [draw, Object.fromEntries(needs.map((name) => [name, model.get(name)]))])
        .filter(([, data]) => holds(data));
      // A slider moves entries, which stand above: the heatmap and all that is below may stay.
      const shown = [...frame, ...drawn.flatMap(([draw, data]) => [draw, ...Object.values(data)])];
      if (same(shown, sheet.shown)) continue;
      sheet.shown = shown;
      // An empty canvas costs the browser a sheet of its own, and one for all that lies above it.
      if (!drawn.length) {
        if (!canvas.hidden) context.clearRect(0, 0, size.width, size.height);
        canvas.hidden = true;
        continue;
      }
      canvas.hidden = false;
      sized(canvas, context, size);
      context.save();
      context.beginPath();
      context.rect(here.left, here.top, here.width, here.height);
      context.clip();
      for (const [draw, data] of drawn) {
        context.save();
        draw(context, { ...here, color, font: font() }, data);
        context.restore();
      }
      context.restore();
    }
  }

  // When colours or letters are others.
  function anew() {
    for (const sheet of sheets) sheet.shown = [];
    redraw();
  }

  // Once a painted frame, and not at all without a layer.
  function redraw() {
    if (LAYERS.length) paint.ask();
  }

  const resized = new ResizeObserver(() => {
    // The chart is known once the overlay is in the page.
    if (!sheets[0].canvas.isConnected) el.closest(".obi-chart")?.prepend(sheets[0].canvas);
    [size.width, size.height] = [el.clientWidth, el.clientHeight];
    redraw();
  });
  resized.observe(el);
  const needed = ["place", ...new Set(LAYERS.flatMap(({ needs }) => needs))];
  for (const name of needed) model.on(`change:${name}`, redraw);

  function stop() {
    resized.disconnect();
    forget();
    for (const name of needed) model.off(`change:${name}`, redraw);
    paint.stop();
    for (const { canvas } of sheets) canvas.remove();
  }

  return { place, redraw, stop };
}
