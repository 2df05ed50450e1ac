// Where a time and a value are on a chart, in px of the chart. The window and the range are those to
// which the same frame set the scales of bqplot, so that all that draws agrees.
// Times are ms since midnight UTC of a day, `origin`, which is in ms UTC.

// Returns null before the first frame. `size` is that of the chart, `margin` what is not plot.
function placed(state, margin, size) {
  if (!state) return null;
  const { window, range, origin } = state;
  const { left, top } = margin;
  const width = size.width - left - margin.right;
  const height = size.height - top - margin.bottom;
  const [start, end] = window;
  const [low, high] = range;
  return {
    window, range, origin,
    left, top, width, height, // of the plot
    x: (time) => left + ((time - start) / (end - start)) * width,
    y: (value) => top + ((high - value) / (high - low)) * height,
    timeAt: (x) => start + ((x - left) / width) * (end - start),
    valueAt: (y) => high - ((y - top) / height) * (high - low),
  };
}

// Clears a canvas to draw on it anew in CSS px. It is made anew only when its size is another.
function sized(canvas, context, { width, height }) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [width, height].map((px) => Math.round(px * ratio));
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
}

// Draws once a painted frame, however often it is asked, and after all that bqplot draws in that frame.
// A text on a canvas makes the browser lay out the page, and so must not come between its changes.
function painter(draw) {
  let asked = false;
  let frame = 0;
  return {
    ask() {
      if (asked) return;
      asked = true;
      // When all models have been set, bqplot has asked for its own turn.
      queueMicrotask(() => {
        if (!asked) return;
        frame = requestAnimationFrame(() => {
          asked = false;
          draw();
        });
      });
    },
    stop() {
      asked = false;
      cancelAnimationFrame(frame);
    },
  };
}
