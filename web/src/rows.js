// Texts that are edited in rows: another row is a copy of the last one without its values; emptied rows are not kept.

/** Let "Another row" and the crosses work in every form there is and will be. */
export function startRows() {
  document.addEventListener("click", (event) => {
    const more = event.target.closest("[data-row-more]");
    if (more) addRow(more.closest(".rows").querySelector("tbody"));
    const out = event.target.closest("[data-row-out]");
    if (out) removeRow(out.closest("tr"));
  });
}

function addRow(body) {
  const row = body.lastElementChild.cloneNode(true);
  clear(row);
  body.append(row);
  number(body);
  row.querySelector("input").focus();
}

function removeRow(row) {
  const body = row.parentElement;
  if (body.children.length > 1) row.remove();
  else clear(row);
  number(body);
  body.querySelector("input").focus();
}

function clear(row) {
  for (const input of row.querySelectorAll("input")) {
    input.value = "";
    input.removeAttribute("value");
  }
}

/** What screen readers call the inputs ends in the row's number. */
function number(body) {
  [...body.children].forEach((row, place) => {
    for (const input of row.querySelectorAll("input")) {
      input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, place + 1));
    }
  });
}
