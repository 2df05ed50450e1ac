// Where a box has room in a chart.

const HYSTERESIS = 24; // px of the line: a box stays where it is for a place that hides less by fewer

const FRESH = 250; // ms for which a line is as it was read: it moves by less than a px

// Returns a function that reads a chart's first line as bqplot has drawn it: x, y, x, y, … px of the plot.
function lineOf(el) {
  let points = [];
  let since = -Infinity;
  return () => {
    if (performance.now() - since < FRESH) return points;
    since = performance.now();
    const path = el.closest(".obi-chart")?.querySelector(".curve path.line");
    points = (path?.getAttribute("d") ?? "").split(/[ML,]/).slice(1).map(Number);
    return points;
  };
}

// Returns how much of a line, as numbers x, y, x, y, … of the plot, lies in a rectangle of the chart: a
// horizontal piece counts its width, an upright one a third of its height.
function hidden(points, here, [left, top, right, bottom]) {
  const [from, to, high, low] = [left - here.left, right - here.left, top - here.top, bottom - here.top];
  let sum = 0;
  for (let at = 2; at < points.length; at += 2) {
    const [x0, y0, x1, y1] = [points[at - 2], points[at - 1], points[at], points[at + 1]];
    const wide = Math.min(Math.max(x0, x1), to) - Math.max(Math.min(x0, x1), from);
    const tall = Math.min(Math.max(y0, y1), low) - Math.max(Math.min(y0, y1), high);
    if (wide >= 0 && tall >= 0) sum += wide + tall / 3;
  }
  return sum;
}

// Returns the place, of all lefts and tops, where a box hides the least of what is to be seen: each a
// rectangle (left, top, right, bottom) or null, the most important first; then of a line, `points`.
// `here` is of place.js; `kept` is the number of the place where the box was, or null. The place is
// [left, top, its number].
function roomFor(here, [wide, high], lefts, tops, seen, points = [], kept = null) {
  const most = [here.left + here.width - wide - 4, here.top + here.height - high - 4];
  const places = tops.flatMap((top) =>
    lefts.map((left) => [
      Math.max(here.left + 4, Math.min(most[0], left)),
      Math.max(here.top + 4, Math.min(most[1], top)),
    ]),
  );
  const hides = ([left, top], one) =>
    one !== null &&
    left < one[2] + 8 && left + wide > one[0] - 8 && top < one[3] + 8 && top + high > one[1] - 8;
  const costs = places.map((at, number) => {
    const [left, top] = at;
    const weighty = seen.reduce((sum, one) => 2 * sum + hides(at, one), 0);
    const line = hidden(points, here, [left - 4, top - 4, left + wide + 4, top + high + 4]);
    return 1e6 * weighty + line - (number === kept ? HYSTERESIS : 0);
  });
  const best = costs.reduce((found, cost, number) => (cost < costs[found] ? number : found), 0);
  return [...places[best], best];
}
