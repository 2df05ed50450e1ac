// What is drawn beside the entries on the price chart: those of B, in grey, and alerts.

const GREY_RADIUS = 3.2; // px of a grey mark

// Rows of entry time and price, exit time and price (NaN without one), and side.
layer("below", ["beside"], (context, place, { beside }) => {
  context.strokeStyle = context.fillStyle = place.color("label");
  context.lineWidth = 1.4;
  for (let row = 0; row < beside.length / 5; row += 1) {
    const [entered, price, left, exit, side] = beside.slice(5 * row, 5 * row + 5);
    const [x, y] = [place.x(entered), place.y(price)];
    context.beginPath();
    context.moveTo(x, y - side * GREY_RADIUS * 1.3);
    context.lineTo(x - GREY_RADIUS * 1.2, y + side * GREY_RADIUS);
    context.lineTo(x + GREY_RADIUS * 1.2, y + side * GREY_RADIUS);
    context.closePath();
    context.fill();
    if (Number.isNaN(exit)) continue;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(place.x(left), place.y(exit));
    context.stroke();
    context.beginPath();
    context.arc(place.x(left), place.y(exit), GREY_RADIUS, 0, 2 * Math.PI);
    context.stroke();
  }
});

// Rows of time and side: a line from the top, and a triangle that points where the signal went.
layer("above", ["alerts"], (context, place, { alerts }) => {
  for (let row = 0; row < alerts.length / 2; row += 1) {
    const [time, side] = alerts.slice(2 * row, 2 * row + 2);
    const x = place.x(time);
    context.fillStyle = context.strokeStyle = place.color(side > 0 ? "bid-text" : "ask-text");
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, place.top + 14);
    context.lineTo(x, place.top + place.height);
    context.globalAlpha = 0.5;
    context.stroke();
    context.globalAlpha = 1;
    const y = place.top + 7;
    context.beginPath();
    context.moveTo(x, y - 5 * side);
    context.lineTo(x - 5, y + 4 * side);
    context.lineTo(x + 5, y + 4 * side);
    context.closePath();
    context.fill();
  }
});
