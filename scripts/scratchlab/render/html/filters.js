// Chips and the search box: they filter the tree, and show how many entries match.

const STATUS_MEANS = {
  same: "The container sees it as the image has it.",
  altered: "The container sees it, but not as the image has it.",
  "only-live": "The container sees it, and the image does not have it.",
  missing: "The image has it, the container does not see it, and nothing explains that.",
  shadowed: "The image has it, and a mount above hides it.",
  replaced: "The image has it, and the engine's init layer replaces it.",
  overridden: "The image has it, and a mount on this very path hides it.",
  deleted: "The image has it, and since the start it was deleted.",
  changed: "The image has it, and since the start something else took its place.",
};

class Filters {
  constructor(tree, changed) {
    this.tree = tree;
    this.changed = changed;
    this.search = document.getElementById("search");
    this.clear = document.getElementById("clear");
    this.count = document.getElementById("count");
    this.makeStatuses();
    this.chips = [...document.querySelectorAll(".chip[data-filter]")];
    for (const chip of this.chips) chip.addEventListener("click", () => this.press(chip));
    this.search.addEventListener("input", () => this.update());
    this.clear.addEventListener("click", () => this.reset());
    document.getElementById("nothing-clear").addEventListener("click", () => this.reset());
    this.showCount();
  }

  makeStatuses() {
    const counts = new Map();
    for (const node of this.tree.nodes) {
      for (const status of node.statuses) counts.set(status, (counts.get(status) || 0) + 1);
    }
    const box = document.getElementById("statuses");
    for (const status of this.tree.data.statuses) {
      if (!counts.has(status)) continue;
      const chip = make("button", "chip plain");
      chip.type = "button";
      chip.dataset.filter = "status";
      chip.dataset.value = status;
      chip.setAttribute("aria-pressed", "false");
      chip.title = STATUS_MEANS[status] || "";
      const mark = make("span", "mark", MARKS[status] || "◌");
      mark.setAttribute("aria-hidden", "true");
      chip.append(mark, make("span", "", status), " ", make("b", "", counts.get(status).toLocaleString("en")));
      box.append(chip);
    }
  }

  press(chip) {
    const pressed = chip.getAttribute("aria-pressed") !== "true";
    chip.setAttribute("aria-pressed", String(pressed));
    const wanted = this.tree.filters[chip.dataset.filter];
    if (pressed) wanted.add(chip.dataset.value);
    else wanted.delete(chip.dataset.value);
    this.update();
  }

  reset() {
    for (const chip of this.chips) chip.setAttribute("aria-pressed", "false");
    for (const wanted of Object.values(this.tree.filters)) wanted.clear();
    this.search.value = "";
    this.update();
    this.search.focus();
  }

  update() {
    this.tree.searched = this.search.value.trim().toLowerCase();
    this.tree.update();
    this.showCount();
    this.changed();
  }

  showCount() {
    const total = this.tree.nodes.reduce((sum, node) => sum + (node.origin !== null), 0);
    const numbers = `${this.tree.matching.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    this.count.textContent = this.tree.filtered ? `${numbers} entries shown` : `${total.toLocaleString("en")} entries`;
    this.clear.hidden = !this.tree.filtered;
    document.getElementById("nothing").hidden = this.tree.matching > 0;
  }
}
