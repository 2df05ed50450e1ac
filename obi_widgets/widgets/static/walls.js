// Large levels of the book: outlined from when they were seen to when they ended, with a sentence.
// Drawn by their outcomes, the outline is solid where price went away from the level after it was
// known, dashed where it did not, and faint while that is not known. A bar at its end says the same of
// the time after the end.

const LEAST = 5; // px: height of an outline
const LINE = 14; // px: texts that are nearer to each other overlap

const BAR = 13; // px: height of the bar at an end

const [WALL_AGAINST, WALL_PAID] = [0, 1]; // see presentation/layers/outcomes.py

const outlineOf = (place, { price, start, end }) => {
  const from = Math.max(place.x(start), place.left - 2);
  const to = Math.min(place.x(end), place.left + place.width + 2);
  return { from, to, y: place.y(price) };
};

// Sets the pen to what an outcome looks like.
function penOf(context, kind) {
  context.globalAlpha = kind === WALL_AGAINST || kind === WALL_PAID ? 1 : 0.4;
  context.setLineDash(kind === WALL_AGAINST ? [4, 3] : []);
}

layer("below", ["walls", "appearance"], (context, place, { walls, appearance }) => {
  for (const wall of walls) {
    const { from, to, y } = outlineOf(place, wall);
    context.strokeStyle = place.color(wall.side > 0 ? "bid" : "ask");
    const kinds = appearance.outcomes ? wall.kinds : null;
    if (kinds) penOf(context, kinds[0]);
    context.lineWidth = 1;
    context.strokeRect(from + 0.5, Math.round(y - LEAST / 2) + 0.5, to - from, LEAST - 1);
    if (!kinds || kinds[1] === null) continue;
    penOf(context, kinds[1]);
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(to, y - BAR / 2);
    context.lineTo(to, y + BAR / 2);
    context.stroke();
  }
});

// Where the price was at an x, px; NaN where it is not known.
function priceAt(place, { heat, heat_middle: middle }, x) {
  const column = Math.floor(((x - place.left) / place.width) * middle.length);
  return heat && column in middle ? place.y(heat.low + middle[column] * heat.step) : NaN;
}

layer("above", ["walls", "heat", "heat_middle"], (context, place, data) => {
  const { walls } = data;
  context.font = place.font;
  context.textBaseline = "bottom";
  const taken = []; // places of texts
  for (const wall of walls) {
    const { from, to, y } = outlineOf(place, wall);
    const width = context.measureText(wall.text).width;
    const last = place.left + place.width - width - 6;
    const above = y - LEAST > place.top + LINE;
    const bottom = above ? y - LEAST / 2 - 1 : y + LEAST / 2 + LINE;
    // At the left, in the middle or at the right of what is seen of it: away from the price.
    const free = (x) => {
      const shares = [0, 0.25, 0.5, 0.75, 1];
      const far = shares.map((share) => Math.abs(priceAt(place, data, x + share * width) - bottom + 6));
      return Math.min(2 * LINE, ...far.filter((one) => !Number.isNaN(one)));
    };
    const left = Math.max(from, place.left) + 6;
    const x = [(left + to - width) / 2, left, to - width - 6]
      .map((one) => Math.max(place.left + 6, Math.min(last, one)))
      .reduce((best, one) => (free(one) > free(best) ? one : best));
    const box = { x, right: x + width, bottom };
    const overlaps = (other) =>
      box.x < other.right && other.x < box.right && Math.abs(box.bottom - other.bottom) < LINE;
    if (last < place.left + 6 || taken.some(overlaps)) continue;
    taken.push(box);
    labelled(context, place, wall.text, x, bottom);
  }
});
