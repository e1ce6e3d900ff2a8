// Forms with a preview: the Web Products wizard, one step at a time, and the portal's brand; the page beside as it will look.
const DRAWN = ["name", "accent", "headline", "tagline", "removes_logo", "removes_light", "removes_dark", "removes_icon"];
const TEXTS = ["imprint", "terms", "privacy"];

export function startWizard() {
  const form = document.querySelector("[data-wizard]");
  if (!form) return;
  const tabs = [...form.querySelectorAll(".wizard-steps .tab")];
  const parts = [...form.querySelectorAll(".wizard-part")];
  const frame = form.querySelector("iframe");
  let scheme = "light";
  let view = "";
  let at = 0;
  let drawn = "";
  let timer = 0;

  function show(place) {
    at = Math.min(Math.max(place, 0), parts.length - 1);
    parts.forEach((part, index) => (part.hidden = index !== at));
    tabs.forEach((tab, index) => tab.setAttribute("aria-selected", String(index === at)));
    for (const button of form.querySelectorAll("[data-step]")) {
      button.disabled = Number(button.dataset.step) < 0 ? at === 0 : at === parts.length - 1;
    }
  }

  function draw() {
    const values = new FormData(form);
    const asked = new URLSearchParams({ scheme, view });
    for (const name of DRAWN) asked.set(name, values.get(name) || "");
    for (const name of TEXTS) asked.set(name, values.get(name) ? "1" : "");
    const address = `${form.dataset.preview}?${asked}`;
    if (address === drawn) return;
    drawn = address;
    frame.src = address;
  }

  async function weigh() {
    const accent = new FormData(form).get("accent") || "";
    const answer = await fetch(`${form.dataset.colours}?${new URLSearchParams({ accent })}`);
    if (answer.ok) form.querySelector("[data-contrasts]").innerHTML = await answer.text();
  }

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      draw();
      if (event.target.name === "accent") weigh();
    }, 250);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (tabs.includes(button)) show(tabs.indexOf(button));
    if (button.dataset.step) show(at + Number(button.dataset.step));
    if (button.dataset.scheme) scheme = button.dataset.scheme;
    if (button.dataset.view) view = button.dataset.view;
    if (button.dataset.width) frame.parentElement.className = `wizard-frame ${button.dataset.width}`;
    for (const other of button.parentElement.querySelectorAll("[aria-pressed]")) {
      if (button.hasAttribute("aria-pressed")) other.setAttribute("aria-pressed", String(other === button));
    }
    draw();
  });
  const wrong = parts.findIndex((part) => part.querySelector(".wrong"));
  show(Math.max(wrong, 0));
  draw();
  weigh();
}
