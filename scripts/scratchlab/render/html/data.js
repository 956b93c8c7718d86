// The report's rows as a tree of nodes. Nothing here touches the page.

// Attributes as scratchlab/render/compact.py lists them.
const FIELDS = ["kind", "mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs", "mtime", "links", "note"];

function side(data, row, place) {
  if (row === null) return null;
  const found = { [place]: row[FIELDS.length] };
  FIELDS.forEach((name, at) => { found[name] = row[at]; });
  found.kind = data.kinds[row[0]];
  return found;
}

function facts(data, numbers) {
  const found = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    found.push({ kind: data.words[numbers[at]], detail: data.words[numbers[at + 1]] });
  }
  return found;
}

// What an entry's row says, made when somebody looks: 100,000 of them would cost memory.
function entryOf(data, row) {
  const [, , status, origin, rule, evidence, differences, prediction, image, live] = row;
  const shipped = side(data, image, "layer");
  const same = typeof live === "number";
  return {
    status: data.statuses[status],
    origin: data.origins[origin],
    rule: data.words[rule],
    evidence: facts(data, evidence),
    differences: data.words[differences],
    prediction: data.words[prediction],
    image: shipped,
    live: same ? { ...shipped, mount: live < 0 ? null : live } : side(data, live, "mount"),
  };
}

function ghostOf(data, row) {
  const [, kind, origin, actor, evidence, image] = row;
  return {
    kind: data.statuses[kind],
    origin: data.origins[origin],
    actor: data.words[actor],
    evidence: facts(data, evidence),
    image: side(data, image, "layer"),
  };
}

// Nodes in tree order. A directory that no row names (a report may be cut) still gets its node.
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
    for (let up = node.parent; up; up = up.parent) up.children.sort((one, other) => (one.name < other.name ? -1 : 1));
  }
  return { nodes: inOrder(root), byPath };
}

// Parents first; `end` is the place after a node's last descendant. Without recursion: names may
// be nested deeper than a browser's stack.
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

// What colours a node: who put the entry there, or who hides it.
function originOf(data, node) {
  if (node.row) return data.origins[node.row[3]];
  return node.ghost ? data.origins[node.ghost[2]] : null;
}

// Every word of the comparison that is true of a node: its status, and how it is hidden.
function statusesOf(data, node) {
  const found = [];
  if (node.row) found.push(data.statuses[node.row[2]]);
  if (node.ghost && !found.includes(data.statuses[node.ghost[1]])) found.push(data.statuses[node.ghost[1]]);
  return found;
}
