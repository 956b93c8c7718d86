// The table of machines: search, filter, sort, keys. Without this script it is complete, but fixed.

const table = document.getElementById("room");
const body = table.tBodies[0];
const heads = table.querySelector("tr.heads");
const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
const search = document.getElementById("search");
const count = document.getElementById("count");
const chips = [...document.querySelectorAll(".chip[data-state]")];

function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const states = chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.dataset.state);
  let shown = 0;
  for (const { row, text } of rows) {
    const hit = wanted.every((word) => text.includes(word)) && (!states.length || states.includes(row.dataset.state));
    row.hidden = !hit;
    shown += hit;
  }
  count.textContent = shown === rows.length ? `${shown} machines` : `${shown} of ${rows.length} machines`;
}

function showAll() {
  search.value = "";
  for (const chip of chips) chip.setAttribute("aria-pressed", "false");
  filter();
}

function value(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.text !== undefined) return cell.dataset.text;
  return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
}

function sort(button) {
  const head = button.closest("th");
  const up = head.ariaSort !== "ascending";
  for (const other of heads.cells) if (other.ariaSort) other.ariaSort = "none";
  head.ariaSort = up ? "ascending" : "descending";
  const keyed = rows.map(({ row }) => [value(row, head.cellIndex), row]);
  keyed.sort(([a], [b]) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true })) * (up ? 1 : -1));
  body.append(...keyed.map(([, row]) => row));
}

function move(step) {
  const shown = [...body.rows].filter((row) => !row.hidden);
  const at = shown.indexOf(document.activeElement.closest("tr"));
  const next = shown[at < 0 ? (step > 0 ? 0 : shown.length - 1) : at + step];
  if (next) next.focus();
}

search.addEventListener("input", filter);
for (const chip of chips) {
  chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.ariaPressed !== "true"));
    filter();
  });
}
for (const button of heads.querySelectorAll("button")) button.addEventListener("click", () => sort(button));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input");
  const inTable = event.target.closest("tbody tr") || typing;
  if (event.key === "/" && !typing) search.focus();
  else if (event.key === "Escape") showAll();
  else if (event.key === "ArrowDown" && inTable) move(1);
  else if (event.key === "ArrowUp" && inTable && !typing) move(-1);
  else if (event.key === "Enter" && event.target.matches("tbody tr")) event.target.querySelector("a")?.click();
  else return;
  event.preventDefault();
});

// How old a result is: the page may be opened long after it was made.
function showAges() {
  for (const time of body.querySelectorAll("time")) {
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
    if (Number.isNaN(minutes) || minutes < 0) continue;
    const [count, unit] = minutes < 60 ? [minutes, "minute"] : minutes < 48 * 60 ? [Math.floor(minutes / 60), "hour"] : [Math.floor(minutes / 1440), "day"];
    time.nextElementSibling.textContent = `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
}

showAges();
setInterval(showAges, 60000);
filter();
document.documentElement.dataset.ready = "true";
