// The bell: whether crossings of a level are marked, at which level, and a sound for each.

const BELL = "M5 14 H15 C14 12.5 14 11 14 9 A4 4 0 0 0 6 9 C6 11 6 12.5 5 14 Z M9 16.5 H11 M10 5 V3.5";

// Play a short tone: high for a rise, low for a fall.
function beep(audio, side) {
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  const now = audio.currentTime;
  tone.frequency.value = side > 0 ? 880 : 440;
  volume.gain.setValueAtTime(0.12, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.25);
  tone.connect(volume).connect(audio.destination);
  tone.start(now);
  tone.stop(now + 0.26);
}

// Add the bell to the buttons, and its form below. Returns what to call at each new state.
function bell(model, controls, el) {
  const button = icon(controls, BELL, "Alerts");
  const count = make("span", "obi-count", button);
  button.setAttribute("aria-expanded", "false");
  const form = make("form", "obi-export obi-bell", el);
  form.hidden = true;
  const label = make("label", "obi-label", form, "Mark where the signal goes beyond ±");
  const level = make("input", "obi-path obi-level", label);
  level.inputMode = "decimal";
  level.placeholder = "the threshold";
  level.title = "A level in the signal's unit. Leave it empty for the threshold";
  const loud = make("label", "obi-label", form);
  const sound = make("input", "", loud);
  sound.type = "checkbox";
  loud.append(" with a sound");
  const start = make("button", "obi-button", form, "Start");
  start.type = "submit";
  const stop = make("button", "obi-button", form, "Stop");
  stop.type = "button";
  const last = make("span", "obi-label", form);
  last.setAttribute("role", "status");

  let audio = null;
  let heard = model.get("state").bell.count;
  sound.onchange = () => {
    // A page may only make a sound after it was asked to.
    if (sound.checked) {
      audio ??= new AudioContext();
      audio.resume();
      beep(audio, +1);
    }
  };
  button.onclick = () => {
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) level.focus({ preventScroll: true });
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    model.send({ do: "alert", level: level.value.trim().replace("−", "-").replace(/^[±+]\s*/, "") });
  };
  stop.onclick = () => model.send({ do: "silence" });

  function update() {
    const now = model.get("state").bell;
    button.setAttribute("aria-pressed", String(now.on));
    button.title = now.on ? `Alerts: ${now.at}` : "Alerts: off";
    button.setAttribute("aria-label", `${button.title}. ${now.count} so far`);
    set(count, now.count ? String(now.count) : "");
    set(last, now.last);
    stop.hidden = !now.on;
    start.textContent = now.on ? "Set" : "Start";
    if (now.count > heard && sound.checked && audio) beep(audio, now.side);
    heard = now.count;
  }

  return { update, stop: () => audio?.close() };
}
