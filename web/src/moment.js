// Dates are typed as the trade writes them, YYYY-MM-DD, whatever the browser's country; the calendar is the browser's own.

function connect(box) {
  const [text, button, native] = [".form-control", "[data-pick]", ".moment-native"].map((one) => box.querySelector(one));
  if (!button) return;
  button.addEventListener("click", () => {
    native.value = text.value.trim().replace(" ", "T");
    native.showPicker?.();
  });
  native.addEventListener("change", () => {
    text.value = native.value.replace("T", " ");
    text.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** Connect all date fields under `root` that are not connected yet. */
export function startMoments(root) {
  for (const box of root.querySelectorAll(".moment:not([data-connected])")) {
    box.dataset.connected = "";
    connect(box);
  }
}
