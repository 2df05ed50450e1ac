// Trades: half discs on their price, a dome for what takers bought, a bowl for what they sold. The
// area says how much. Whole discs would look like the exits of entries. Drawn by their outcomes, they are
// filled where price went the takers' way, dashed and empty where it did not, and faint while that is
// not known.

const RADIUS = 11; // px, of the largest in view
const SHARE = 1 / 55; // of the width of a narrow chart
const TINY = 1.2; // px

const [TRADE_AGAINST, TRADE_PAID] = [0, 1]; // see presentation/layers/outcomes.py

function bubbleRadius(place, size, largest) {
  const most = Math.min(RADIUS, SHARE * place.width);
  return Math.max(TINY, most * Math.sqrt(Math.abs(size) / largest));
}

layer("below", ["bubbles", "bubbles_largest", "bubbles_kinds", "appearance"], (context, place, data) => {
  const { bubbles, bubbles_largest: largest, bubbles_kinds: kinds, appearance } = data;
  if (!largest) return;
  const told = appearance.outcomes && kinds.length * 3 === bubbles.length * 2;
  const pens = [1, -1].map((side) => place.color(side > 0 ? "bid" : "ask"));
  for (let at = 0; at < bubbles.length; at += 3) {
    const size = bubbles[at + 2];
    const bought = size > 0;
    const [x, y] = [place.x(bubbles[at]), place.y(bubbles[at + 1])];
    const kind = told ? kinds[(2 * at) / 3 + 1] : TRADE_PAID; // 10 s later
    const known = kind === TRADE_PAID || kind === TRADE_AGAINST;
    context.beginPath();
    context.arc(x, y, bubbleRadius(place, size, largest), 0, Math.PI, bought);
    context.closePath();
    context.fillStyle = context.strokeStyle = pens[bought ? 0 : 1];
    if (kind !== TRADE_AGAINST) {
      context.globalAlpha = known ? (told ? 0.75 : 0.5) : 0.2;
      context.fill();
    }
    if (!known) continue;
    if (told) context.setLineDash(kind === TRADE_AGAINST ? [2, 1.5] : []);
    context.lineWidth = 1;
    context.globalAlpha = 0.9;
    context.stroke();
  }
});
