// Elements whose text is never markup, and the texts of sizes, times and links.

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = visible(text);
  return element;
}

// Control and format characters as escapes, so that they have no effect.
function visible(text) {
  return String(text).replace(/[^\P{C}\n]|[\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);
}

function bdi(text, className) { return make("bdi", className, text); }

function unseen(text) { return make("span", "unseen", text); }

function badge(origin) {
  const element = make("span", "badge-o");
  element.dataset.o = origin.id;
  const sign = make("span", "sign", origin.code);
  sign.setAttribute("aria-hidden", "true");
  element.append(sign, make("span", "label", origin.label));
  return element;
}

// A link where the report holds a web address, nothing where it holds anything else.
function link(address, text) {
  if (!/^https:\/\//.test(address)) return "";
  const element = make("a", "", text);
  element.href = address;
  element.rel = "noopener noreferrer";
  element.target = "_blank";
  return element;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let number = bytes || 0;
  while (number >= 1000 && at < units.length - 1) { number /= 1000; at += 1; }
  return `${at && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[at]}`;
}

function date(nanoseconds) {
  const time = new Date(nanoseconds / 1e6);
  return Number.isNaN(time.getTime()) ? `${nanoseconds} ns` : time.toISOString();
}
