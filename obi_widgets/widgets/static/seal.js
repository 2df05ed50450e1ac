// A sealed test, or the offer to make one. Texts come ready.

function render({ model, el }) {
  const box = make("section", "obi-seal", el);
  box.setAttribute("aria-label", "Sealed test");
  make("div", "obi-head", box, "Sealed test");
  const line = make("div", "obi-seal-line", box);
  const word = make("span", "obi-seal-word", line);
  word.setAttribute("role", "status");
  const reason = make("span", "obi-seal-reason", line);
  const of = make("span", "obi-seal-of", line);
  const facts = make("div", "obi-seal-facts", box);
  const offer = make("div", "obi-seal-offer", box);
  const button = make("button", "obi-button", offer);
  const about = make("span", "obi-seal-about", offer);
  button.onclick = () => model.send({ do: "seal" });

  function update() {
    const state = model.get("state");
    offer.hidden = !state.button;
    set(button, state.button);
    set(about, state.about);
    line.hidden = facts.hidden = !state.word;
    if (!state.word) return;
    set(word, `${state.sign} ${state.word}`);
    word.dataset.tone = state.tone;
    set(reason, state.reason);
    set(of, state.of);
    facts.replaceChildren();
    state.facts.forEach(([what, value, tip]) => {
      const fact = make("span", "obi-seal-fact", facts);
      fact.title = tip;
      make("span", "obi-seal-what", fact, what);
      make("span", "obi-seal-value", fact, value);
    });
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
