// The ladder and the time-lapse: a slider over the columns of a table.

class Steps {
  constructor(section) {
    this.section = section;
    this.slider = section.querySelector("input[type=range]");
    this.button = section.querySelector(".play");
    this.rows = [...section.querySelectorAll("tbody tr")];
    section.querySelector(".slide").hidden = false;
    this.slider.addEventListener("input", () => { this.stop(); this.show(); });
    this.button.addEventListener("click", () => (this.timer ? this.stop() : this.play()));
    // The ladder begins at its foot; a life is shown where it is fullest.
    this.slider.value = section.id === "ladder" ? 0 : this.fullest();
    this.show();
  }

  // The last step with the most entries: at the end of a container's life there are none.
  fullest() {
    const counts = Array(Number(this.slider.max) + 1).fill(0);
    for (const row of this.rows) {
      [...row.dataset.present].forEach((present, at) => { counts[at] += present === "1"; });
    }
    return counts.lastIndexOf(Math.max(...counts));
  }

  get at() { return Number(this.slider.value); }

  show() {
    const { at } = this;
    const step = this.section.querySelector(`.step[data-step="${at}"]`);
    for (const other of this.section.querySelectorAll(".step")) other.hidden = other !== step;
    this.slider.setAttribute("aria-valuetext", step.querySelector("p").textContent.trim());
    for (const cell of this.section.querySelectorAll(".col")) cell.classList.toggle("at", Number(cell.dataset.step) === at);
    this.reveal(this.section.querySelector("thead .at"));
    for (const row of this.rows) {
      const { present } = row.dataset;
      row.classList.toggle("gone", present[at] === "0");
      row.classList.toggle("new", present[at] === "1" && at > 0 && present[at - 1] === "0");
      const now = row.querySelector(".now");
      if (now) now.textContent = row.querySelector(`td[data-step="${at}"]`)?.dataset.detail || "";
    }
  }

  // Scroll to the chosen column: on a narrow screen it may be outside of the view.
  reveal(head) {
    const box = head.closest(".scroll");
    const first = head.parentElement.cells[0].offsetWidth; // this column does not scroll
    const end = head.offsetLeft + head.offsetWidth;
    if (head.offsetLeft - first < box.scrollLeft) box.scrollLeft = head.offsetLeft - first;
    else if (end > box.scrollLeft + box.clientWidth) box.scrollLeft = end - box.clientWidth;
  }

  play() {
    if (this.at === Number(this.slider.max)) this.slider.value = 0;
    this.show();
    this.button.textContent = "❚❚ Pause";
    this.timer = setInterval(() => {
      this.slider.value = this.at + 1;
      this.show();
      if (this.at === Number(this.slider.max)) this.stop();
    }, 1400);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = "▶ Play";
  }
}
