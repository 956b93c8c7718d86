// A button beside each command copies it. Without this script there is no button.

for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(button.parentElement.querySelector("code").textContent);
    const label = button.firstChild.data;
    button.firstChild.data = "Copied";
    setTimeout(() => { button.firstChild.data = label; }, 1500);
  });
}

// Some browsers give pages of the file: scheme no clipboard; execCommand works there.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const focused = document.activeElement;
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    focused?.focus({ preventScroll: true });
  }
}
