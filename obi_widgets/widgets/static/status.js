// One line that tells the state of the world, and what can be done about it.

const BETWEEN = 180; // ms: nearly two frames

function figure(parent, label, title, className = "") {
  const box = make("span", `obi-figure ${className}`, parent);
  make("span", "obi-label", box, label);
  box.title = title;
  box.dataset.what = label;
  return make("span", "obi-value", box);
}

function render({ model, el }) {
  const line = make("div", "obi-status", el);
  const symbol = make("span", "obi-symbol", line);
  const venue = make("span", "obi-venue", line);
  const state = make("span", "obi-state", line);
  const mid = figure(line, "mid", "Mean of best bid and best ask, quote currency", "obi-large");
  const spread = figure(line, "spread", "Best ask minus best bid, in bps of mid");
  const signal = figure(line, "", "", "obi-large obi-signal");
  const age = figure(line, "age", "Time since the book last changed");
  const late = make("span", "obi-late", line);
  const rate = figure(line, "messages/s", "Messages a second from the venue, over the last two seconds");

  const controls = make("span", "obi-controls", line);
  const windows = make("span", "obi-windows", controls);
  windows.setAttribute("role", "group");
  windows.setAttribute("aria-label", "Length of time that the charts show");
  const pause = make("button", "obi-button", controls);
  const exporter = make("button", "obi-button", controls, "Export…");

  const message = make("div", "obi-message", el);
  const said = make("span", "", message);
  said.setAttribute("role", "status");
  const close = make("button", "obi-close", message, "×");
  close.setAttribute("aria-label", "Close this message");
  close.title = "Close this message";
  const stopExporting = exporting(model, el, exporter);
  const alerts = bell(model, controls, el);
  const deafen = listen(model, el, controls);

  let arrived = performance.now();
  let buttons = [];
  let closed = ""; // the message that was closed

  // The same, told again, is another; one that counts seconds stays the same.
  const which = (now) => `${now.told} ${now.message.replace(/\d[\d,.]*/g, "")}`;

  // A length that was zoomed to has a button of its own, behind those to choose from.
  function choose(choices, chosen, zoomed) {
    if (buttons.length !== choices.length + 1) {
      windows.replaceChildren();
      buttons = [...choices, [null, "", ""]].map(([value, text, words]) => {
        const button = make("button", "obi-window", windows, text);
        button.title = `Show the last ${words}`;
        button.onclick = () => {
          const seconds = value ?? model.get("state").window;
          model.send({ do: "window", seconds });
        };
        return button;
      });
    }
    buttons.forEach((button, index) => {
      const own = index === choices.length;
      button.setAttribute("aria-pressed", String(own || choices[index][0] === chosen));
      if (!own) return;
      button.hidden = !zoomed;
      set(button, zoomed);
      button.title = `The charts show ${zoomed}. Click to show the last ${zoomed}`;
    });
  }

  function tick() {
    const now = model.get("state");
    const elapsed = (performance.now() - arrived) / 1000;
    const over = now.state === "closed"; // nothing comes any more
    age.parentElement.hidden = now.paused || over; // there is none, and the line has no room for both
    rate.parentElement.hidden = over;
    set(age, now.age === null ? "–" : seconds(Math.max(now.age + elapsed, 0)));
    // What the page knows comes before what the kernel said last.
    const { heard = "", says = "" } = line.closest("[data-heard]")?.dataset ?? {};
    set(state, says || (now.paused ? `${now.state}, paused` : now.state));
    state.dataset.state = says ? heard : now.paused ? "paused" : now.state;
    set(rate, says ? "–" : now.rate);
  }

  function update() {
    const now = model.get("state");
    arrived = performance.now();
    set(symbol, now.symbol);
    symbol.title = now.symbol_title;
    set(venue, now.venue);
    set(mid, now.mid);
    set(spread, now.spread);
    const box = signal.parentElement;
    set(box.firstElementChild, now.signal_name);
    box.dataset.what = now.signal_name;
    box.title = now.signal_title;
    set(signal, now.signal);
    signal.dataset.side = now.side;
    for (const one of [mid, spread, signal]) one.classList.toggle("obi-old", now.old);
    set(late, now.late[0]);
    late.title = now.late[1];
    late.hidden = !now.late[0];
    choose(now.windows, now.window, now.zoomed);
    alerts.update();
    set(pause, now.paused ? "▶ Resume" : "❚❚ Pause");
    pause.title = now.paused
      ? "Show the newest data again"
      : "Freeze the screen. New data are still kept";
    pause.onclick = () => model.send({ do: now.paused ? "resume" : "pause" });
    set(said, now.message);
    if (!now.message) closed = ""; // what comes back is said again
    message.hidden = !now.message || closed === which(now);
    message.dataset.tone = now.tone;
    tick();
  }

  close.onclick = () => {
    closed = which(model.get("state"));
    message.hidden = true;
    pause.focus({ preventScroll: true }); // or the keyboard would be nowhere
  };

  // Frames say how old the book is; between them, and only then, the page counts on.
  const clock = setInterval(() => {
    if (performance.now() - arrived > BETWEEN) tick();
  }, 100);
  model.on("change:state", update);
  update();
  return () => {
    clearInterval(clock);
    deafen();
    alerts.stop();
    stopExporting();
    model.off("change:state", update);
  };
}

export default { render };
