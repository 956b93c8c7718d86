// Connects the parts; and what belongs to none of them: printing, addresses.

const data = JSON.parse(document.getElementById("data").textContent);
const tree = new Tree(data);
const detail = new Detail(tree, () => {
  grid.choose(null);
  grid.box.focus({ preventScroll: true });
}, (node, right) => {
  tree.guessed.set(node.path, right);
  grid.choose(node);
  grid.box.focus({ preventScroll: true });
});
const grid = new Grid(tree, (node) => {
  detail.show(node);
  history.replaceState(null, "", node ? addressOf(node) : "#entries");
});
const filters = new Filters(tree, () => {
  grid.box.scrollTop = 0;
  grid.refresh();
});

for (const part of document.querySelectorAll("#band i")) part.style.flexGrow = part.dataset.share;

for (const [id, action] of [["open-all", () => tree.openAll()], ["close-all", () => tree.closeAll()]]) {
  document.getElementById(id).addEventListener("click", () => {
    action();
    tree.update();
    grid.refresh();
  });
}

document.getElementById("predict").addEventListener("click", (event) => {
  tree.predicting = !tree.predicting;
  tree.guessed.clear();
  event.target.setAttribute("aria-pressed", String(tree.predicting));
  document.documentElement.classList.toggle("predicting", tree.predicting);
  tree.update();
  grid.choose(null);
  grid.refresh();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    filters.search.focus();
    filters.search.select();
  }
  if (event.key === "Escape" && event.target === filters.search) filters.reset();
  if (event.key === "ArrowDown" && event.target === filters.search) {
    event.preventDefault();
    grid.box.focus();
    grid.go(tree.visible[0]);
  }
});

document.addEventListener("resized", () => grid.refresh());

for (const section of document.querySelectorAll(".steps")) new Steps(section);

const openedForPrint = [];
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    openedForPrint.push(details);
  }
});
window.addEventListener("afterprint", () => { for (const details of openedForPrint.splice(0)) details.open = false; });

function addressOf(node) {
  try { return `#path=${encodeURIComponent(node.path)}`; } catch { return "#entries"; } // a lone surrogate
}

function addressInBar() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; }
}

function followAddress() {
  const address = addressInBar();
  const check = document.getElementById(address);
  if (check && check.matches("details")) check.open = true;
  const node = address.startsWith("path=") && tree.byPath.get(address.slice(5));
  if (!node) return;
  if (tree.filtered && !tree.visible.includes(node)) filters.reset();
  tree.reveal(node);
  tree.update();
  grid.refresh();
  grid.choose(node);
  grid.go(node);
  grid.rows.querySelector(".active")?.scrollIntoView({ block: "center" });
}

grid.refresh();
// An alarm: the first entry that the verdict counts is in view, even without a link to it.
if (!location.hash) {
  const first = tree.nodes.find((node) => troubled(data, node));
  if (first) {
    tree.reveal(first);
    tree.update();
    grid.refresh();
    grid.go(first);
  }
}
followAddress();
window.addEventListener("hashchange", followAddress);
document.documentElement.dataset.ready = "true";
