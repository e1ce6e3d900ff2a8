// The one dialog of the page. Its inside comes from the server by htmx; <dialog> keeps the focus inside and Escape closes it.
import htmx from "htmx.org/dist/htmx.esm.js";
import { startLookups } from "./lookup.js";
import { startMentions } from "./mention.js";
import { toast } from "./toast.js";

const dialog = () => document.getElementById("dialog");
const SAVED = "carillon:saved"; // what to say once the page is there again
let opener = null;

/** Open the dialog with what `url` answers. */
export function openDialog(url) {
  opener = document.activeElement;
  const inside = document.getElementById("dialog-inside");
  inside.replaceChildren();
  htmx.ajax("GET", url, { target: inside, swap: "innerHTML" });
}

/** Open the dialog with elements made here. */
export function showDialog(...children) {
  opener = document.activeElement;
  document.getElementById("dialog-inside").replaceChildren(...children);
  dialog().showModal();
  focusFirst();
}

/** Close the dialog. */
export function closeDialog() {
  close();
}

export function isOpen() {
  return Boolean(dialog()?.open);
}

function close() {
  dialog().close();
  if (opener?.isConnected) opener.focus();
}

function focusFirst() {
  const wrong = dialog().querySelector("[aria-invalid=true]");
  const first = dialog().querySelector("[autofocus], form input:not([type=hidden]):not([disabled]), form select, form textarea");
  (wrong || first || dialog().querySelector("button"))?.focus();
}

/** Connect dialog, toasts and the links and buttons that open dialogs. */
export function startDialogs() {
  if (!dialog()) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-dialog]");
    if (link) {
      for (const menu of document.querySelectorAll("details.drop[open]")) menu.open = false;
      event.preventDefault();
      openDialog(link.dataset.dialog);
    }
    if (event.target.closest("[data-close]") || event.target === dialog()) close();
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "dialog-inside") return;
    startMentions(event.detail.target);
    startLookups(event.detail.target); // htmx tells of new content a moment later: a fast typist would be first
    if (!dialog().open) dialog().showModal();
    focusFirst();
  });
  document.body.addEventListener("carillon:replaced", () => startLookups(dialog()));
  document.body.addEventListener("carillon:saved", (event) => {
    close();
    if (document.getElementById("grid")) return toast(event.detail.text);
    sessionStorage.setItem(SAVED, event.detail.text); // a page of one row is drawn by the server
    location.reload();
  });
  const saved = sessionStorage.getItem(SAVED);
  sessionStorage.removeItem(SAVED);
  if (saved) toast(saved);
  document.body.addEventListener("htmx:responseError", () => toast(dialog().dataset.failed, "error"));
  document.body.addEventListener("htmx:sendError", () => toast(dialog().dataset.offline, "error"));
}
