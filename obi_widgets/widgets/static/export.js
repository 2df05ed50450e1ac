// Saving the settings or a strategy, and a link to the lab. The kernel saves the file where it runs;
// the page offers the same bytes, for a reader who sits elsewhere.

const KINDS = [
  ["Settings", ".toml", "The settings, the data they were tuned on, and the verdict"],
  ["Strategy", ".py", "A strategy in plain Python, with the same settings"],
];
const ENDING = /\.(toml|json|py)$/;

// `opener` is the button that shows the form. Returns how to let go of it.
function exporting(model, el, opener) {
  opener.title = "Save the settings, the data they were tuned on, and the verdict; or a strategy; or copy a link";
  opener.setAttribute("aria-expanded", "false");
  const form = make("form", "obi-export", el);
  make("span", "obi-label", form, "Save");
  const kinds = make("span", "obi-kinds", form);
  kinds.setAttribute("role", "group");
  kinds.setAttribute("aria-label", "What to save");
  const choices = KINDS.map(([name, ending, words]) => {
    const button = make("button", "obi-window", kinds, name);
    button.type = "button";
    button.title = words;
    button.onclick = () => {
      path.value = path.value.replace(ENDING, "") + ending;
      choose();
    };
    return button;
  });
  make("span", "obi-label", form, "as");
  const path = make("input", "obi-path", form);
  path.setAttribute("aria-label", "Save as: file name, .toml, .json or .py");
  path.title = "The file is saved in the kernel's working folder. Its name must end in .toml, .json or .py";
  make("button", "obi-button", form, "Save").type = "submit";
  const cancel = make("button", "obi-button", form, "Cancel");
  cancel.type = "button";
  const share = make("button", "obi-button", form, "Copy link");
  share.type = "button";
  share.title = "Copy a text that opens the same again: source, settings, window and selection";
  const link = make("input", "obi-path obi-link", form);
  link.readOnly = true;
  link.hidden = true;
  link.setAttribute("aria-label", "Link to this lab");
  const copied = make("span", "obi-label", form);
  copied.setAttribute("role", "status");
  form.hidden = true;

  const row = make("div", "obi-message obi-saved", el);
  const said = make("span", "", row);
  said.setAttribute("role", "status");
  const download = make("a", "", row);
  const close = make("button", "obi-close", row, "×");
  close.title = "Close this message";
  close.setAttribute("aria-label", close.title);
  row.hidden = true;

  // Which kind the name's ending says.
  function choose() {
    const strategy = path.value.endsWith(".py");
    choices.forEach((button, index) => {
      button.setAttribute("aria-pressed", String((index === 1) === strategy));
    });
  }

  function open(shown) {
    form.hidden = !shown;
    opener.setAttribute("aria-expanded", String(shown));
    link.hidden = true;
    copied.textContent = "";
    if (!shown) return;
    path.value = model.get("state").file;
    choose();
    path.select();
  }

  function offer(saved, bytes) {
    forget();
    said.textContent = `Saved as ${saved}, on the kernel's computer.`;
    const name = saved.split(/[/\\]/).pop();
    download.textContent = `Download ${name}`;
    download.download = name;
    download.href = URL.createObjectURL(new Blob([bytes]));
    row.hidden = false;
  }

  function forget() {
    if (download.href) URL.revokeObjectURL(download.href);
    download.removeAttribute("href");
    row.hidden = true;
  }

  // The kernel's answer. Where a page may not copy, the text is there to be copied by hand.
  async function receive(message, buffers) {
    if (typeof message.saved === "string") offer(message.saved, buffers[0]);
    if (typeof message.link !== "string") return;
    link.value = message.link;
    link.hidden = false;
    link.select();
    try {
      await navigator.clipboard.writeText(message.link);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = document.execCommand("copy") ? "Copied." : "Copy it from here.";
    }
  }

  opener.onclick = () => open(form.hidden);
  path.oninput = choose;
  cancel.onclick = () => {
    open(false);
    opener.focus({ preventScroll: true });
  };
  close.onclick = () => {
    forget();
    opener.focus({ preventScroll: true });
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    forget();
    model.send({ do: "export", path: path.value });
    open(false);
  };
  share.onclick = () => model.send({ do: "link" });
  model.on("msg:custom", receive);
  return () => {
    model.off("msg:custom", receive);
    forget();
  };
}
