// Receives the messages of frames, see `presentation/frames/frame_message.py`, and sets the models of the
// page. All models of a frame are set in one go, so that no two parts show different moments.

const TYPES = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

// Returns a function that makes the next array: rows of the old one that are kept, and new rows.
function arrays(buffer) {
  let at = 0;
  return ([drop, keep, type, shape], old) => {
    const row = shape.slice(1).reduce((product, size) => product * size, 1);
    const length = shape[0] * row;
    const array = new TYPES[type](keep * row + length);
    if (keep) array.set(old.subarray(drop * row, (drop + keep) * row));
    const bytes = length * array.BYTES_PER_ELEMENT;
    if (bytes) {
      const tail = new Uint8Array(buffer.buffer, buffer.byteOffset + at, bytes);
      new Uint8Array(array.buffer, keep * row * array.BYTES_PER_ELEMENT).set(tail);
      at += bytes;
    }
    if (shape.length > 1) array.shape = [keep + shape[0], ...shape.slice(1)];
    return array;
  };
}

// marimo's models have no `set_state`; there, what is set goes to the kernel only when it is saved.
function assign(model, state) {
  if (model.set_state) model.set_state(state);
  else for (const [name, value] of Object.entries(state)) model.set(name, value);
}

// Lets messages of the kernel reach a model of anywidget by themselves. anywidget (0.11) gives a model
// up whose script was not there within two seconds, as in a page that is busy: from then on it would
// hear nothing, though it is shown. Returns the model.
function hearing(model) {
  const own = model.get?.("_model_module") === "anywidget" ? Object.getPrototypeOf(model) : null;
  const hear = own && Object.getPrototypeOf(own)?._handle_comm_msg; // without anywidget's waiting
  if (hear && model.comm?.on_msg) model.comm.on_msg(hear.bind(model));
  return model;
}

// Returns the model itself, of which anywidget hands out a few functions, or undefined.
function itself(model) {
  const name = model.get("name");
  let found;
  const keep = (one) => {
    found = one;
  };
  model.on("change:name", keep);
  model.set("name", `${name} `);
  model.set("name", name);
  model.off("change:name", keep);
  return found;
}

// Sets models of a frame, pairs of a model and what is new of it. bqplot draws a mark each time that one
// of its scales changes, and again with its points. So marks that get points are held back, as bqplot
// does itself, until their scales have been set: each is drawn once.
function setAll(changes) {
  const points = changes.filter(([model, { x, y }]) => "dirty" in model && (x || y));
  for (const [model] of points) model.dirty = true;
  for (const change of changes) if (!points.includes(change)) assign(...change);
  for (const [model, state] of points) {
    assign(model, state);
    if (!model.dirty) continue; // drawn
    model.dirty = false; // these are the points that it had
    model.trigger("data_updated");
  }
}

// bqplot draws a line by a transition of d3, also where only its scales have changed. It ends at once,
// but it looks for each number in the path as it was and as it will be. Where it finds the path as it
// will be, it has nothing to do.
function draw({ el }) {
  for (const path of el.querySelectorAll("path"))
    for (const transition of Object.values(path.__transition ?? {})) {
      const line = transition?.value?.["attr.d"];
      if (line) path.setAttribute("d", line);
    }
}

const entries = (object) => Object.entries(object ?? {});

// Parameters: the manager of the page's models, and what to do with a frame that has been set, and
// when one is missing.
function receiver(manager, { arrived, missed }) {
  const models = new Map(); // by id
  const targets = new Map(); // by number: a model's id, an attribute's name, its newest value
  const waiting = []; // messages, while a model is being made
  let number = null; // of the newest frame
  let working = false;
  let changed = new Map(); // by id of a model: what has not been set

  async function find(ids) {
    const find = async (id) => {
      // `get_model` waits two seconds for what has been closed.
      const known = manager.has_model?.(id) ?? true;
      models.set(id, known ? hearing(await manager.get_model(id)) : undefined);
    };
    await Promise.all(ids.map((id) => find(id).catch(() => models.set(id, undefined))));
  }

  function set(number, make) {
    const target = targets.get(number);
    target.value = make(target.value);
    if (!changed.has(target.id)) changed.set(target.id, {});
    changed.get(target.id)[target.name] = target.value;
  }

  function forget(gone) {
    for (const target of gone) targets.delete(target);
    const used = new Set([...targets.values()].map(({ id }) => id));
    for (const id of models.keys()) if (!used.has(id)) models.delete(id);
  }

  function take(message, buffers) {
    if (message.on === null) {
      targets.clear();
    } else if (message.on !== number) {
      if (number === null) return; // it has been said
      number = null;
      missed();
      return;
    }
    if (message.gone) forget(message.gone);
    for (const [target, [id, name]] of entries(message.targets)) targets.set(target, { id, name });
    for (const [target, value] of entries(message.json)) set(target, () => value);
    for (const [target, some] of entries(message.some)) set(target, (old) => ({ ...old, ...some }));
    const next = arrays(buffers[0]);
    for (const [target, part] of message.arrays ?? []) {
      const one = typeof part[0] === "number"; // and not a list of lines, some of which may stay
      set(target, (old) =>
        one ? next(part, old) : part.map((line, at) => (line ? next(line, old?.[at]) : old[at])),
      );
    }
    number = message.frame;
    show();
  }

  // In a hidden page bqplot would keep every update in memory, so nothing is set until it is seen.
  function show() {
    if (document.visibilityState === "hidden" || !changed.size) return;
    const changes = [...changed].map(([id, state]) => [models.get(id), state]);
    changed = new Map();
    setAll(changes.filter(([model]) => model));
    const marks = [...models.values()].filter((model) => model && "dirty" in model);
    const views = marks.flatMap((model) => Object.values(model.views ?? {}));
    for (const view of views) view.then(draw, () => {}); // one that could not be made draws nothing
    arrived();
  }

  async function work() {
    working = true;
    while (waiting.length) {
      const [message] = waiting[0];
      if (message.on === null) models.clear();
      const ids = Object.values(message.targets ?? {}).map(([id]) => id);
      const unknown = [...new Set(ids)].filter((id) => !models.has(id));
      if (unknown.length) await find(unknown);
      try {
        take(...waiting.shift());
      } catch (error) {
        console.error(error);
        number = null; // a whole frame may mend it
      }
    }
    working = false;
  }

  return {
    // Synchronous, unless a model has to be waited for.
    receive(message, buffers) {
      waiting.push([message, buffers]);
      if (!working) work();
    },
    show,
    get number() {
      return number;
    },
    get lacks() {
      return number === null && !waiting.length;
    },
  };
}
