// One entry explained: who, what proves it, which rule, and image against instance.

class Detail {
  constructor(data, onClose) {
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
    this.box.replaceChildren(...[
      this.head(node),
      node.origin && this.origin(node.origin, ghost && !entry),
      entry && this.prediction(entry),
      ghost && this.ghost(ghost),
      entry && this.rule(entry.rule),
      this.evidence((entry && entry.evidence.length ? entry : ghost) || entry),
      this.attributes(entry ? entry.image || (ghost && ghost.image) : ghost && ghost.image, entry && entry.live, entry),
    ].filter(Boolean));
    this.box.scrollTop = 0;
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

  origin(origin, hides) {
    const box = make("div", "origin");
    box.dataset.o = origin.id;
    box.append(badge(origin));
    box.append(make("p", "", hides ? `What hides it. ${origin.means}` : origin.means));
    return box;
  }

  prediction(entry) {
    if (entry.prediction === "none") return null;
    if (entry.prediction === "agrees") return make("p", "agrees", "✔ As predicted, before anybody looked.");
    const box = make("p", "loud");
    box.append(make("b", "", "Not as predicted: "), bdi(entry.prediction));
    return box;
  }

  ghost(ghost) {
    const box = make("p", "ghost-words");
    box.append(make("b", "", `${ghost.kind[0].toUpperCase()}${ghost.kind.slice(1)}`), " by ", bdi(ghost.actor));
    box.append(make("small", "", "The image has something here that the container cannot see."));
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
      away.append(make("b", "", "To be rid of it: "), rule.removed_by);
      box.append(away);
    }
    return box;
  }

  evidence(of) {
    const box = this.part("Evidence");
    if (!of || !of.evidence.length) {
      box.append(make("p", "", "none"));
      return box;
    }
    const list = make("ul", "facts-list");
    for (const fact of of.evidence) {
      const item = make("li");
      const words = bdi(fact.detail.replace(/([0-9a-f]{12})[0-9a-f]{52}/g, "$1…")); // engines' ids
      words.title = shown(fact.detail);
      item.append(make("span", "fact-kind", fact.kind), words);
      list.append(item);
    }
    box.append(list);
    return box;
  }

  attributes(image, live, entry) {
    if (!image && !live) return null;
    const box = this.part("Image against instance");
    const table = make("table");
    const head = make("tr");
    for (const words of ["", "image", "instance"]) {
      const cell = make(words ? "th" : "td", "", words);
      if (words) cell.scope = "col";
      head.append(cell);
    }
    table.append(head);
    const differing = new Set(entry ? entry.differences.split(", ") : []);
    for (const [name, told] of Object.entries(TOLD)) {
      const values = [image, live].map((one) => (one ? told(one) : ""));
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

const TOLD = {
  kind: (one) => one.kind,
  mode: (one) => one.mode,
  uid: (one) => String(one.uid),
  gid: (one) => String(one.gid),
  size: (one) => (one.kind === "file" ? `${one.size.toLocaleString("en")} B` : ""),
  sha256: (one) => one.sha256 || "",
  target: (one) => (one.kind === "symlink" ? one.target : ""),
  device: (one) => (one.device ? one.device.join(":") : ""),
  xattrs: (one) => (one.xattrs ? Object.entries(one.xattrs).map(([name, value]) => `${name}=${value}`).join("\n") : ""),
  mtime: (one) => (one.mtime ? date(one.mtime) : ""),
  links: (one) => one.links || "",
  note: (one) => one.note || "",
  layer: (one) => (Number.isInteger(one.layer) ? String(one.layer) : ""),
  mount: (one) => (Number.isInteger(one.mount) ? String(one.mount) : ""),
};

function date(nanoseconds) {
  const found = new Date(nanoseconds / 1e6);
  return Number.isNaN(found.getTime()) ? `${nanoseconds} ns` : found.toISOString();
}

// A link where the report holds a web address, nothing where it holds anything else.
function link(address, words) {
  if (!/^https:\/\//.test(address)) return "";
  const found = make("a", "", words);
  found.href = address;
  found.rel = "noopener noreferrer";
  found.target = "_blank";
  return found;
}
