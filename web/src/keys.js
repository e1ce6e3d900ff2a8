// Keys that work on every page. Single letters rest while somebody types or a dialog or menu is open.
import { isOpen } from "./dialog.js";
import { isMenuOpen } from "./menu.js";
import { toSearch } from "./search.js";

const isTyping = (element) => element?.closest("input, textarea, select, [contenteditable]") !== null;

const press = (selector) => () => document.querySelector(selector)?.click();

const SINGLE = {
  "/": toSearch,
  c: () => document.getElementById("customer-filter-text")?.focus(),
  n: press("#grid-add"),
  r: press("#grid-refresh"),
  h: press("#about-page"),
  "?": press("#keys"),
};

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !isOpen()) {
    event.preventDefault();
    toSearch();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isOpen() || isMenuOpen()) return;
  const run = SINGLE[event.key];
  if (!run) return;
  event.preventDefault();
  run();
}

/** Listen for the keys of every page. */
export function startKeys() {
  document.addEventListener("keydown", onKey);
}
