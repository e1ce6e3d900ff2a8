// The Partner Portal's one script.
import htmx from "htmx.org/dist/htmx.esm.js";
import { startBell } from "./bell.js";
import { startDialogs } from "./dialog.js";
import { startGrid } from "./grid.js";
import { startKeys } from "./keys.js";
import { startLadder } from "./ladder.js";
import { startLookups } from "./lookup.js";
import { startMoments } from "./moment.js";
import { startRows } from "./rows.js";
import { startSearch } from "./search.js";
import { startSide } from "./side.js";
import { startWizard } from "./wizard.js";

function start() {
  startDialogs();
  startGrid();
  startLadder();
  startRows();
  startSearch();
  startSide();
  startBell();
  startKeys();
  startLookups(document);
  startMoments(document);
  startWizard();
  htmx.onLoad((part) => {
    startLookups(part);
    startMoments(part);
  });
  document.getElementById("customer-filter")?.addEventListener("change", (event) => event.currentTarget.submit());
  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-copy]");
    if (box) navigator.clipboard.writeText(box.dataset.copy);
    for (const menu of document.querySelectorAll("details.drop[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
