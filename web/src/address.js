// How a grid is, in the page's address: back and reload keep it, and it can be sent to a colleague.

/** Return what the address says. */
export function readAddress() {
  return new URLSearchParams(location.search);
}

/** Write `state` into the address. A page that was asked for something stays so: else it would open with one's own view. */
export function writeAddress(state) {
  const text = state.toString();
  const search = text ? `?${text}` : location.search && "?view=";
  if (search !== location.search) history.replaceState(history.state, "", `${location.pathname}${search}`);
  const back = document.querySelector("#customer-filter [name=back]");
  if (back) back.value = `${location.pathname}${search}`;
}
