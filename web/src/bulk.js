// Many rows at once: what can be done with the chosen ones, and doing it some rows a request, with progress and a stop.
import { closeDialog, openDialog } from "./dialog.js";
import { fetchJson, icon, make } from "./dom.js";
import { toast } from "./toast.js";

const ROWS_A_REQUEST = 20;

let grid = null; // the page's

function button(text, name, run, extra = {}) {
  const made = make("button", { type: "button", className: "btn btn-plain", ...extra }, name ? icon(name) : "", make("span", {}, text));
  made.addEventListener("click", run);
  return made;
}

async function chooseAll() {
  try {
    const { keys } = await fetchJson(`${grid.config.base}keys/?${grid.rowsOf(grid.asked)}`);
    grid.choose(keys, true);
  } catch (error) {
    toast(error.message || grid.config.texts.failed, "error");
  }
}

/** Draw the bar of what can be done with the rows that are chosen; without any there is none. */
export function drawBulk(of) {
  grid = of;
  const place = document.getElementById("grid-bulk");
  if (!place) return;
  const { texts, bulks, base } = grid.config;
  const count = grid.chosen.size;
  place.hidden = count === 0;
  if (!count) return place.replaceChildren();
  place.replaceChildren(
    make("strong", { role: "status" }, texts.chosen.replace("%s", String(count))),
    ...bulks.map((one) => button(one.title, one.icon, () => openDialog(`${base}bulk/${one.name}/?count=${grid.chosen.size}`), one.danger ? { className: "btn btn-plain danger" } : {})),
    make("span", { className: "bulk-right" }, button(texts.selectAll, "", chooseAll), button(texts.unselect, "x", () => grid.choose([...grid.chosen], false))),
  );
}

// One request; what it answers, or what stands in the dialog instead when the input was wrong.
async function send(form, keys) {
  const body = new FormData(form);
  body.set("count", String(grid.chosen.size));
  for (const key of keys) body.append("_row", key);
  const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.status === 422) return { html: await answer.text() };
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || "");
  return answer.json();
}

function showRefused(part, refused) {
  const table = part.querySelector("table");
  table.hidden = !refused.length;
  table.tBodies[0].replaceChildren(...refused.map(({ name, error }) => make("tr", {}, make("td", {}, name), make("td", {}, error))));
}

class Run {
  constructor(form) {
    this.form = form;
    this.part = form.querySelector(".progress-part");
    this.keys = [...grid.chosen];
    this.done = [];
    this.refused = [];
    this.at = 0;
    this.stopped = false;
  }

  told() {
    const { done, refused, left } = this.part.dataset;
    const counts = [[done, this.done.length], [refused, this.refused.length], [left, this.keys.length - this.at]];
    return counts.filter(([, count], index) => count || !index).map(([text, count]) => text.replace("%s", String(count))).join(", ");
  }

  begin() {
    const fields = this.form.querySelectorAll(".dialog-body > :not(.progress-part), .dialog-foot > :not([data-stop])");
    for (const one of fields) one.hidden = true;
    const stop = this.form.querySelector("[data-stop]");
    stop.hidden = false;
    stop.addEventListener("click", () => (this.stopped = true));
    document.getElementById("dialog").addEventListener("close", () => (this.stopped = true), { once: true });
    this.part.hidden = false;
    this.show();
  }

  show() {
    const bar = this.part.querySelector("progress");
    bar.max = this.keys.length;
    bar.value = this.at;
    this.part.querySelector("[role=status]").textContent = this.told();
    showRefused(this.part, this.refused);
  }

  /** Send the rows; false: the input was wrong and nothing was done. */
  async go() {
    while (this.at < this.keys.length && !this.stopped) {
      const some = this.keys.slice(this.at, this.at + ROWS_A_REQUEST);
      let answer;
      try {
        answer = await send(this.form, some);
      } catch (error) {
        const text = error.message || this.part.dataset.lost;
        answer = { results: some.map((key) => ({ key, name: grid.nameOf(key), error: text })) };
        this.stopped = true;
      }
      if (answer.html && !this.at) return answer.html;
      const results = answer.results || some.map((key) => ({ key, name: grid.nameOf(key), error: grid.config.texts.failed }));
      if (!this.at) this.begin();
      this.at += some.length;
      for (const one of results) (one.error ? this.refused : this.done).push(one);
      this.show();
    }
    return "";
  }

  end() {
    grid.choose(this.done.map(({ key }) => key), false);
    grid.refresh();
    const isOpen = document.getElementById("dialog").open;
    const allDone = !this.refused.length && this.at === this.keys.length;
    if (allDone || !isOpen) {
      if (isOpen) closeDialog();
      toast(this.told(), allDone ? "success" : "error");
      return;
    }
    this.form.querySelector("[data-stop]").hidden = true;
    const close = this.form.querySelector(".dialog-foot [data-close]");
    close.hidden = false;
    close.textContent = grid.config.texts.close;
    close.focus();
  }
}

async function run(form) {
  const busy = form.querySelector("[type=submit]");
  busy.disabled = true;
  const work = new Run(form);
  const html = await work.go();
  if (html) replace(html);
  else work.end();
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
