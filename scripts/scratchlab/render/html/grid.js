// The tree on the page: only the rows in view exist (WAI-ARIA treegrid pattern, one tab stop).

const BEYOND = 12; // rows made above and below the view
const MARKS = { same: "=", altered: "≠", "only-live": "+", missing: "−" };
const MOST_PRINTED = 3000;

// An element with text, never markup. Control and format characters are shown, not obeyed.
function make(tag, className, words) {
  const found = document.createElement(tag);
  if (className) found.className = className;
  if (words !== undefined) found.textContent = shown(words);
  return found;
}

function shown(words) {
  return String(words).replace(/[^\P{C}\n]|[\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);
}

function bdi(words, className) { return make("bdi", className, words); }

function unseen(words) { return make("span", "unseen", words); }

class Grid {
  constructor(tree, onChoose) {
    this.tree = tree;
    this.onChoose = onChoose;
    this.rules = new Map(tree.data.rules.map((rule) => [rule.id, rule]));
    this.box = document.getElementById("tree");
    this.rows = document.getElementById("rows");
    this.active = null;
    this.chosen = null;
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.rows.addEventListener("click", (event) => this.click(event));
    this.rows.addEventListener("dblclick", (event) => this.toggle(this.nodeOf(event)));
    new ResizeObserver(() => this.refresh()).observe(this.box);
    window.addEventListener("beforeprint", () => this.print());
    window.addEventListener("afterprint", () => this.draw());
  }

  // After `tree.visible` changed or the page did.
  refresh() {
    const line = parseFloat(getComputedStyle(this.box).getPropertyValue("--line"));
    this.height = line * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const { visible } = this.tree;
    this.places = new Map(visible.map((node, at) => [node, at]));
    if (!this.places.has(this.active)) this.active = null;
    this.rows.style.height = `${visible.length * this.height}px`;
    this.box.setAttribute("aria-rowcount", visible.length + 1);
    this.draw();
  }

  // Paper has no scrolling: as many rows as it bears, and in words what it does not show.
  print() {
    this.draw(MOST_PRINTED);
    const { visible, nodes, filtered } = this.tree;
    const left = [
      [visible.length - MOST_PRINTED, `after the first ${MOST_PRINTED.toLocaleString("en")}`],
      [nodes.length - visible.length, filtered ? "that the filter hides" : "in closed directories"],
    ].filter(([count]) => count > 0).map(([count, where]) => `${count.toLocaleString("en")} ${where}`);
    const box = document.getElementById("unprinted");
    box.textContent = `Not on paper: entries of the tree, ${left.join(", ")}. All of them are in the page and in report.json.`;
    box.hidden = left.length === 0;
  }

  draw(atLeast = 0) {
    const { visible } = this.tree;
    const first = atLeast ? 0 : Math.max(0, Math.floor(this.box.scrollTop / this.height) - BEYOND);
    const count = atLeast || Math.ceil(this.box.clientHeight / this.height) + 2 * BEYOND;
    const wanted = visible.slice(first, first + count).map((node, at) => this.row(node, first + at));
    const active = this.places.get(this.active);
    if (!atLeast && active !== undefined && (active < first || active >= first + wanted.length)) {
      wanted.push(this.row(this.active, active)); // aria-activedescendant must exist
    }
    this.rows.replaceChildren(...wanted);
    if (active === undefined) this.box.removeAttribute("aria-activedescendant");
    else this.box.setAttribute("aria-activedescendant", `row-${this.active.at}`);
  }

  row(node, place) {
    const row = make("div", "row");
    row.id = `row-${node.at}`;
    row.setAttribute("role", "row");
    row.setAttribute("aria-level", node.depth + 1);
    row.setAttribute("aria-rowindex", place + 2);
    row.setAttribute("aria-selected", String(node === this.chosen));
    if (node.children.length) row.setAttribute("aria-expanded", String(this.tree.isOpen(node)));
    row.style.top = `${place * this.height}px`;
    row.style.setProperty("--depth", Math.min(node.depth, 24));
    row.classList.toggle("active", node === this.active);
    row.classList.toggle("aside", this.tree.filtered && !node.hit);
    if (node.origin) row.dataset.o = node.origin.id;
    row.append(...this.cells(node));
    return row;
  }

  cells(node) {
    const { data } = this.tree;
    const entry = node.row && entryOf(data, node.row);
    const ghost = node.ghost && ghostOf(data, node.ghost);
    const shipped = (entry && entry.image) || (ghost && ghost.image);
    const cells = [this.name(node, "left", shipped), this.link(node, shipped)];
    const right = entry && entry.live ? this.name(node, "right", entry.live) : this.absent(node, shipped, ghost);
    if (ghost && entry && entry.live) right.append(make("em", "", "hides the image's"));
    cells.push(right, this.who(node), this.why(entry, ghost));
    return cells;
  }

  name(node, className, attributes) {
    const cell = make("span", `${className} cell${attributes ? "" : " empty"}`);
    cell.setAttribute("role", "gridcell");
    if (!attributes && node.row) {
      cell.append(unseen("not there"));
      return cell;
    }
    if (node.children.length) {
      const twist = make("span", "twist", this.tree.isOpen(node) ? "▾" : "▸");
      twist.setAttribute("aria-hidden", "true");
      cell.append(twist);
    }
    const directory = node.children.length > 0 || (attributes && attributes.kind === "directory");
    cell.append(bdi(directory && node.depth ? `${node.name}/` : node.name, directory ? "name directory" : "name"));
    const more = attributes && this.more(attributes);
    if (more) cell.append(bdi(more, "more"));
    if (className === "right" && node.below && !this.tree.isOpen(node)) cell.append(this.below(node));
    return cell;
  }

  more(attributes) {
    if (attributes.kind === "symlink") return `→ ${attributes.target}`;
    if (attributes.device) return attributes.device.join(":");
    return attributes.kind === "file" ? size(attributes.size) : "";
  }

  // What a closed directory holds, as a small band of colours with the number beside it.
  below(node) {
    const total = [...node.below.values()].reduce((sum, count) => sum + count, 0);
    const found = make("span", "below");
    for (const origin of this.tree.data.origins) {
      const count = node.below.get(origin.id);
      if (!count) continue;
      const part = make("i");
      part.dataset.o = origin.id;
      part.style.flexGrow = count;
      found.append(part);
    }
    found.setAttribute("aria-hidden", "true");
    const both = make("span", "holds");
    both.append(found, make("small", "", `${total.toLocaleString("en")} inside`));
    return both;
  }

  // What the image has and the container cannot see, where it would have been.
  absent(node, shipped, ghost) {
    if (!shipped) return this.name(node, "right", null);
    const cell = this.name(node, "right", shipped);
    cell.classList.add("ghost");
    cell.append(make("em", "", ghost ? ghost.kind : node.statuses[0]));
    return cell;
  }

  link(node, shipped) {
    const cell = make("span", "link cell");
    cell.setAttribute("role", "gridcell");
    const status = node.statuses[0];
    if (!status) return cell;
    const mark = make("span", "", node.ghost ? "◌" : MARKS[status] || "◌");
    mark.setAttribute("aria-hidden", "true");
    cell.title = node.statuses.join(", ");
    cell.append(mark, unseen(node.statuses.join(", ")));
    cell.classList.toggle("shipped", Boolean(shipped));
    return cell;
  }

  who(node) {
    const cell = make("span", "who cell");
    cell.setAttribute("role", "gridcell");
    if (node.origin) cell.append(badge(node.origin));
    return cell;
  }

  why(entry, ghost) {
    const cell = make("span", "why cell");
    cell.setAttribute("role", "gridcell");
    const rule = entry && this.rules.get(entry.rule);
    const disagrees = entry && !["agrees", "none"].includes(entry.prediction);
    const fact = entry && entry.evidence[0];
    let words = fact ? fact.detail : "";
    if (rule) words = rule.title;
    if (ghost) words = `${ghost.kind} by ${ghost.actor}`;
    if (entry && entry.differences) words = `differs in ${entry.differences}`;
    if (disagrees) words = entry.prediction;
    cell.append(bdi(words));
    cell.classList.toggle("loud", Boolean(disagrees));
    return cell;
  }

  nodeOf(event) {
    const row = event.target.closest(".row");
    return row ? this.tree.nodes[Number(row.id.slice(4))] : null;
  }

  click(event) {
    const node = this.nodeOf(event);
    if (!node) return;
    this.active = node;
    if (event.target.closest(".twist")) this.toggle(node);
    else this.choose(node);
    this.box.focus({ preventScroll: true });
    this.rows.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  toggle(node) {
    if (!node || !node.children.length || this.tree.filtered) return;
    node.open = !node.open;
    this.tree.update();
    this.refresh();
  }

  choose(node) {
    this.chosen = node;
    this.onChoose(node);
    this.draw();
  }

  // Make `node` the active row and bring it into view.
  go(node) {
    const place = this.places.get(node);
    if (place === undefined) return;
    this.active = node;
    const head = this.rows.offsetTop;
    const top = place * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const bottom = top + this.height + head - this.box.clientHeight;
    if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
    if (this.chosen) this.choose(node);
    else this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { visible } = this.tree;
    const at = this.places.get(this.active) ?? -1;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 2);
    const to = (place) => this.go(visible[Math.min(Math.max(place, 0), visible.length - 1)]);
    const node = this.active;
    const acts = {
      ArrowDown: () => to(at + 1),
      ArrowUp: () => to(at - 1),
      PageDown: () => to(at + page),
      PageUp: () => to(at - page),
      Home: () => to(0),
      End: () => to(visible.length - 1),
      ArrowRight: () => node && (this.tree.isOpen(node) ? to(at + 1) : this.toggle(node)),
      ArrowLeft: () => node && (this.tree.isOpen(node) && !this.tree.filtered ? this.toggle(node) : this.go(node.parent)),
      Enter: () => node && this.choose(node),
      " ": () => node && this.choose(node),
      Escape: () => this.choose(null),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

function badge(origin) {
  const found = make("span", "badge-o");
  found.dataset.o = origin.id;
  const sign = make("span", "sign", origin.code);
  sign.setAttribute("aria-hidden", "true");
  found.append(sign, make("span", "label", origin.label));
  return found;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let number = bytes || 0;
  while (number >= 1000 && at < units.length - 1) { number /= 1000; at += 1; }
  return `${at && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[at]}`;
}
