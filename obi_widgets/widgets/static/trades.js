// Trades: half discs on their price, a dome for what takers bought, a bowl for what they sold. The
// area says how much. Whole discs would look like the exits of entries.

const RADIUS = 11; // px, of the largest in view
const SHARE = 1 / 55; // of the width of a narrow chart
const TINY = 1.2; // px

layer("below", ["bubbles", "bubbles_largest"], (context, place, data) => {
  const { bubbles, bubbles_largest: largest } = data;
  if (!largest) return;
  context.lineWidth = 1;
  const most = Math.min(RADIUS, SHARE * place.width);
  const pens = [1, -1].map((side) => place.color(side > 0 ? "bid" : "ask"));
  for (let at = 0; at < bubbles.length; at += 3) {
    const size = bubbles[at + 2];
    const bought = size > 0;
    const radius = Math.max(TINY, most * Math.sqrt(Math.abs(size) / largest));
    const [x, y] = [place.x(bubbles[at]), place.y(bubbles[at + 1])];
    context.beginPath();
    context.arc(x, y, radius, 0, Math.PI, bought);
    context.closePath();
    context.fillStyle = context.strokeStyle = pens[bought ? 0 : 1];
    context.globalAlpha = 0.5;
    context.fill();
    context.globalAlpha = 0.9;
    context.stroke();
  }
});
