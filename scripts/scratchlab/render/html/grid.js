// The tree on the page: only rows in view exist as elements (WAI-ARIA treegrid, one tab stop).

const BEYOND = 12; // rows drawn above and below the view
const MARKS = { same: "=", altered: "≠", "only-live": "+", missing: "−" };
const MOST_PRINTED = 3000; // rows

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

  // To be called when `tree.visible` or the layout of the page has changed.
  refresh() {
    const line = parseFloat(getComputedStyle(this.box).getPropertyValue("--line"));
    this.height = line * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const { visible } = this.tree;
    this.indexes = new Map(visible.map((node, at) => [node, at]));
    if (!this.indexes.has(this.active)) this.active = null;
    this.rows.style.height = `${visible.length * this.height}px`;
    this.box.setAttribute("aria-rowcount", visible.length + 1);
    this.draw();
  }

  // Paper does not scroll: draw many rows, and name how many are left out and why.
  print() {
    this.draw(MOST_PRINTED);
    const { visible, nodes, filtered } = this.tree;
    const leftOut = [
      [visible.length - MOST_PRINTED, `after the first ${MOST_PRINTED.toLocaleString("en")}`],
      [nodes.length - visible.length, filtered ? "that the filter hides" : "in closed directories"],
    ].filter(([count]) => count > 0).map(([count, where]) => `${count.toLocaleString("en")} ${where}`);
    const box = document.getElementById("unprinted");
    box.textContent = `Not on paper: entries of the tree, ${leftOut.join(", ")}. All of them are in the page and in report.json.`;
    box.hidden = leftOut.length === 0;
  }

  draw(atLeast = 0) {
    const { visible } = this.tree;
    const first = atLeast ? 0 : Math.max(0, Math.floor(this.box.scrollTop / this.height) - BEYOND);
    const count = atLeast || Math.ceil(this.box.clientHeight / this.height) + 2 * BEYOND;
    const wanted = visible.slice(first, first + count).map((node, at) => this.row(node, first + at));
    const active = this.indexes.get(this.active);
    if (!atLeast && active !== undefined && (active < first || active >= first + wanted.length)) {
      wanted.push(this.row(this.active, active)); // aria-activedescendant must exist
    }
    this.put(wanted);
    if (active === undefined) this.box.removeAttribute("aria-activedescendant");
    else this.box.setAttribute("aria-activedescendant", `row-${this.active.at}`);
  }

  // Leaves every row as it is that does not change. A browser drops a click when the element
  // where it began is gone before it ends, and a scroll or a resize can come between the two.
  put(wanted) {
    const there = new Map([...this.rows.children].map((row) => [row.id, row]));
    const rows = wanted.map((row) => (there.get(row.id)?.isEqualNode(row) ? there.get(row.id) : row));
    const kept = new Set(rows);
    for (const row of there.values()) if (!kept.has(row)) row.remove();
    let next = this.rows.firstChild;
    for (const row of rows) {
      if (row === next) next = next.nextSibling;
      else this.rows.insertBefore(row, next);
    }
  }

  row(node, index) {
    const row = make("div", "row");
    row.id = `row-${node.at}`;
    row.setAttribute("role", "row");
    row.setAttribute("aria-level", node.depth + 1);
    row.setAttribute("aria-rowindex", index + 2);
    row.setAttribute("aria-selected", String(node === this.chosen));
    if (node.children.length) row.setAttribute("aria-expanded", String(this.tree.isOpen(node)));
    row.style.top = `${index * this.height}px`;
    row.style.setProperty("--depth", Math.min(node.depth, 24));
    row.classList.toggle("active", node === this.active);
    row.classList.toggle("aside", this.tree.filtered && !node.hit);
    if (node.origin && !this.tree.hides(node)) row.dataset.o = node.origin.id;
    row.classList.toggle("trouble", troubled(this.tree.data, node));
    row.append(...this.cells(node));
    return row;
  }

  cells(node) {
    const { data } = this.tree;
    const entry = node.row && entryOf(data, node.row);
    const ghost = node.ghost && ghostOf(data, node.ghost);
    const inImage = (entry && entry.image) || (ghost && ghost.image);
    const right = entry && entry.live ? this.name(node, "right", entry.live) : this.absent(node, inImage, ghost);
    if (ghost && entry && entry.live) right.append(make("em", "", "hides the image's"));
    return [this.name(node, "left", inImage), this.comparison(node, inImage), right, this.who(node), this.why(node, entry, ghost)];
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
    const more = attributes && this.summary(attributes);
    if (more) cell.append(bdi(more, "more"));
    if (className === "right" && node.below && !this.tree.isOpen(node)) cell.append(this.below(node));
    return cell;
  }

  summary(attributes) {
    if (attributes.kind === "symlink") return `→ ${attributes.target}`;
    if (attributes.device) return attributes.device.join(":");
    return attributes.kind === "file" ? size(attributes.size) : "";
  }

  // The origins in a closed directory as a small band of colours, and the number of entries.
  below(node) {
    if (this.tree.predicting) return make("span", "holds");
    const total = [...node.below.values()].reduce((sum, count) => sum + count, 0);
    const band = make("span", "below");
    for (const origin of this.tree.data.origins) {
      const count = node.below.get(origin.id);
      if (!count) continue;
      const part = make("i");
      part.dataset.o = origin.id;
      part.style.flexGrow = count;
      band.append(part);
    }
    band.setAttribute("aria-hidden", "true");
    const both = make("span", "holds");
    both.append(band, make("small", "", `${total.toLocaleString("en")} inside`));
    return both;
  }

  // An entry of the image that the container does not see, at the path where it would have been.
  absent(node, inImage, ghost) {
    if (!inImage) return this.name(node, "right", null);
    const cell = this.name(node, "right", inImage);
    cell.classList.add("ghost");
    cell.append(make("em", "", ghost ? ghost.kind : node.statuses[0]));
    return cell;
  }

  comparison(node, inImage) {
    const cell = make("span", "link cell");
    cell.setAttribute("role", "gridcell");
    const status = node.statuses[0];
    if (!status) return cell;
    const mark = make("span", "", node.ghost ? "◌" : MARKS[status] || "◌");
    mark.setAttribute("aria-hidden", "true");
    cell.title = node.statuses.join(", ");
    cell.append(mark, unseen(node.statuses.join(", ")));
    cell.classList.toggle("shipped", Boolean(inImage));
    return cell;
  }

  who(node) {
    const cell = make("span", "who cell");
    cell.setAttribute("role", "gridcell");
    if (this.tree.hides(node)) cell.append(make("span", "guess", "who?"));
    else if (node.origin) cell.append(badge(node.origin));
    return cell;
  }

  why(node, entry, ghost) {
    const cell = make("span", "why cell");
    cell.setAttribute("role", "gridcell");
    if (this.tree.hides(node)) return cell;
    const rule = entry && this.rules.get(entry.rule);
    const disagrees = entry && !["agrees", "none"].includes(entry.prediction);
    const fact = entry && entry.evidence[0];
    let text = fact ? fact.detail : "";
    if (rule) text = rule.title;
    if (ghost) text = `${ghost.kind} by ${ghost.actor}`;
    if (entry && entry.differences) text = `differs in ${entry.differences}`;
    if (disagrees) text = entry.prediction;
    cell.append(bdi(text));
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
    const index = this.indexes.get(node);
    if (index === undefined) return;
    this.active = node;
    const head = this.rows.offsetTop;
    const top = index * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const bottom = top + this.height + head - this.box.clientHeight;
    if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
    if (this.chosen) this.choose(node);
    else this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { visible } = this.tree;
    const at = this.indexes.get(this.active) ?? -1;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 2);
    const to = (index) => this.go(visible[Math.min(Math.max(index, 0), visible.length - 1)]);
    const node = this.active;
    const actions = {
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
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}

// Whether the verdict counts this entry: unexplained, missing, not predicted, or made later.
function troubled(data, node) {
  if (!node.row) return Boolean(node.ghost) && ["deleted", "changed"].includes(node.statuses[0]);
  const prediction = data.texts[node.row[7]];
  return node.statuses[0] === "missing" || !["agrees", "none", ""].includes(prediction)
    || ["unexplained", "written-later", "mounted-inside", "host-mount"].includes(node.origin.id);
}
