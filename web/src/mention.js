// "@" in a note offers the colleagues while one types: arrows choose, Enter or Tab takes, Escape closes.
import { make } from "./dom.js";

const BEGUN = /(?:^|[\s(])@([^\n@]{0,40})$/;
const MOST = 6;

function connect(text) {
  const people = JSON.parse(text.dataset.mentions || "[]");
  const list = document.getElementById(text.getAttribute("aria-controls"));
  const isOne = ({ name }) => people.filter((other) => other.name.toLowerCase() === name.toLowerCase()).length === 1;
  let found = [];
  let at = 0;

  const close = () => {
    list.hidden = true;
    found = [];
    text.removeAttribute("aria-activedescendant");
  };
  const take = (person) => {
    const before = text.value.slice(0, text.selectionStart).replace(/@[^@]*$/, `@${isOne(person) ? person.name : person.email} `);
    text.value = before + text.value.slice(text.selectionStart);
    text.setSelectionRange(before.length, before.length);
    close();
    text.focus();
  };
  const draw = () => {
    list.replaceChildren(
      ...found.map((person, index) => {
        const option = make(
          "div",
          { role: "option", id: `${list.id}-${index}`, className: "lookup-option", "aria-selected": String(index === at) },
          make("span", {}, person.name),
          make("small", {}, person.email),
        );
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          take(person);
        });
        return option;
      }),
    );
    list.hidden = !found.length;
    if (found.length) text.setAttribute("aria-activedescendant", `${list.id}-${at}`);
  };
  text.addEventListener("input", () => {
    const begun = BEGUN.exec(text.value.slice(0, text.selectionStart))?.[1].toLowerCase();
    const holds = ({ name, email }) => name.toLowerCase().startsWith(begun) || email.toLowerCase().startsWith(begun);
    found = begun === undefined ? [] : people.filter(holds).slice(0, MOST);
    at = 0;
    if (found.length) draw();
    else close();
  });
  text.addEventListener("blur", close);
  text.addEventListener("keydown", (event) => {
    if (!found.length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      at = (at + step + found.length) % found.length;
      draw();
    } else if (event.key === "Enter" || event.key === "Tab") take(found[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Connect all places for notes under `root` that are not connected yet. */
export function startMentions(root) {
  for (const text of root.querySelectorAll("[data-mentions]:not([data-connected])")) {
    text.dataset.connected = "";
    connect(text);
  }
}
