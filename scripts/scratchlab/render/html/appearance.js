// Light or dark, and larger text for a projector: on every page.

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; } // pages of the file: scheme may have no storage
}

function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* the choice is lost with the page */ }
}

const appearance = document.documentElement.dataset;
if (["light", "dark"].includes(stored("theme"))) appearance.theme = stored("theme");
document.getElementById("theme").addEventListener("click", () => {
  const dark = appearance.theme ? appearance.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  appearance.theme = dark ? "light" : "dark";
  store("theme", appearance.theme);
});
document.getElementById("size").addEventListener("click", (event) => {
  const large = appearance.size !== "large";
  appearance.size = large ? "large" : "usual";
  event.currentTarget.setAttribute("aria-pressed", String(large));
  document.dispatchEvent(new Event("resized"));
});
