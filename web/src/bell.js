// Notifications: the bell asks again every half minute while the page is looked at, and draws its list when opened.
import { fetchJson, make } from "./dom.js";

const EVERY_MS = 30_000;

class Bell {
  constructor(box) {
    this.box = box;
    this.button = box.querySelector("summary");
    this.count = box.querySelector(".bell-count");
    this.list = box.querySelector(".bell-list");
    box.addEventListener("toggle", () => box.open && this.ask());
    box.querySelector("[data-bell-all]").addEventListener("click", () => this.read(""));
    setInterval(() => document.hidden || this.ask(), EVERY_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    this.ask();
  }

  async ask() {
    const found = await fetchJson(this.box.dataset.bell).catch(() => null); // away for a moment: the next time will do
    if (!found) return;
    const { unread, results } = found;
    this.count.textContent = unread > 9 ? "9+" : String(unread);
    this.count.hidden = !unread;
    this.button.setAttribute("aria-label", unread ? this.box.dataset.unread.replace("%s", unread) : this.box.dataset.label);
    const none = make("li", { className: "drop-text" }, this.list.dataset.none);
    this.list.replaceChildren(...(results.length ? results.map((one) => this.line(one)) : [none]));
  }

  line(one) {
    const link = make("a", { href: one.address, className: one.is_read ? "bell-line" : "bell-line is-new" }, make("span", {}, one.text), make("small", {}, one.when));
    link.addEventListener("click", () => this.read(one.key));
    return make("li", {}, link);
  }

  async read(key) {
    const body = new URLSearchParams(key ? { key } : {});
    await fetch(this.box.dataset.read, { method: "POST", body, headers: { "X-CSRFToken": this.box.dataset.csrf }, keepalive: true });
    if (!key) this.ask();
  }
}

/** Connect the bell, when the page has one. */
export function startBell() {
  const box = document.getElementById("bell");
  if (box) new Bell(box);
}
