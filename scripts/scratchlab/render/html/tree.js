// Which nodes are to be seen: directories open and closed, filters, search.

class Tree {
  constructor(data) {
    this.data = data;
    ({ nodes: this.nodes, byPath: this.byPath } = treeOf(data));
    this.filters = { origin: new Set(), status: new Set() };
    this.words = "";
    for (const node of this.nodes) {
      node.origin = originOf(data, node);
      node.statuses = statusesOf(data, node);
      node.open = false;
    }
    this.countBelow();
    this.openWhatMatters();
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

  // Few entries are shown whole; of many, the ways to what the image did not bring as it is.
  openWhatMatters() {
    const few = 400;
    if (this.nodes.length <= few) {
      this.openAll();
      return;
    }
    this.nodes[0].open = true;
    let seen = this.nodes[0].children.length;
    for (const node of this.nodes) {
      if (!this.speaks(node)) continue;
      for (let up = node.parent; up && !up.open && seen < few; up = up.parent) {
        up.open = true;
        seen += up.children.length;
      }
    }
  }

  speaks(node) {
    return node.origin !== null && (node.origin.id !== "image-layer" || !node.statuses.includes("same"));
  }

  openAll() { this.setAll(true); }

  closeAll() { this.setAll(false); }

  setAll(open) {
    for (const node of this.nodes) node.open = open && node.children.length > 0;
    this.nodes[0].open = true;
  }

  get filtered() {
    return this.words !== "" || this.filters.origin.size > 0 || this.filters.status.size > 0;
  }

  matches(node) {
    const { origin, status } = this.filters;
    if (origin.size && !(node.origin && origin.has(node.origin.id))) return false;
    if (status.size && !node.statuses.some((one) => status.has(one))) return false;
    if (this.words && !node.path.toLowerCase().includes(this.words)) return false;
    return node.origin !== null;
  }

  // Make `visible` again. Filtered, it holds what matches and the directories on the way there.
  update() {
    this.visible = [];
    this.found = 0;
    if (!this.filtered) {
      for (let at = 0; at < this.nodes.length;) {
        const node = this.nodes[at];
        this.visible.push(node);
        this.found += node.origin !== null;
        at = node.open ? at + 1 : node.end;
      }
      this.found = this.nodes.reduce((sum, node) => sum + (node.origin !== null), 0);
      return;
    }
    const kept = new Uint8Array(this.nodes.length);
    for (const node of this.nodes) {
      node.hit = this.matches(node);
      if (!node.hit) continue;
      this.found += 1;
      for (let up = node; up && !kept[up.at]; up = up.parent) kept[up.at] = 1;
    }
    for (const node of this.nodes) if (kept[node.at]) this.visible.push(node);
  }

  // Whether a directory's children are shown now.
  isOpen(node) { return this.filtered ? node.children.length > 0 : node.open; }

  // Open every directory above `node`, so that it is to be seen.
  reveal(node) {
    for (let up = node.parent; up; up = up.parent) up.open = true;
  }
}
