// The filters that are set, above the grid, each with a way to take it away.
import { icon, make } from "./dom.js";

function labelOf(filter, value, texts) {
  const pairs = filter.kind === "bool" ? texts.bool : filter.choices;
  const found = pairs.find(([one]) => one === value);
  if (found) return `${filter.title}: ${found[1]}`;
  return ["integer", "uuid"].includes(filter.kind) ? filter.title : `${filter.title}: ${value}`;
}

/** Return what is set: [{ name, label }]. */
function chosen(config, asked) {
  const found = [];
  for (const filter of config.filters) {
    const ends = filter.kind === "range" ? [["_from", config.texts.from], ["_to", config.texts.until]] : [["", ""]];
    for (const [end, word] of ends) {
      const value = asked.get(`${filter.name}${end}`);
      if (!value) continue;
      const label = word ? `${filter.title} ${word} ${value}` : labelOf(filter, value, config.texts);
      found.push({ name: `${filter.name}${end}`, label });
    }
  }
  return found;
}

function chip(grid, { name, label }) {
  const button = make("button", { type: "button", className: "chip", "data-drop": name }, make("span", {}, label), icon("x"));
  button.setAttribute("aria-label", grid.config.texts.drop.replace("%s", label));
  button.addEventListener("click", () => grid.dropFilters(name));
  return button;
}

/** Draw the chips of what `grid` has asked. */
export function drawFilters(grid) {
  const place = document.getElementById("grid-filters");
  if (!place) return;
  const found = chosen(grid.config, new URLSearchParams(grid.asked));
  const all = make("button", { type: "button", className: "chip chip-all", id: "filters-clear" }, icon("filter-off"), make("span", {}, grid.config.texts.clear));
  all.addEventListener("click", () => grid.dropFilters());
  place.replaceChildren(...found.map((one) => chip(grid, one)), ...(found.length > 1 ? [all] : []));
}
