// Short messages in the corner, read out by screen readers.
import { icon, make } from "./dom.js";

const SHOWN_MS = 5000;

/** Show `text` for five seconds; errors stay until they are closed. */
export function toast(text, kind = "success") {
  const place = document.getElementById("toasts");
  const close = make("button", { type: "button", className: "toast-close", "aria-label": place.dataset.close }, icon("x"));
  const box = make(
    "div",
    { className: `note note-${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "alert-triangle" : "circle-check"),
    make("span", {}, text),
    close,
  );
  close.addEventListener("click", () => box.remove());
  place.append(box);
  if (kind !== "error") setTimeout(() => box.remove(), SHOWN_MS);
}
