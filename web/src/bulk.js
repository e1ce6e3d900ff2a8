// Many rows at once: which are chosen, what can be done with them, and doing it: a few at once, more as a job.
import { closeDialog, openDialog } from "./dialog.js";
import { fetchJson, icon, make } from "./dom.js";
import { toast } from "./toast.js";

let grid = null; // the page's

/** The rows that somebody has chosen: those ticked, also on other pages, or all that match but for those unticked. */
export class Chosen {
  constructor() {
    this.clear();
  }

  clear() {
    this.all = null; // how many match, when all are meant
    this.keys = new Set(); // ticked, or with `all` unticked
  }

  get count() {
    return this.all === null ? this.keys.size : this.all - this.keys.size;
  }

  has(key) {
    return this.keys.has(key) === (this.all === null);
  }

  set(keys, isChosen) {
    for (const key of keys) {
      if (isChosen === (this.all === null)) this.keys.add(key);
      else this.keys.delete(key);
    }
  }

  /** What the server needs to know of them. */
  tell(body) {
    body.set(this.all === null ? "_rows" : "_not", [...this.keys].join(","));
  }
}

function button(text, name, run, extra = {}) {
  const made = make("button", { type: "button", className: "btn btn-plain", ...extra }, name ? icon(name) : "", make("span", {}, text));
  made.addEventListener("click", run);
  return made;
}

async function chooseAll() {
  try {
    const { count } = await fetchJson(`${grid.config.base}count/?${grid.rowsOf(grid.asked)}`);
    grid.chosen.clear();
    grid.chosen.all = count;
    grid.drawChosen();
  } catch (error) {
    toast(error.message || grid.config.texts.failed, "error");
  }
}

function ask({ name }) {
  const query = grid.chosen.all === null ? new URLSearchParams() : new URLSearchParams(grid.rowsOf(grid.asked));
  if (grid.chosen.all !== null) query.set("_all", "1");
  query.set("count", String(grid.chosen.count));
  openDialog(`${grid.config.base}bulk/${name}/?${query}`);
}

/** Draw the bar of what can be done with the rows that are chosen; without any there is none. */
export function drawBulk(of) {
  grid = of;
  const place = document.getElementById("grid-bulk");
  if (!place) return;
  const { texts, bulks } = grid.config;
  const { count, all } = grid.chosen;
  place.hidden = count === 0;
  if (!count) return place.replaceChildren();
  place.replaceChildren(
    make("strong", { role: "status" }, (all === null ? texts.chosen : texts.allChosen).replace("%s", String(count))),
    ...bulks.map((one) => button(one.title, one.icon, () => ask(one), one.danger ? { className: "btn btn-plain danger" } : {})),
    make("span", { className: "bulk-right" }, button(texts.selectAll, "", chooseAll), button(texts.unselect, "x", () => grid.chooseNone())),
  );
}

// What the server answers: results, a job's address, or what stands in the dialog instead when the input was wrong.
async function send(form) {
  const body = new FormData(form);
  grid.chosen.tell(body);
  const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.status === 422) return { html: await answer.text() };
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || "");
  return answer.json();
}

function tell(form, results) {
  const part = form.querySelector(".refused-part");
  const refused = results.filter(({ error }) => error);
  const done = results.filter(({ error }) => !error);
  const counts = [[part.dataset.done, done.length], [part.dataset.refused, refused.length]];
  const told = counts.filter(([, count], index) => count || !index).map(([text, count]) => text.replace("%s", String(count))).join(", ");
  if (refused.length) grid.keep(refused.map(({ key }) => key)); // they stay ticked: to be looked at, or tried again
  else grid.chooseNone();
  grid.refresh();
  if (!refused.length) {
    closeDialog();
    return toast(told, "success");
  }
  for (const one of form.querySelectorAll(".dialog-body > :not(.refused-part), .dialog-foot > *")) one.hidden = true;
  part.hidden = false;
  part.querySelector("[role=status]").textContent = told;
  part.querySelector("tbody").replaceChildren(...refused.map(({ name, error }) => make("tr", {}, make("td", {}, name), make("td", {}, error))));
  const close = form.querySelector(".dialog-foot [data-close]");
  close.hidden = false;
  close.textContent = grid.config.texts.close;
  close.focus();
}

async function run(form) {
  const busy = form.querySelector("[type=submit]");
  busy.disabled = true;
  try {
    const answer = await send(form);
    if (answer.html) replace(answer.html);
    else if (answer.job) location.assign(answer.job);
    else tell(form, answer.results);
  } catch (error) {
    busy.disabled = false;
    toast(error.message || form.querySelector(".refused-part").dataset.lost, "error");
  }
}

// The server's own form again, with what is wrong: it comes as text and is parsed, not run.
function replace(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  document.getElementById("dialog-inside").replaceChildren(...parsed.body.childNodes);
  document.body.dispatchEvent(new CustomEvent("carillon:replaced"));
  (document.querySelector("#dialog [aria-invalid=true]") || document.querySelector("#dialog [type=submit]"))?.focus();
}

/** Connect the dialogs that change many rows. */
export function startBulk() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-bulk]") || !grid) return;
    event.preventDefault();
    run(event.target);
  });
  document.addEventListener("input", (event) => {
    const tick = event.target.closest(".tick")?.querySelector("[name=_set]");
    if (tick && event.target !== tick) tick.checked = true; // who changes a field means it
  });
}
