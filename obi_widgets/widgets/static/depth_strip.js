// The book at the right edge: a bar for each row of prices, filled for now and outlined for the moment
// that is read, never both. Lengths are roots of sizes, as in the ladder.

const LONGEST = 84; // px, of the largest size
const PART = 0.14; // of the width of a narrow plot
const WHOLE = 127; // see presentation/layers/depth_strip.py
const NEAR_WORDS = 60; // px from mid to the end of the plot
const LOW = new WeakMap(); // of each canvas, whether the words stand below

layer("below", ["depth", "depth_now", "depth_then", "reading"], (context, place, data) => {
  const { depth, reading } = data;
  const past = Boolean(reading) && (reading.pinned || reading.view === PAGE.view);
  const bars = past ? data.depth_then : data.depth_now;
  if (!bars.length) return;
  const right = place.left + place.width;
  const most = Math.min(LONGEST, PART * place.width);
  const high = Math.abs(place.y(depth.low) - place.y(depth.low + depth.step));
  context.fillStyle = place.color("ground");
  context.globalAlpha = 0.6;
  context.fillRect(right - most - 6, place.top, most + 6, place.height);
  context.globalAlpha = past ? 1 : 0.75;
  const colors = [place.color("ask"), place.color("bid")];
  bars.forEach((bar, row) => {
    if (!bar) return;
    const width = (Math.abs(bar) / WHOLE) * most;
    const y = place.y(depth.low + (row + 1) * depth.step);
    context.fillStyle = colors[bar > 0 ? 1 : 0];
    // Of then, faint with a full end: what is filled is now.
    if (past) {
      context.globalAlpha = 0.3;
      context.fillRect(right - width, y, width, Math.max(high - 0.5, 1));
      context.globalAlpha = 1;
      context.fillRect(right - width, y, 2, Math.max(high, 1));
    } else context.fillRect(right - width, y, width, Math.max(high - 0.5, 1));
  });
  context.globalAlpha = 1;
  context.font = place.font;
  context.textBaseline = "top";
  const text = past ? "depth then" : "depth now";
  const wide = context.measureText(text).width;
  if (wide >= most + 4) return;
  // Where the newest price, its entries and its trades are not. It goes to the other end when they come near.
  const mid = place.y(depth.low + (bars.findLastIndex((bar) => bar > 0) + 1) * depth.step);
  let low = LOW.get(context) ?? false;
  if (mid < place.top + NEAR_WORDS) low = true;
  else if (mid > place.top + place.height - NEAR_WORDS) low = false;
  LOW.set(context, low);
  const top = low ? place.top + place.height - 17 : place.top + 2;
  context.fillStyle = place.color("ground"); // no bar strikes the words through
  context.globalAlpha = 0.9;
  context.fillRect(right - wide - 7, top, wide + 7, 15);
  context.globalAlpha = 1;
  context.fillStyle = place.color("ink");
  context.fillText(text, right - wide - 4, top + 2);
});
