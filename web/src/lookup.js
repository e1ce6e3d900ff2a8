// A field that searches rows of a panel while one types: an ARIA combobox over /panels/<slug>/lookup/.
import { fetchJson, later, make } from "./dom.js";

let counter = 0;

function option(row, list, choose) {
  counter += 1;
  const element = make(
    "div",
    { role: "option", id: `lookup-option-${counter}`, className: "lookup-option", "aria-selected": "false" },
    make("span", {}, row.name),
    row.more ? make("small", {}, row.more) : null,
  );
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    choose(row);
  });
  list.append(element);
  return element;
}

function connect(field) {
  const text = field.querySelector("input[role=combobox]");
  const hidden = field.querySelector("input[type=hidden]");
  const list = field.querySelector("[role=listbox]");
  let options = [];
  let at = -1;
  let shownName = text.value;

  const close = () => {
    list.hidden = true;
    text.setAttribute("aria-expanded", "false");
    text.removeAttribute("aria-activedescendant");
    at = -1;
  };
  const choose = (row) => {
    hidden.value = row.id;
    shownName = row.name;
    text.value = row.name;
    close();
    hidden.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const mark = (index) => {
    options[at]?.element.setAttribute("aria-selected", "false");
    at = (index + options.length) % options.length;
    options[at].element.setAttribute("aria-selected", "true");
    options[at].element.scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", options[at].element.id);
  };
  const search = async () => {
    const { rows } = await fetchJson(`${field.dataset.lookup}?q=${encodeURIComponent(text.value === shownName ? "" : text.value)}`);
    list.replaceChildren();
    options = rows.map((row) => ({ row, element: option(row, list, choose) }));
    if (!rows.length) list.append(make("div", { className: "lookup-none" }, list.dataset.none));
    list.hidden = false;
    text.setAttribute("aria-expanded", "true");
    at = -1;
  };
  const soon = later(search, 150);

  text.addEventListener("input", () => {
    hidden.value = "";
    soon();
  });
  text.addEventListener("click", search);
  text.addEventListener("blur", () => {
    close();
    if (!text.value && hidden.dataset.submitEmpty !== undefined && shownName) choose({ id: "", name: "" });
    else if (!hidden.value && text.value) text.value = "";
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && list.hidden) search();
    else if (event.key === "ArrowDown" && options.length) mark(at + 1);
    else if (event.key === "ArrowUp" && options.length) mark(at - 1);
    else if (event.key === "Enter" && at >= 0) choose(options[at].row);
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Connect all look-ups under `root` that are not connected yet. */
export function startLookups(root) {
  for (const field of root.querySelectorAll("[data-lookup]:not([data-connected])")) {
    field.dataset.connected = "";
    connect(field);
  }
}
