// One entry explained: its origin, rule and evidence, and image against instance.

class Detail {
  constructor(tree, onClose, onGuess) {
    const { data } = tree;
    this.tree = tree;
    this.onGuess = onGuess;
    this.data = data;
    this.box = document.getElementById("detail");
    this.rules = new Map(data.rules.map((rule) => [rule.id, rule]));
    this.onClose = onClose;
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.onClose();
    });
  }

  show(node) {
    this.box.hidden = node === null;
    document.getElementById("split").classList.toggle("chosen", node !== null);
    if (node === null) return;
    const entry = node.row && entryOf(this.data, node.row);
    const ghost = node.ghost && ghostOf(this.data, node.ghost);
    if (this.tree.hides(node)) {
      this.box.replaceChildren(this.head(node), this.question(node));
      return;
    }
    const image = entry ? entry.image || (ghost && ghost.image) : ghost && ghost.image;
    this.box.replaceChildren(...[
      this.head(node),
      this.guess(node),
      this.sentence(node, entry, ghost),
      this.made((entry && entry.made) || (ghost && ghost.made)),
      node.origin && this.origin(node.origin, ghost && !entry),
      entry && this.prediction(entry),
      ghost && this.ghost(ghost),
      entry && this.rule(entry.rule),
      this.evidence((entry && entry.evidence.length ? entry : ghost) || entry),
      this.attributes(image, entry && entry.live, entry),
    ].filter(Boolean));
    this.box.scrollTop = 0;
  }

  // One plain sentence first: what it is, and who made it.
  sentence(node, entry, ghost) {
    if (!node.origin) return make("p", "sentence", "The report says nothing of this directory itself.");
    const kinds = { file: "file", directory: "directory", symlink: "link", "char-device": "device", "block-device": "device" };
    const side = (entry && (entry.live || entry.image)) || (ghost && ghost.image);
    const kind = (side && kinds[side.kind]) || (side && side.kind) || "entry";
    let text = `This ${kind} was made by ${node.origin.who}.`;
    if (node.origin.id === "image-layer") text = `This ${kind} is from the image.`;
    if (node.origin.id === "unexplained") text = `Nobody is known to have made this ${kind}.`;
    if (entry && !entry.live) text = `The image has this ${kind}, and the container does not see it.`;
    if (ghost && !entry) text = `The image has this ${kind}, and it is ${ghost.kind}: the container does not see it.`;
    return make("p", "sentence", text);
  }

  // Predict mode: who made it? The actors that this container has, in the order of the story.
  question(node) {
    const box = this.part("Who made it?");
    const actors = [...new Set(this.data.origins.filter((origin) => origin.count).map((origin) => origin.who))];
    for (const who of actors) {
      const button = make("button", "guess-button", who);
      button.type = "button";
      button.addEventListener("click", () => this.onGuess(node, who === node.origin.who));
      box.append(button, " ");
    }
    return box;
  }

  guess(node) {
    if (!this.tree.predicting) return null;
    const right = this.tree.guessed.get(node.path);
    const all = [...this.tree.guessed.values()];
    const box = make("p", right ? "agrees" : "loud", right ? "✔ You were right. " : "✘ It was somebody else. ");
    box.append(make("small", "", `${all.filter(Boolean).length} of ${all.length} guesses right`));
    return box;
  }

  head(node) {
    const head = make("div", "detail-head");
    const title = make("h3");
    title.append(bdi(node.path));
    const close = make("button", "close", "✕");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => this.onClose());
    head.append(title, close);
    return head;
  }

  // The layer of the image, and its line of the image's history.
  made(made) {
    if (!made) return null;
    const box = this.part(`Layer ${made.number} of the image`);
    const { instruction, comment, created } = made.layer || {};
    const said = instruction || comment;
    const line = make("p", "instruction");
    line.append(said ? bdi(said) : "The image's history has no instruction for it.");
    if (created) line.append(make("small", "", created.slice(0, 10)));
    box.append(line);
    if (made.told) box.append(make("p", "", `${made.told[0].toUpperCase()}${made.told.slice(1)}.`));
    return box;
  }

  origin(origin, hides) {
    const box = make("div", "origin");
    box.dataset.o = origin.id;
    box.append(badge(origin));
    box.append(make("p", "", hides ? `What hides it. ${origin.means}` : origin.means));
    return box;
  }

  prediction(entry) {
    if (entry.prediction === "none") return null;
    if (entry.prediction === "agrees") return make("p", "agrees", "✔ As predicted before the container was read.");
    const box = make("p", "loud");
    box.append(make("b", "", "Not as predicted: "), bdi(entry.prediction));
    return box;
  }

  ghost(ghost) {
    const box = make("p", "ghost-words");
    box.append(make("b", "", `${ghost.kind[0].toUpperCase()}${ghost.kind.slice(1)}`), " by ", bdi(ghost.actor));
    box.append(make("small", "", "The image has an entry at this path that the container cannot see."));
    return box;
  }

  rule(id) {
    if (!id) return null;
    const rule = this.rules.get(id);
    const box = this.part("Rule");
    if (!rule) {
      box.append(bdi(id));
      return box;
    }
    box.append(make("p", "", rule.title));
    const links = make("p", "links");
    if (rule.level) links.append(make("b", "level", rule.level));
    links.append(link(rule.clause, "the clause"), link(rule.source, rule.symbol ? `source: ${rule.symbol}` : "source"));
    links.append(make("small", "", id));
    box.append(links);
    if (rule.removed_by) {
      const away = make("p", "away");
      away.append(make("b", "", "To remove it: "), rule.removed_by);
      box.append(away);
    }
    return box;
  }

  evidence(finding) {
    const box = make("details", "part");
    box.append(make("summary", "", "Evidence: what proves it"));
    box.open = !finding || finding.evidence.every((fact) => fact.detail.length < 120);
    if (!finding || !finding.evidence.length) {
      box.append(make("p", "", "none"));
      return box;
    }
    const list = make("ul", "facts-list");
    for (const fact of finding.evidence) {
      const item = make("li");
      const detail = bdi(fact.detail.replace(/([0-9a-f]{12})[0-9a-f]{52}/g, "$1…")); // engines' ids
      detail.title = visible(fact.detail);
      item.append(make("span", "fact-kind", fact.kind), detail);
      list.append(item);
    }
    box.append(list);
    return box;
  }

  attributes(image, live, entry) {
    if (!image && !live) return null;
    const box = make("details", "part");
    box.open = Boolean(entry && entry.differences);
    box.append(make("summary", "", "For experts: image against instance, attribute by attribute"));
    const table = make("table");
    const head = make("tr");
    for (const title of ["", "image", "instance"]) {
      const cell = make(title ? "th" : "td", "", title);
      if (title) cell.scope = "col";
      head.append(cell);
    }
    table.append(head);
    const differing = new Set(entry ? entry.differences.split(", ") : []);
    for (const [name, format] of Object.entries(FORMATS)) {
      const values = [image, live].map((side) => (side ? format(side) : ""));
      if (!values[0] && !values[1]) continue;
      const row = make("tr", differing.has(name) ? "differs" : "");
      const label = make("th", "", differing.has(name) ? `≠ ${name}` : name);
      label.scope = "row";
      row.append(label);
      for (const value of values) {
        const cell = make("td");
        cell.append(bdi(value));
        row.append(cell);
      }
      table.append(row);
    }
    box.append(table);
    return box;
  }

  part(title) {
    const box = make("div", "part");
    box.append(make("h4", "", title));
    return box;
  }
}

// Attribute -> its text on the page.
const FORMATS = {
  kind: (side) => side.kind,
  mode: (side) => side.mode,
  uid: (side) => String(side.uid),
  gid: (side) => String(side.gid),
  size: (side) => (side.kind === "file" ? `${side.size.toLocaleString("en")} B` : ""),
  sha256: (side) => side.sha256 || "",
  target: (side) => (side.kind === "symlink" ? side.target : ""),
  device: (side) => (side.device ? side.device.join(":") : ""),
  xattrs: (side) => (side.xattrs ? Object.entries(side.xattrs).map(([name, value]) => `${name}=${value}`).join("\n") : ""),
  mtime: (side) => (side.mtime ? date(side.mtime) : ""),
  links: (side) => side.links || "",
  note: (side) => side.note || "",
  layer: (side) => (Number.isInteger(side.layer) ? String(side.layer) : ""),
  mount: (side) => (Number.isInteger(side.mount) ? String(side.mount) : ""),
};
