// The tape of trades. Lines are made once; a frame changes their texts and widths.

const TOOK = { 1: "▲", "-1": "▼" };

function render({ model, el }) {
  const head = make("div", "obi-head", el);
  const tape = make("div", "obi-tape", el);
  const lines = Array.from({ length: model.get("rows") }, () => {
    const node = make("div", "obi-row", tape);
    const bar = make("span", "obi-whole", make("span", "obi-bars", node));
    const [time, price, size] = ["obi-time", "obi-price", "obi-size"].map((name) =>
      make("span", name, node),
    );
    return { node, bar, time, price, size };
  });

  function update() {
    const { head: text, lines: shown } = model.get("state");
    set(head, text);
    lines.forEach(({ node, bar, time, price, size }, index) => {
      const [at, value, amount, side, width] = shown[index] ?? ["", "", "", 0, 0];
      node.classList.toggle("obi-bid", side > 0);
      node.classList.toggle("obi-ask", side < 0);
      const wide = `${width / 10}%`;
      if (bar.style.width !== wide) bar.style.width = wide;
      set(time, at);
      set(price, side ? `${TOOK[side]} ${value}` : "");
      set(size, amount);
    });
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
