// The dialog in which people choose columns and their order.
import { closeDialog, showDialog } from "./dialog.js";
import { icon, make } from "./dom.js";

function move(line, isUp) {
  const beside = isUp ? line.previousElementSibling : line.nextElementSibling;
  if (!beside) return;
  if (isUp) beside.before(line);
  else beside.after(line);
}

function mover(line, title, text, isUp) {
  const button = make("button", { type: "button", className: "btn btn-plain btn-square", "aria-label": text.replace("%s", title) }, icon("chevron-right"));
  button.classList.add(isUp ? "turned-up" : "turned-down");
  button.addEventListener("click", () => {
    move(line, isUp);
    button.focus();
  });
  return button;
}

function lineOf({ name, title }, isChosen, texts) {
  const box = make("input", { type: "checkbox", className: "form-check-input", name: "column", value: name, checked: isChosen });
  const line = make("li", { draggable: true }, make("label", {}, box, make("span", {}, title)));
  line.append(mover(line, title, texts.up, true), mover(line, title, texts.down, false));
  line.addEventListener("dragstart", (event) => {
    event.dataTransfer.effectAllowed = "move";
    line.classList.add("is-dragged");
  });
  line.addEventListener("dragend", () => line.classList.remove("is-dragged"));
  return line;
}

function drag(list, event) {
  const dragged = list.querySelector(".is-dragged");
  const over = event.target.closest("li");
  if (!dragged || !over || over === dragged) return;
  event.preventDefault();
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged);
  else over.after(dragged);
}

/** Go to the same rows with other columns; none given: the panel's own. */
function show(grid, names) {
  const state = grid.state();
  state.delete("columns");
  if (names && names !== grid.config.own.join(",")) state.set("columns", names);
  if (grid.view !== null) state.set("view", grid.view);
  closeDialog();
  location.assign(`${grid.config.base}?${state.toString() || "view="}`);
}

/** Let the person choose the columns of `grid`. */
export function chooseColumns(grid) {
  const { offered, columns, texts } = grid.config;
  const chosen = columns.map((column) => column.name);
  const rest = offered.filter(({ name }) => !chosen.includes(name));
  const first = chosen.map((name) => offered.find((one) => one.name === name));
  const list = make("ol", { className: "column-list" }, ...first.map((one) => lineOf(one, true, texts)), ...rest.map((one) => lineOf(one, false, texts)));
  const apply = make("button", { type: "submit", className: "btn btn-primary" }, texts.apply);
  const usual = make("button", { type: "button", className: "btn btn-plain", id: "columns-usual" }, texts.usual);
  const form = make(
    "form",
    { className: "dialog-part" },
    make("div", { className: "dialog-head" }, make("h2", { id: "dialog-title" }, texts.columns), make("button", { type: "button", className: "dialog-close", "data-close": "", "aria-label": texts.close }, icon("x"))),
    make("div", { className: "dialog-body" }, list),
    make("div", { className: "dialog-foot" }, usual, make("button", { type: "button", className: "btn btn-plain", "data-close": "" }, texts.cancel), apply),
  );
  const names = () => [...list.querySelectorAll("input:checked")].map((box) => box.value);
  list.addEventListener("dragover", (event) => drag(list, event));
  list.addEventListener("change", () => (apply.disabled = names().length === 0));
  usual.addEventListener("click", () => show(grid, ""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(grid, names().join(","));
  });
  showDialog(form);
}
