// The grid of a panel: Tabulator draws, the server filters, sorts and pages by keyset (its cursors are opaque here).
import {
  AjaxModule,
  ColumnCalcsModule,
  FilterModule,
  FormatModule,
  FrozenColumnsModule,
  InteractionModule,
  ResizeColumnsModule,
  SortModule,
  Tabulator,
  TooltipModule,
} from "tabulator-tables";
import { readAddress, writeAddress } from "./address.js";
import { Chosen, drawBulk, startBulk } from "./bulk.js";
import { chooseColumns } from "./columns.js";
import { isOpen, openDialog } from "./dialog.js";
import { embedded, fetchJson, icon, later, make } from "./dom.js";
import { drawFilters } from "./filters.js";
import { keepOneRow, startKeyboard } from "./keyboard.js";
import { isMenuOpen, showMenu } from "./menu.js";
import { toast } from "./toast.js";
import { showViews } from "./views.js";
import { fitted, widthsOf } from "./widths.js";

Tabulator.registerModule([
  AjaxModule,
  ColumnCalcsModule,
  FilterModule,
  FormatModule,
  FrozenColumnsModule,
  InteractionModule,
  ResizeColumnsModule,
  SortModule,
  TooltipModule,
]);

const TICKS = 30; // width of the check boxes
const RIGHT = new Set(["money", "integer", "decimal", "duration"]);
const TONES = {
  good: [
    ...["active", "live", "answered", "available", "approved", "registered", "True", "settled", "rated", "in_service"],
    ...["alive", "ended", "on_sale", "matched", "delivered", "sent", "done", "cheaper", "gateway_up"],
  ],
  warn: [
    ...["suspended", "draft", "busy", "no_answer", "reserved", "quarantine", "ringing", "trying", "open", "cancelled"],
    ...["waiting", "trial", "calling", "porting_in", "porting_out", "duration", "price", "gone", "high", "offline", "webhook"],
  ],
  bad: [
    ...["blocked", "terminated", "failed", "refused", "withdrawn", "unallocated", "revoked", "expired"],
    ...["away", "unpaid", "theirs", "ours", "dearer", "urgent", "emergency", "balance_low", "credit_low", "gateway_down"],
  ],
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
  bar: (value) => make("span", { className: "gauge-cell" }, make("progress", { className: "meter gauge", max: 100, value, ariaLabel: `${value} %` }), make("span", { className: "num" }, `${value} %`)),
};

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
    this.tab = document.querySelector("[data-tab][aria-selected=true]")?.dataset.tab || "";
    this.asked = null;
    this.turn = 0;
    this.chosen = new Chosen();
    this.totals = {};
    this.hasTotals = config.columns.some((column) => config.totals.includes(column.name));
    this.readAddress();
    this.table = new Tabulator(place, {
      index: "_id",
      height: "100%",
      layout: "fitData",
      columnDefaults: { headerSortTristate: false, resizable: "header" },
      columns: [...(config.bulks.length ? [this.ticks()] : []), ...config.columns.map((column, index) => this.column(column, index))],
      ajaxURL: config.base,
      ajaxRequestFunc: (_url, _options, params) => this.fetch(params),
      dataLoader: false,
      sortMode: "remote",
      filterMode: "remote",
      placeholder: () => this.emptyText(),
      headerSortElement: () => icon("chevrons-right"),
      initialHeaderFilter: Object.entries(config.preset)
        .filter(([name]) => this.isInHead(name))
        .map(([field, value]) => ({ field, value })),
      initialSort: this.sorted(this.order),
    });
    this.table.on("rowContext", (event, row) => {
      event.preventDefault();
      this.menu(row.getData(), { x: event.clientX, y: event.clientY });
    });
    this.table.on("rowDblClick", (_event, row) => this.entries(row.getData())[0]?.run());
    this.table.on("renderComplete", () => {
      this.mendRoles();
      keepOneRow(this.place);
    });
    startKeyboard(this);
    this.table.on("dataProcessed", () => this.fit(this.rows || [])); // after Tabulator's own layout
    this.connect();
  }

  // What the address says and the table does not hold: size, page, columns, filters of columns that are not shown.
  readAddress() {
    const given = readAddress();
    const order = given.get("order") || "";
    const sizes = document.getElementById("grid-size");
    if (sizes && [...sizes.options].some((option) => option.value === given.get("size"))) sizes.value = given.get("size");
    this.size = sizes?.value || "50";
    this.columns = given.get("columns") || "";
    this.view = given.get("view");
    this.cursor = given.get("cursor") || "";
    this.order = this.config.orders.includes(order.replace("-", "")) ? order : "";
    this.hidden = Object.fromEntries(Object.entries(this.config.preset).filter(([name]) => !this.isInHead(name)));
    for (const input of document.querySelectorAll("[data-loose]")) {
      input.value = this.hidden[input.name] || "";
      delete this.hidden[input.name];
    }
  }

  isInHead(name) {
    return this.config.columns.some((column) => column.name === name && column.filter);
  }

  // The sort of the table that an order of the address is: of the first column that it sorts, or none.
  sorted(order) {
    const found = order && this.config.columns.find((column) => column.order === order.replace("-", ""));
    return found ? [{ column: found.name, dir: order.startsWith("-") ? "desc" : "asc" }] : [];
  }

  // Tabulator nests row groups and makes a focusable element without a role; screen readers expect grid > rowgroup > row.
  mendRoles() {
    const set = (selector, role) => this.place.querySelector(selector)?.setAttribute("role", role);
    set(".tabulator-header-contents", "none");
    set(".tabulator-tableholder", "rowgroup");
    set(".tabulator-table", "none");
    set(".tabulator-footer", "rowgroup");
    set(".tabulator-footer-contents", "none");
    set(".tabulator-calcs-holder", "none");
    set(".tabulator-placeholder", "row");
    set(".tabulator-placeholder-contents", "gridcell");
  }

  column(column, index) {
    const definition = {
      title: column.title,
      field: column.name,
      width: column.width,
      minWidth: 40,
      headerSort: Boolean(column.order),
      hozAlign: RIGHT.has(column.kind) ? "right" : "left",
      headerHozAlign: RIGHT.has(column.kind) ? "right" : "left",
      formatter: (cell) => this.cell(column, cell, index === 0),
      tooltip: (_event, cell) => this.tooltip(cell),
    };
    if (index === 0) definition.frozen = true;
    if (this.hasTotals) {
      definition.bottomCalc = () => (index === 0 ? this.totals.text : "") || "";
      definition.bottomCalcFormatter = (cell) => this.total(column, index === 0 ? cell.getValue() : "");
    }
    if (column.filter) {
      definition.headerFilter = (cell, onRendered, success) => this.headerFilter(column, cell, success);
      definition.headerFilterEmptyCheck = (value) => value === "" || value === null || value === undefined;
    }
    return definition;
  }

  // The foot: what all rows that match add up to, not only those of this page.
  total(column, text) {
    const sums = (this.totals.cells || {})[column.name] || [];
    if (!sums.length) return text ? make("span", { className: "total-count" }, text) : "";
    return make("span", {}, ...sums.map(([amount, unit]) => DRAW.money([amount, unit])).map((one) => make("div", {}, one)));
  }

  async fetchTotals() {
    if (!this.hasTotals) return;
    const turn = this.turn;
    const totals = await fetchJson(`${this.config.base}totals/?${this.rowsOf(this.asked)}`).catch(() => ({}));
    if (turn !== this.turn) return;
    this.totals = totals;
    this.table.recalc();
    for (const cell of this.place.querySelectorAll(".tabulator-calcs-bottom .tabulator-cell:first-child")) cell.title = totals.text || "";
  }

  ticks() {
    const { texts } = this.config;
    const page = make("input", { type: "checkbox", className: "form-check-input", id: "grid-choose", "aria-label": texts.selectPage, title: texts.selectPage });
    page.addEventListener("change", () => this.choose(this.rows.map((row) => row._id), page.checked));
    return {
      title: "",
      field: "_tick",
      width: TICKS,
      minWidth: TICKS,
      frozen: true,
      headerSort: false,
      resizable: false,
      hozAlign: "center",
      headerHozAlign: "center",
      cssClass: "ticks",
      titleFormatter: () => page,
      formatter: (cell) => {
        const { _id: key, _name: name } = cell.getData();
        if (key === undefined) return ""; // the foot
        const box = make("input", { type: "checkbox", className: "form-check-input", value: key, checked: this.chosen.has(key), "aria-label": texts.select.replace("%s", name) });
        box.addEventListener("change", () => this.choose([key], box.checked));
        return box;
      },
    };
  }

  /** Choose rows, or no longer; also rows of other pages. */
  choose(keys, isChosen) {
    this.chosen.set(keys, isChosen);
    this.drawChosen();
  }

  /** Choose no row. */
  chooseNone() {
    this.keep([]);
  }

  /** Choose just these. */
  keep(keys) {
    this.chosen.clear();
    this.choose(keys, true);
  }

  drawChosen() {
    for (const box of this.place.querySelectorAll(".ticks input[value]")) box.checked = this.chosen.has(box.value);
    this.tickPage();
    drawBulk(this);
  }

  tickPage() {
    const page = document.getElementById("grid-choose");
    const count = (this.rows || []).filter((row) => this.chosen.has(row._id)).length;
    if (page) [page.checked, page.indeterminate] = [count > 0 && count === this.rows.length, count > 0 && count < this.rows.length];
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
    if (column.kind === "text") cell.getElement().dir = "auto";
    if (!isFirst) return shown;
    const data = cell.getData();
    const button = make(
      "button",
      { type: "button", className: "row-menu", "aria-haspopup": "menu", "aria-expanded": "false" },
      icon("menu-2"),
      make("span", { dir: "auto" }, shown), // what is written from right to left is cut at its end, not its beginning
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
    const query = new URLSearchParams(this.hidden);
    for (const { field, value } of params.filter || []) if (value !== "") query.set(field, value);
    for (const input of document.querySelectorAll("[data-loose]")) if (input.value) query.set(input.name, input.value);
    const [sort] = params.sort || [];
    const by = sort && this.config.columns.find((column) => column.name === sort.field);
    if (by) query.set("order", `${sort.dir === "desc" ? "-" : ""}${by.order}`);
    else if (this.order && !this.sorted(this.order).length) query.set("order", this.order);
    if (this.tab) query.set("tab", this.tab);
    if (this.columns) query.set("columns", this.columns);
    return query;
  }

  // Which rows a query is about, whatever their order and columns: others are no longer chosen when it changes.
  rowsOf(query) {
    const rows = new URLSearchParams(query);
    for (const name of ["order", "columns"]) rows.delete(name);
    return rows.toString();
  }

  /** Return how the grid is now, as a view keeps it. */
  state() {
    const state = new URLSearchParams(this.asked);
    if (this.size !== "50") state.set("size", this.size);
    return state;
  }

  remember() {
    const state = this.state();
    if (this.view !== null) state.set("view", this.view);
    if (this.cursor) state.set("cursor", this.cursor);
    writeAddress(state);
  }

  async fetch(params) {
    const query = this.query(params).toString();
    if (this.asked !== null && query !== this.asked) this.cursor = "";
    if (this.asked !== null && query !== this.asked && this.rowsOf(query) !== this.rowsOf(this.asked)) this.chooseNone();
    this.asked = query;
    const turn = ++this.turn;
    this.totals = {};
    if (this.table) this.fetchTotals();
    else queueMicrotask(() => this.fetchTotals()); // the first rows are asked for while the table is being built
    const page = new URLSearchParams(query);
    page.set("size", this.size);
    if (this.cursor) page.set("cursor", this.cursor);
    this.remember();
    this.place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetchJson(`${this.config.base}rows/?${page}`);
      if (turn !== this.turn) return this.rows || []; // somebody types faster than the server answers
      this.show(answer);
      return answer.rows;
    } catch (error) {
      toast(error.message || this.config.texts.failed, "error");
      return [];
    } finally {
      if (turn === this.turn) this.place.setAttribute("aria-busy", "false");
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
    const room = (bar?.clientWidth || this.place.clientWidth - 2) - (this.config.bulks.length ? TICKS : 0);
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
    drawFilters(this);
    this.tickPage();
    for (const link of document.querySelectorAll("[data-export]")) {
      const query = new URLSearchParams(this.asked);
      query.set("format", link.dataset.export);
      link.href = `${this.config.base}export/?${query}`;
    }
  }

  /** Take a filter away, wherever it stands; none: all. The rows are asked for once: by the table when it holds the filter. */
  dropFilters(name) {
    const isMeant = (one) => name === undefined || one === name;
    for (const input of document.querySelectorAll("[data-loose]")) if (isMeant(input.name)) input.value = "";
    for (const one of Object.keys(this.hidden)) if (isMeant(one)) delete this.hidden[one];
    const held = this.table.getHeaderFilters().filter(({ field, value }) => value !== "" && isMeant(field));
    if (!held.length) this.go("");
    else if (name === undefined) this.table.clearHeaderFilter();
    else this.table.setHeaderFilterValue(name, "");
  }

  emptyText() {
    const own = ["order", "tab", "columns"];
    const isFiltered = [...new URLSearchParams(this.asked).keys()].some((name) => !own.includes(name));
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
    on("grid-views", (event) => showViews(this, event.currentTarget));
    on("grid-columns", () => chooseColumns(this));
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
  startBulk();
}
