// Small helpers for building elements. Everything is made by the DOM, never from strings of HTML.

/** Return a new element with properties and children; `data` and `aria-*` go to attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Return a new SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Return the icon called `name` from the sprite. */
export function icon(name) {
  return svg("svg", { class: "ico", "aria-hidden": "true" }, svg("use", { href: `${document.body.dataset.icons}#${name}` }));
}

/** Return a function that runs `action` once, `ms` after its last call. */
export function later(action, ms) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), ms);
  };
}

/** Return the JSON of a `json_script` element, or null. */
export function embedded(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

/** GET JSON; throws an Error with the server's own sentence. */
export async function fetchJson(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 401) location.reload();
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const fields = Object.values(body.fields || {}).join(" ");
    throw new Error(`${body.detail || ""} ${fields}`.trim());
  }
  return body;
}
