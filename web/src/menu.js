// The menu of a row: opens under its button or at the pointer, arrows and Escape work.
import { icon, make } from "./dom.js";

let open = null;

export function isMenuOpen() {
  return open !== null;
}

function close(refocus = true) {
  if (!open) return;
  const { box, button } = open;
  open = null;
  box.remove();
  button?.setAttribute("aria-expanded", "false");
  if (refocus && button?.isConnected) button.focus();
}

function item(entry) {
  const button = make(
    "button",
    { type: "button", role: "menuitem", tabIndex: -1, title: entry.hint || "", className: entry.danger ? "menu-item danger" : "menu-item" },
    icon(entry.icon),
    make("span", {}, entry.title),
  );
  button.addEventListener("click", () => {
    close();
    entry.run();
  });
  return button;
}

function onKey(event, items) {
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) items[(at + step + items.length) % items.length].focus();
  else if (event.key === "Home") items[0].focus();
  else if (event.key === "End") items.at(-1).focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else return;
  event.preventDefault();
}

function place(box, x, y) {
  const { offsetWidth: width, offsetHeight: height } = box;
  box.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
  box.style.top = `${Math.max(4, y + height > innerHeight ? y - height : y)}px`;
}

/** Show `entries` ({title, icon, danger, run, hint, isApart: a line before it}) at a point; `button` gets the focus back. */
export function showMenu(entries, { x, y, button, label }) {
  close(false);
  const items = entries.map(item);
  const box = make("div", { className: "row-menu-box", role: "menu", "aria-label": label }, ...items);
  for (const [at, entry] of entries.entries()) if (entry.isApart) items[at].before(make("hr", { role: "separator" }));
  const firstDanger = items.find((one) => one.classList.contains("danger"));
  if (firstDanger && firstDanger !== items[0]) firstDanger.before(make("hr", { role: "separator" }));
  box.addEventListener("keydown", (event) => onKey(event, items));
  (document.getElementById("main") || document.body).append(box);
  place(box, x, y);
  open = { box, button };
  button?.setAttribute("aria-expanded", "true");
  items[0]?.focus();
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.box.contains(event.target)) close(false);
});
addEventListener("resize", () => close(false));
