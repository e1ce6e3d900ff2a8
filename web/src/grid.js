// The grid of a panel: Tabulator draws, the server filters, sorts and pages by keyset (its cursors are opaque here).
import {
  AjaxModule,
  FilterModule,
  FormatModule,
  FrozenColumnsModule,
  InteractionModule,
  ResizeColumnsModule,
  SortModule,
  Tabulator,
  TooltipModule,
} from "tabulator-tables";
import { embedded, fetchJson, icon, later, make } from "./dom.js";
import { isOpen, openDialog } from "./dialog.js";
import { isMenuOpen, showMenu } from "./menu.js";
import { toast } from "./toast.js";

Tabulator.registerModule([
  AjaxModule,
  FilterModule,
  FormatModule,
  FrozenColumnsModule,
  InteractionModule,
  ResizeColumnsModule,
  SortModule,
  TooltipModule,
]);

const MOST_WIDTH = 300; // longer texts are cut and shown whole when pointed at
const LEAST_WIDTH = { text: 92, list: 92, choice: 80, code: 128 }; // of texts that are shortened where room is short
const RIGHT = new Set(["money", "integer", "decimal", "duration"]);
const TONES = {
  good: ["active", "live", "answered", "available", "approved", "registered", "True", "settled", "rated", "in_service"],
  warn: ["suspended", "draft", "busy", "no_answer", "reserved", "quarantine", "ringing", "trying", "open", "cancelled"],
  bad: ["blocked", "terminated", "failed", "refused", "closed", "withdrawn", "unallocated", "revoked", "expired"],
};

function toneOf(value) {
  return Object.keys(TONES).find((tone) => TONES[tone].includes(value)) || "calm";
}

const DRAW = {
  money: (value) => make("span", { className: "num" }, value[0], value[0] ? make("small", {}, ` ${value[1]}`) : ""),
  status: (value) => (value[0] ? make("span", { className: `state ${toneOf(value[1])}` }, value[0]) : ""),
  choice: (value) => value[0],
  bool: (value) => (value[1] === "True" ? make("span", { className: "yes", title: value[0] }, icon("check"), make("span", { className: "visually-hidden" }, value[0])) : make("span", { className: "no" }, value[0])),
  code: (value) => make("code", {}, value),
  datetime: (value) => make("time", { dateTime: value[1], className: "num" }, value[0]),
  duration: (value) => make("span", { className: "num ticking" }, value),
};

const pen = document.createElement("canvas").getContext("2d");

function textWidth(text, font) {
  pen.font = font;
  return pen.measureText(text).width;
}

const FIGURES = /[0-9]/g;

const FIRST_WIDTH = 168; // a row is known by its first column

/** Return how wide a column must be at least and for these values, in pixels: [least, wanted]. */
function widthsOf(column, values, isFirst, family) {
  const title = textWidth(column.title, `600 12px ${family}`) + (column.sortable ? 15 : 0);
  const filter = Array.isArray(column.filter) || column.filter === "bool" ? 58 : 36;
  const extra = (isFirst ? 21 : 0) + (column.kind === "status" ? 16 : 0) + (column.kind === "money" ? 29 : 0);
  const least = Math.ceil(Math.max(title, filter) + 15);
  let longest = 0;
  for (const value of values) {
    const text = (Array.isArray(value) ? value[0] : String(value ?? "")).replace(FIGURES, "0"); // all figures are as wide
    longest = Math.max(longest, column.kind === "bool" ? 16 : textWidth(text, `12.5px ${family}`));
  }
  const wanted = Math.max(least, Math.ceil(Math.min(longest + extra, MOST_WIDTH) + 17));
  const shortened = isFirst && column.kind === "text" ? FIRST_WIDTH : LEAST_WIDTH[column.kind];
  return [shortened ? Math.min(wanted, Math.max(least, shortened)) : wanted, wanted];
}

/** Return how many of the columns fit whole when all are as narrow as they may be. */
function visibleOf(pairs, room) {
  let sum = 0;
  const first = pairs.findIndex(([least]) => (sum += least) > room);
  return first === -1 ? pairs.length : Math.max(1, first);
}

/**
 * Return widths that fill `room`: spare room by shares; what is missing is taken from long texts, down to their least.
 * Columns for which there is no room at all come after it, where one scrolls to.
 */
function fitted(pairs, shares, room) {
  const visible = visibleOf(pairs, room);
  if (visible === pairs.length) return filled(pairs, shares, room);
  const rest = pairs.slice(visible).map(([, width]) => width);
  return [...filled(pairs.slice(0, visible), shares.slice(0, visible), room), ...rest];
}

function filled(pairs, shares, room) {
  const wanted = pairs.map(([, width]) => width);
  const spare = room - wanted.reduce((sum, width) => sum + width, 0);
  if (spare >= 0) {
    const all = shares.reduce((sum, share) => sum + share, 0);
    return wanted.map((width, index) => width + Math.floor((spare * shares[index]) / all));
  }
  const slack = pairs.map(([least, width]) => width - least);
  const most = slack.reduce((sum, one) => sum + one, 0);
  const part = most ? Math.min(1, -spare / most) : 0;
  return wanted.map((width, index) => width - Math.floor(slack[index] * part));
}

/** Return seconds as m:ss or h:mm:ss, as the server writes them. */
function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

class Grid {
  constructor(place, config) {
    this.config = config;
    this.place = place;
    this.size = document.getElementById("grid-size")?.value || "50";
    this.tab = document.querySelector("[data-tab][aria-selected=true]")?.dataset.tab || "";
    this.cursor = "";
    this.asked = "";
    for (const input of document.querySelectorAll("[data-loose]")) input.value ||= config.preset[input.name] || "";
    this.table = new Tabulator(place, {
      index: "_id",
      height: "100%",
      layout: "fitData",
      columnDefaults: { headerSortTristate: false, resizable: "header" },
      columns: config.columns.map((column, index) => this.column(column, index)),
      ajaxURL: config.base,
      ajaxRequestFunc: (_url, _options, params) => this.fetch(params),
      dataLoader: false,
      sortMode: "remote",
      filterMode: "remote",
      placeholder: () => this.emptyText(),
      headerSortElement: () => icon("chevrons-right"),
      initialHeaderFilter: Object.entries(config.preset)
        .filter(([name]) => config.columns.some((column) => column.name === name && column.filter))
        .map(([field, value]) => ({ field, value })),
    });
    this.table.on("rowContext", (event, row) => {
      event.preventDefault();
      this.menu(row.getData(), { x: event.clientX, y: event.clientY });
    });
    this.table.on("rowDblClick", (_event, row) => this.entries(row.getData())[0]?.run());
    this.table.on("renderComplete", () => this.mendRoles());
    this.table.on("dataProcessed", () => this.fit(this.rows || [])); // after Tabulator's own layout
    this.connect();
  }

  // Tabulator nests row groups and makes a focusable element without a role; screen readers expect grid > rowgroup > row.
  mendRoles() {
    const set = (selector, role) => this.place.querySelector(selector)?.setAttribute("role", role);
    set(".tabulator-header-contents", "none");
    set(".tabulator-tableholder", "rowgroup");
    set(".tabulator-table", "none");
    set(".tabulator-placeholder", "row");
    set(".tabulator-placeholder-contents", "gridcell");
  }

  column(column, index) {
    const definition = {
      title: column.title,
      field: column.name,
      width: column.width,
      minWidth: 40,
      headerSort: column.sortable,
      hozAlign: RIGHT.has(column.kind) ? "right" : "left",
      headerHozAlign: RIGHT.has(column.kind) ? "right" : "left",
      formatter: (cell) => this.cell(column, cell, index === 0),
      tooltip: (_event, cell) => this.tooltip(cell),
    };
    if (index === 0) definition.frozen = true;
    if (column.filter) {
      definition.headerFilter = (cell, onRendered, success) => this.headerFilter(column, cell, success);
      definition.headerFilterEmptyCheck = (value) => value === "" || value === null || value === undefined;
    }
    return definition;
  }

  tooltip(cell) {
    const element = cell.getElement();
    const value = cell.getValue();
    if (element.querySelector("time")) return value[1];
    const parts = [element, ...element.querySelectorAll(".row-menu span")]; // in the first column the button cuts
    return parts.some((one) => one.scrollWidth > one.clientWidth + 1) ? element.textContent : "";
  }

  cell(column, cell, isFirst) {
    const value = cell.getValue();
    const shown = value === undefined || value === null ? "" : (DRAW[column.kind] || String)(value);
    if (!isFirst) return shown;
    const data = cell.getData();
    const button = make(
      "button",
      { type: "button", className: "row-menu", "aria-haspopup": "menu", "aria-expanded": "false" },
      icon("menu-2"),
      make("span", {}, shown),
    );
    button.setAttribute("aria-label", `${this.config.texts.menu.replace("%s", data._name)}`);
    button.addEventListener("click", () => {
      const box = button.getBoundingClientRect();
      this.menu(data, { x: box.left, y: box.bottom + 2, button });
    });
    return button;
  }

  headerFilter(column, cell, success) {
    const label = column.title;
    const now = cell.getValue() ?? "";
    if (Array.isArray(column.filter) || column.filter === "bool") {
      const pairs = Array.isArray(column.filter) ? column.filter : this.config.texts.bool;
      const all = make("option", { value: "" }, this.config.texts.any);
      const options = pairs.map(([value, text]) => make("option", { value, selected: value === String(now) }, text));
      const select = make("select", { className: "head-filter", "aria-label": label }, all, ...options);
      select.addEventListener("change", () => success(select.value));
      return select;
    }
    const input = make("input", { type: "search", className: "head-filter", value: now, autocomplete: "off", "aria-label": label });
    const soon = later(() => success(input.value.trim()), 300);
    input.addEventListener("input", soon);
    input.addEventListener("click", (event) => event.stopPropagation());
    return input;
  }

  query(params) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.config.preset)) query.set(name, value);
    for (const { field } of this.config.columns.map((column) => ({ field: column.name }))) {
      if (this.config.columns.some((column) => column.name === field && column.filter)) query.delete(field);
    }
    for (const { field, value } of params.filter || []) if (value !== "") query.set(field, value);
    for (const input of document.querySelectorAll("[data-loose]")) {
      query.delete(input.name);
      if (input.value) query.set(input.name, input.value);
    }
    const [sort] = params.sort || [];
    if (sort) query.set("order", `${sort.dir === "desc" ? "-" : ""}${sort.field}`);
    if (this.tab) query.set("tab", this.tab);
    return query;
  }

  async fetch(params) {
    const query = this.query(params);
    if (query.toString() !== this.asked) this.cursor = "";
    this.asked = query.toString();
    const page = new URLSearchParams(query);
    page.set("size", this.size);
    if (this.cursor) page.set("cursor", this.cursor);
    this.place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetchJson(`${this.config.base}rows/?${page}`);
      this.show(answer);
      return answer.rows;
    } catch (error) {
      toast(error.message || this.config.texts.failed, "error");
      return [];
    } finally {
      this.place.setAttribute("aria-busy", "false");
    }
  }

  // Each column is as wide as what is in it; what is left over is shared, long texts give way, the rest scrolls.
  fit(rows) {
    const family = getComputedStyle(this.place).fontFamily;
    const { columns } = this.config;
    const pairs = columns.map((column, index) =>
      widthsOf(column, rows.map((row) => row[column.name]), index === 0, family),
    );
    const bar = this.place.querySelector(".tabulator-tableholder");
    const room = bar?.clientWidth || this.place.clientWidth - 2;
    const widths = fitted(pairs, columns.map((column) => column.width * column.grow), room);
    columns.forEach((column, index) => this.table.getColumn(column.name).setWidth(widths[index]));
  }

  show(answer) {
    this.rows = answer.rows;
    this.next = answer.next;
    this.previous = answer.previous;
    const set = (id, disabled) => {
      const button = document.getElementById(id);
      if (button) button.disabled = disabled;
    };
    set("page-first", !answer.previous);
    set("page-previous", !answer.previous);
    set("page-next", !answer.next);
    set("page-last", !answer.next);
    document.getElementById("grid-count").textContent = answer.count;
    for (const link of document.querySelectorAll("[data-export]")) {
      const query = new URLSearchParams(this.asked);
      query.set("format", link.dataset.export);
      link.href = `${this.config.base}export/?${query}`;
    }
  }

  emptyText() {
    const isFiltered = [...new URLSearchParams(this.asked).keys()].some((name) => !["order", "tab"].includes(name));
    return isFiltered ? this.config.texts.nothing : this.config.texts.empty;
  }

  go(cursor) {
    this.cursor = cursor;
    this.table.setData();
  }

  entries(data) {
    const address = (path) => `${this.config.base}${encodeURIComponent(data._id)}/${path}`;
    const run = {
      open: () => location.assign(address("")),
      link: (entry) => location.assign(address(entry.path)),
      dialog: (entry) => openDialog(address(entry.path)),
      action: (entry) => openDialog(address(entry.path)),
    };
    return this.config.menu
      .filter((entry) => !data._without.includes(entry.name))
      .map((entry) => ({ ...entry, run: () => run[entry.kind](entry) }));
  }

  menu(data, at) {
    const entries = this.entries(data);
    if (entries.length) showMenu(entries, { ...at, label: this.config.texts.menu.replace("%s", data._name) });
  }

  refresh() {
    this.place.setAttribute("aria-busy", "true");
    return this.table.replaceData();
  }

  connect() {
    const on = (id, action) => document.getElementById(id)?.addEventListener("click", action);
    on("page-first", () => this.go(""));
    on("page-previous", () => this.go(this.previous));
    on("page-next", () => this.go(this.next));
    on("page-last", () => this.go("last"));
    on("grid-refresh", () => this.refresh());
    addEventListener("resize", later(() => this.fit(this.rows || []), 100));
    document.getElementById("grid-size")?.addEventListener("change", (event) => {
      this.size = event.target.value;
      this.go("");
    });
    for (const input of document.querySelectorAll("[data-loose]")) input.addEventListener("change", () => this.go(""));
    for (const tab of document.querySelectorAll("[data-tab]")) tab.addEventListener("click", () => this.chooseTab(tab));
    document.body.addEventListener("carillon:saved", () => this.refresh());
    document.body.addEventListener("carillon:changed", () => this.refresh());
    document.fonts?.ready.then(() => this.rows && this.fit(this.rows)); // measured before the font had come
    if (!this.config.refresh) return;
    setInterval(() => this.poll(), this.config.refresh * 1000);
    setInterval(() => this.tick(), 1000);
  }

  chooseTab(chosen) {
    for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-selected", String(tab === chosen));
    this.tab = chosen.dataset.tab;
    this.go("");
  }

  // Between two questions the seconds of calls that go on run here.
  tick() {
    for (const one of this.place.querySelectorAll(".ticking")) {
      const seconds = one.textContent.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
      if (seconds) one.textContent = clock(seconds + 1);
    }
  }

  poll() {
    if (!document.hidden && !isOpen() && !isMenuOpen() && !this.place.contains(document.activeElement)) this.refresh();
  }
}

/** Draw the page's grid, when it has one. */
export function startGrid() {
  const place = document.getElementById("grid");
  const config = embedded("grid-config");
  if (place && config) new Grid(place, config);
}
