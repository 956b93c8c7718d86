// The report's rows as a tree of nodes, and which of them are visible. Touches nothing on the page.

// The attributes of one side, in the order in which compact.py lists them.
const FIELDS = ["kind", "mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs", "mtime", "links", "note"];

// `last` names the field at the end of the row: layer or mount.
function side(data, row, last) {
  if (row === null) return null;
  const attributes = { [last]: row[FIELDS.length] };
  FIELDS.forEach((name, at) => { attributes[name] = row[at]; });
  attributes.kind = data.kinds[row[0]];
  return attributes;
}

function facts(data, numbers) {
  const evidence = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    evidence.push({ kind: data.texts[numbers[at]], detail: data.texts[numbers[at + 1]] });
  }
  return evidence;
}

// The entry of a row. Made only when it is shown: 100,000 of them would cost memory.
function entryOf(data, row) {
  const [, , status, origin, rule, evidence, differences, prediction, image, live, ...history] = row;
  const inImage = side(data, image, "layer");
  const same = typeof live === "number";
  return {
    status: data.statuses[status],
    origin: data.origins[origin],
    rule: data.texts[rule],
    evidence: facts(data, evidence),
    differences: data.texts[differences],
    prediction: data.texts[prediction],
    image: inImage,
    live: same ? { ...inImage, mount: live < 0 ? null : live } : side(data, live, "mount"),
    made: madeBy(data, inImage, history),
  };
}

function ghostOf(data, row) {
  const [, kind, origin, actor, evidence, image, ...history] = row;
  const inImage = side(data, image, "layer");
  return {
    kind: data.statuses[kind],
    origin: data.origins[origin],
    actor: data.texts[actor],
    evidence: facts(data, evidence),
    image: inImage,
    made: madeBy(data, inImage, history),
  };
}

// The layer that made the image's entry, and what each layer did to it where several did anything.
function madeBy(data, inImage, [maker, told]) {
  if (!inImage) return null;
  const layer = maker === undefined ? inImage.layer : maker;
  return Number.isInteger(layer) ? { layer: data.layers[layer], number: layer, told: data.texts[told] || "" } : null;
}

// Nodes in tree order. A directory without a row (a report may be incomplete) still gets its node.
function treeOf(data) {
  const byPath = new Map();
  const root = { path: "/", name: "/", parent: null, depth: 0, children: [], row: null, ghost: null };
  byPath.set("/", root);

  function nodeAt(path) {
    const missing = [];
    let at = path;
    while (!byPath.has(at)) {
      missing.push(at);
      at = at.slice(0, Math.max(at.lastIndexOf("/"), 0)) || "/";
    }
    let parent = byPath.get(at);
    while (missing.length) {
      const next = missing.pop();
      const node = {
        path: next, name: next.slice(next.lastIndexOf("/") + 1), parent, depth: parent.depth + 1,
        children: [], row: null, ghost: null,
      };
      byPath.set(next, node);
      parent.children.push(node);
      parent = node;
    }
    return parent;
  }

  let before = [];
  for (const row of data.rows) {
    const parts = before.slice(0, row[0]).concat(row[1].split("/"));
    before = parts;
    nodeAt(parts.join("/") || "/").row = row;
  }
  for (const ghost of data.ghosts) {
    const known = byPath.size;
    const node = nodeAt(ghost[0]);
    node.ghost = ghost;
    if (byPath.size === known) continue;
    for (let up = node.parent; up; up = up.parent) up.children.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  return { nodes: inOrder(root), byPath };
}

// Parents first. `at` is a node's index, `end` the index after its last descendant. Without
// recursion: paths may be deeper than a browser's stack.
function inOrder(root) {
  const nodes = [];
  const open = [[root, 0]];
  while (open.length) {
    const top = open[open.length - 1];
    const [node, next] = top;
    if (next === 0) {
      node.at = nodes.length;
      nodes.push(node);
    }
    if (next < node.children.length) {
      top[1] += 1;
      open.push([node.children[next], 0]);
    } else {
      node.end = nodes.length;
      open.pop();
    }
  }
  return nodes;
}

// The origin that colours a node: of its entry, or of what hides it.
function originOf(data, node) {
  if (node.row) return data.origins[node.row[3]];
  return node.ghost ? data.origins[node.ghost[2]] : null;
}

// The status of a node's entry, and the kind of its ghost.
function statusesOf(data, node) {
  const statuses = new Set();
  if (node.row) statuses.add(data.statuses[node.row[2]]);
  if (node.ghost) statuses.add(data.statuses[node.ghost[1]]);
  return [...statuses];
}

class Tree {
  constructor(data) {
    this.data = data;
    ({ nodes: this.nodes, byPath: this.byPath } = treeOf(data));
    this.filters = { origin: new Set(), status: new Set() };
    this.searched = "";
    this.predicting = false;
    this.guessed = new Map(); // path -> whether the guess was right
    this.rules = new Map(data.rules.map((rule) => [rule.id, rule]));
    for (const node of this.nodes) {
      node.origin = originOf(data, node);
      node.statuses = statusesOf(data, node);
      node.open = false;
    }
    this.countBelow();
    this.openWhatDiffers();
    this.update();
  }

  // How many entries below each directory have which origin.
  countBelow() {
    for (const node of this.nodes) {
      if (!node.origin) continue;
      for (let up = node.parent; up; up = up.parent) {
        up.below ??= new Map();
        up.below.set(node.origin.id, (up.below.get(node.origin.id) || 0) + 1);
      }
    }
  }

  // Few entries are all shown; of many, the directories above those that are not as in the image.
  openWhatDiffers() {
    const few = 400;
    if (this.nodes.length <= few) {
      this.openAll();
      return;
    }
    this.nodes[0].open = true;
    let shown = this.nodes[0].children.length;
    for (const node of this.nodes) {
      if (!this.isOfInterest(node)) continue;
      for (let up = node.parent; up && !up.open && shown < few; up = up.parent) {
        up.open = true;
        shown += up.children.length;
      }
    }
  }

  isOfInterest(node) {
    return node.origin !== null && (node.origin.id !== "image-layer" || !node.statuses.includes("same"));
  }

  openAll() { this.setAll(true); }

  closeAll() { this.setAll(false); }

  setAll(open) {
    for (const node of this.nodes) node.open = open && node.children.length > 0;
    this.nodes[0].open = true;
  }

  get filtered() {
    return this.searched !== "" || this.filters.origin.size > 0 || this.filters.status.size > 0;
  }

  matches(node) {
    const { origin, status } = this.filters;
    if (origin.size && !(node.origin && origin.has(node.origin.id))) return false;
    if (status.size && !node.statuses.some((name) => status.has(name))) return false;
    if (this.searched && !this.found(node)) return false;
    return node.origin !== null;
  }

  // The search looks at path, origin, who, and the reason: the rule's title, the first evidence.
  found(node) {
    if (node.path.toLowerCase().includes(this.searched)) return true;
    if (!node.origin || this.hides(node)) return false;
    const { data } = this;
    const { row } = node;
    const rule = row && this.rules.get(data.texts[row[4]]);
    const fact = row && row[5].length ? data.texts[row[5][1]] : "";
    const reasons = [node.origin.id, node.origin.who, rule ? rule.title : fact];
    return reasons.some((text) => text.toLowerCase().includes(this.searched));
  }

  // Predict mode: who made an entry is hidden until one has guessed.
  hides(node) { return this.predicting && node.origin !== null && !this.guessed.has(node.path); }

  // Compute `visible` again. With filters it holds the matching nodes and the directories above.
  update() {
    this.visible = [];
    this.matching = 0;
    if (!this.filtered) {
      for (let at = 0; at < this.nodes.length;) {
        const node = this.nodes[at];
        this.visible.push(node);
        at = node.open ? at + 1 : node.end;
      }
      this.matching = this.nodes.reduce((sum, node) => sum + (node.origin !== null), 0);
      return;
    }
    const kept = new Uint8Array(this.nodes.length);
    for (const node of this.nodes) {
      node.hit = this.matches(node);
      if (!node.hit) continue;
      this.matching += 1;
      for (let up = node; up && !kept[up.at]; up = up.parent) kept[up.at] = 1;
    }
    for (const node of this.nodes) if (kept[node.at]) this.visible.push(node);
  }

  // Whether a directory's children are shown now.
  isOpen(node) { return this.filtered ? node.children.length > 0 : node.open; }

  // Open every directory above `node`, so that it is visible.
  reveal(node) {
    for (let up = node.parent; up; up = up.parent) up.open = true;
  }
}
