// The search on top: "/" or Ctrl+K leads there, arrows choose, Enter opens, Escape leaves.
import { fetchJson, icon, later, make } from "./dom.js";
import { toast } from "./toast.js";

function option(row, index) {
  return make(
    "a",
    { role: "option", id: `search-option-${index}`, className: "search-option", href: row.address, tabIndex: -1, "aria-selected": "false" },
    make("span", {}, row.name),
    row.more ? make("small", {}, row.more) : null,
  );
}

function group(kind, from) {
  const title = make("div", { className: "search-title", id: `search-kind-${kind.kind}`, role: "presentation" }, icon(kind.icon), kind.title);
  const options = kind.rows.map((row, index) => option(row, from + index));
  return { box: make("div", { role: "group", "aria-labelledby": title.id }, title, ...options), options };
}

class Search {
  constructor(box) {
    this.box = box;
    this.text = box.querySelector("input");
    this.list = box.querySelector("[role=listbox]");
    this.options = [];
    this.at = -1;
    this.asked = 0;
    const soon = later(() => this.ask(), 150);
    this.text.addEventListener("input", soon);
    this.text.addEventListener("focus", () => this.text.value.trim() && this.ask());
    this.text.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusout", (event) => box.contains(event.relatedTarget) || this.close());
  }

  async ask() {
    this.asked += 1;
    const mine = this.asked;
    const wanted = this.text.value.trim();
    if (wanted.length < 2) return this.close();
    try {
      const found = await fetchJson(`${this.box.dataset.search}?q=${encodeURIComponent(wanted)}`);
      if (mine === this.asked && this.box.contains(document.activeElement)) this.show(found);
    } catch (error) {
      if (error.message) toast(error.message, "error");
    }
  }

  show({ kinds, hint }) {
    this.options = [];
    const groups = kinds.map((kind) => {
      const { box, options } = group(kind, this.options.length);
      this.options.push(...options);
      return box;
    });
    const line = (text) => make("div", { className: "search-hint", role: "presentation" }, text);
    this.list.replaceChildren(...groups, ...(kinds.length ? [] : [line(this.box.dataset.none)]), ...(hint ? [line(hint)] : []));
    this.list.hidden = false;
    this.text.setAttribute("aria-expanded", "true");
    this.at = -1;
    if (this.options.length) this.mark(0);
  }

  close() {
    this.asked += 1;
    this.list.hidden = true;
    this.text.setAttribute("aria-expanded", "false");
    this.text.removeAttribute("aria-activedescendant");
    this.options = [];
    this.at = -1;
  }

  mark(index) {
    this.options[this.at]?.setAttribute("aria-selected", "false");
    this.at = (index + this.options.length) % this.options.length;
    const chosen = this.options[this.at];
    chosen.setAttribute("aria-selected", "true");
    chosen.scrollIntoView({ block: "nearest" });
    this.text.setAttribute("aria-activedescendant", chosen.id);
  }

  key(event) {
    if (event.key === "Escape") {
      if (this.list.hidden) this.text.blur();
      this.close();
    } else if (!this.options.length) return;
    else if (event.key === "ArrowDown") this.mark(this.at + 1);
    else if (event.key === "ArrowUp") this.mark(this.at - 1);
    else if (event.key === "Enter" && this.at >= 0) this.options[this.at].click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Connect the search on top, when the page has one. */
export function startSearch() {
  const box = document.getElementById("search");
  if (box) new Search(box);
}

/** Lead the keyboard to the search. */
export function toSearch() {
  const text = document.getElementById("search-text");
  text?.focus();
  text?.select();
}
