// What every page has: light or dark, and larger text for a projector.

function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; } // file: pages may have no storage
}

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* it holds for this page only */ }
}

const look = document.documentElement.dataset;
if (["light", "dark"].includes(kept("theme"))) look.theme = kept("theme");
document.getElementById("theme").addEventListener("click", () => {
  const dark = look.theme ? look.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  look.theme = dark ? "light" : "dark";
  keep("theme", look.theme);
});
document.getElementById("size").addEventListener("click", (event) => {
  const large = look.size !== "large";
  look.size = large ? "large" : "usual";
  event.currentTarget.setAttribute("aria-pressed", String(large));
  document.dispatchEvent(new Event("resized"));
});
