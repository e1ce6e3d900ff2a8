// The menu on the left: groups fold and stay as they were left; arrows lead through it, left and right fold and open.

class Side {
  constructor(box) {
    this.box = box;
    box.addEventListener("click", (event) => {
      const button = event.target.closest("[data-group]");
      if (button) this.turn(button, button.getAttribute("aria-expanded") !== "true");
    });
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  turn(button, isOpen) {
    if (button.getAttribute("aria-expanded") === String(isOpen)) return;
    button.setAttribute("aria-expanded", String(isOpen));
    document.getElementById(button.getAttribute("aria-controls")).hidden = !isOpen;
    const body = new URLSearchParams();
    for (const one of this.box.querySelectorAll("[data-group][aria-expanded='true']")) body.append("open", one.dataset.group);
    fetch(this.box.dataset.fold, { method: "POST", body, headers: { "X-CSRFToken": this.box.dataset.csrf }, keepalive: true });
  }

  onKey(event) {
    const lines = [...this.box.querySelectorAll("a, [data-group]")].filter((one) => one.offsetParent);
    const at = lines.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const group = event.target.closest("[data-group]") || event.target.closest(".in-group")?.previousElementSibling;
    if (event.key === "ArrowRight" && group) this.turn(group, true);
    else if (event.key === "ArrowLeft" && group) this.fold(group);
    else {
      const target = { ArrowDown: lines[at + 1], ArrowUp: lines[at - 1], Home: lines[0], End: lines.at(-1) }[event.key];
      if (!target) return;
      target.focus();
    }
    event.preventDefault();
  }

  fold(group) {
    this.turn(group, false);
    group.focus();
  }
}

/** Connect the menu, when the page has one. */
export function startSide() {
  const box = document.querySelector(".side-scroll[data-fold]");
  if (box) new Side(box);
}
