// The grid without a mouse: arrows go from row to row, Home and End to the ends, Page Up and Down to other pages, Enter opens a
// row's menu, Space ticks it. Tab leaves the rows: only those of one row are in its order.

const CONTROLS = ".row-menu, .ticks input[value]";

function rowsOf(place) {
  return [...place.querySelectorAll(".tabulator-tableholder .tabulator-row")];
}

function controlOf(row, wasTick) {
  return (wasTick && row.querySelector(".ticks input[value]")) || row.querySelector(".row-menu");
}

function turn(key) {
  const button = document.getElementById(key === "PageDown" ? "page-next" : "page-previous");
  if (button && !button.disabled) button.click();
}

function toRow(place, from, key) {
  const rows = rowsOf(place);
  const at = rows.indexOf(from.closest(".tabulator-row"));
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[key];
  if (rows[target]) controlOf(rows[target], from.matches("input"))?.focus();
}

function onRow(grid, event) {
  const { key, target } = event;
  const row = target.closest(".tabulator-row");
  if (key === "PageDown" || key === "PageUp") turn(key);
  else if (["ArrowDown", "ArrowUp", "Home", "End"].includes(key)) toRow(grid.place, target, key);
  else if (key === "ArrowLeft" || key === "ArrowRight") controlOf(row, key === "ArrowLeft")?.focus();
  else if (key === " " && target.matches(".row-menu") && row.querySelector(".ticks input")) row.querySelector(".ticks input").click();
  else return;
  event.preventDefault();
}

function onHead(event) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  event.target.querySelector(".tabulator-col-content").click();
}

/** Let one row be in the order of Tab: that of the focus, or the first. */
export function keepOneRow(place) {
  const rows = rowsOf(place);
  const kept = document.activeElement?.closest("#grid .tabulator-tableholder .tabulator-row") || rows[0];
  for (const row of rows) for (const one of row.querySelectorAll(CONTROLS)) one.tabIndex = row === kept ? 0 : -1;
  for (const head of place.querySelectorAll(".tabulator-col.tabulator-sortable")) head.tabIndex = 0;
}

/** Connect the keys of `grid`. */
export function startKeyboard(grid) {
  grid.place.addEventListener("keyup", (event) => {
    if (event.key === " " && grid.config.bulks.length && event.target.matches(".row-menu")) event.preventDefault(); // Firefox clicks here
  });
  grid.place.addEventListener("focusin", () => keepOneRow(grid.place));
  grid.place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches(CONTROLS)) onRow(grid, event);
    else if (event.target.matches(".tabulator-col.tabulator-sortable")) onHead(event);
  });
}
