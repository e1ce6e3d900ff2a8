// Draws a SIP trace as a ladder: one column per address, one arrow per message, the message's text on click.
import { embedded, make, svg } from "./dom.js";

const ROW = 30;
const HEAD = 42;
const TOP = 8;
const TIME = 74;
const LEAST_GAP = 150;
const MOST_GAP = 240;
let GAP = LEAST_GAP; // as much as there is room for

/** Return the same of a message on somebody else's leg, of which only method or code is told. */
function neutral(said) {
  const code = Number.parseInt(said, 10) || 0;
  return { label: said, code, method: code ? "" : said };
}

/** Return what a SIP message says: {label, code, method}. Legs of others come with a summary and without text. */
export function summary({ raw, summary: short = "" }) {
  const [first] = (raw || (/^\d{3} /.test(short) ? `SIP/2.0 ${short}` : short)).split("\r\n", 1);
  const reply = /^SIP\/2\.0 (\d{3}) (.*)/.exec(first);
  const cseq = /^CSeq:\s*\d+\s+(\w+)/im.exec(raw)?.[1] || "";
  const hasBody = /^Content-Type:\s*application\/sdp/im.test(raw);
  const body = hasBody ? " (SDP)" : "";
  if (reply) return { label: `${reply[1]} ${reply[2]}${body}`, code: Number(reply[1]), method: cseq };
  return { label: `${first.split(" ")[0]}${body}`, code: 0, method: first.split(" ")[0] };
}

function tone({ code, method }) {
  if (code >= 400) return "bad";
  if (code >= 200) return "good";
  if (code >= 100) return "calm";
  return method === "BYE" || method === "CANCEL" ? "end" : "ask";
}

function columnsOf(messages) {
  const seen = [];
  for (const { src, dst } of messages) for (const one of [src, dst]) if (!seen.includes(one)) seen.push(one);
  return seen;
}

function head(address, label, x) {
  const texts = [svg("text", { x, y: 16, class: "ladder-name" }, label || address)];
  if (label && label !== address) texts.push(svg("text", { x, y: 32, class: "ladder-address" }, address));
  return svg("g", {}, ...texts);
}

function line(x, height) {
  return svg("line", { x1: x, y1: 0, x2: x, y2: height, class: "ladder-line" });
}

function arrow(message, index, columns, start, choose) {
  const from = TIME + 70 + columns.indexOf(message.src) * GAP;
  const to = TIME + 70 + columns.indexOf(message.dst) * GAP;
  const y = TOP + index * ROW + 18;
  const said = message.raw ? summary(message) : neutral(message.summary);
  const seconds = ((message.at_us - start) / 1e6).toFixed(3);
  const way = Math.sign(to - from) || 1;
  const tip = `${to},${y} ${to - way * 8},${y - 4} ${to - way * 8},${y + 4}`;
  const group = svg(
    "g",
    { class: `ladder-message ${tone(said)}`, tabindex: 0, role: "button", "aria-label": `${seconds} s ${said.label}, ${message.src} → ${message.dst}` },
    svg("rect", { x: 0, y: y - 19, width: "100%", height: ROW, class: "ladder-hit" }),
    svg("text", { x: TIME - 10, y: y + 2, class: "ladder-time" }, seconds),
    svg("text", { x: (from + to) / 2, y: y - 5, class: "ladder-label" }, said.label),
    svg("line", { x1: from, y1: y, x2: to, y2: y }),
    svg("polygon", { points: tip }),
  );
  group.addEventListener("click", () => choose(group, message));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(group, message);
  });
  return group;
}

/** Return what the chosen message says: when, who to whom, its session description in words, its text. */
function shown(place, message, before) {
  const since = before ? `  +${((message.at_us - before.at_us) / 1e6).toFixed(3)} s` : "";
  const route = `${new Date(message.at_us / 1000).toISOString()}${since}  ${message.src} → ${message.dst}  ${message.proto.toUpperCase()}`;
  return [
    make("div", { className: "ladder-route" }, route),
    ...(message.told || []).map((line) => make("div", { className: "ladder-sdp" }, line)),
    make("pre", { tabIndex: 0 }, message.raw || place.dataset.hidden),
  ];
}

function draw(place, messages, labels, output) {
  const columns = columnsOf(messages);
  const room = place.clientWidth - TIME - 140 - 16;
  GAP = Math.min(MOST_GAP, Math.max(LEAST_GAP, Math.floor(room / Math.max(1, columns.length - 1))));
  const height = TOP + messages.length * ROW + 14;
  const width = TIME + 140 + (columns.length - 1) * GAP;
  const start = messages[0].at_us;
  const choose = (group, message) => {
    for (const other of place.querySelectorAll(".chosen")) other.classList.remove("chosen");
    group.classList.add("chosen");
    output.replaceChildren(...shown(place, message, messages[messages.indexOf(message) - 1]));
  };
  const at = (index) => TIME + 70 + index * GAP;
  const heads = columns.map((address, index) => head(address, labels[address], at(index)));
  const lines = columns.map((_address, index) => line(at(index), height));
  const arrows = messages.map((message, index) => arrow(message, index, columns, start, choose));
  place.replaceChildren(
    make("div", { className: "ladder-head" }, svg("svg", { width, height: HEAD, class: "ladder-picture" }, ...heads)),
    svg("svg", { width, height, class: "ladder-picture", role: "group", "aria-label": place.dataset.label }, ...lines, ...arrows),
  );
  choose(arrows[0], messages[0]);
}

/** Draw the page's ladder, when it has one. */
export function startLadder() {
  const place = document.getElementById("ladder");
  const trace = embedded("ladder-trace");
  if (place && trace?.length) draw(place, trace, embedded("ladder-labels") || {}, document.getElementById("ladder-message"));
}
