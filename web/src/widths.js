// How wide the columns of a grid are: as wide as what is in them, cut where room is short.
const MOST_WIDTH = 300; // longer texts are cut and shown whole when pointed at
const LEAST_WIDTH = { text: 92, list: 92, choice: 80, code: 128 }; // of texts that are shortened where room is short

const pen = document.createElement("canvas").getContext("2d");

function textWidth(text, font) {
  pen.font = font;
  return pen.measureText(text).width;
}

const FIGURES = /[0-9]/g;

const FIRST_WIDTH = 168; // a row is known by its first column

/** Return how wide a column must be at least and for these values, in pixels: [least, wanted]. */
export function widthsOf(column, values, isFirst, family) {
  const title = textWidth(column.title, `600 12px ${family}`) + (column.order ? 15 : 0);
  const filter = Array.isArray(column.filter) || column.filter === "bool" ? 58 : 36;
  const extra = (isFirst ? 21 : 0) + (column.kind === "status" ? 16 : 0) + (column.kind === "money" ? 29 : 0);
  const least = Math.ceil(Math.max(title, filter) + 15);
  let longest = 0;
  for (const value of values) {
    const text = (Array.isArray(value) ? value[0] : String(value ?? "")).replace(FIGURES, "0"); // all figures are as wide
    longest = Math.max(longest, column.kind === "bool" ? 16 : textWidth(text, `12.5px ${family}`));
  }
  const wanted = Math.max(least, Math.ceil(Math.min(longest + extra, MOST_WIDTH) + 17));
  const shortened = isFirst && column.kind === "text" ? FIRST_WIDTH : LEAST_WIDTH[column.kind];
  return [shortened ? Math.min(wanted, Math.max(least, shortened)) : wanted, wanted];
}

/** Return how many of the columns fit whole when all are as narrow as they may be. */
function visibleOf(pairs, room) {
  let sum = 0;
  const first = pairs.findIndex(([least]) => (sum += least) > room);
  return first === -1 ? pairs.length : Math.max(1, first);
}

/**
 * Return widths that fill `room`: spare room by shares; what is missing is taken from long texts, down to their least.
 * Columns for which there is no room at all come after it, where one scrolls to.
 */
export function fitted(pairs, shares, room) {
  const visible = visibleOf(pairs, room);
  if (visible === pairs.length) return filled(pairs, shares, room);
  const rest = pairs.slice(visible).map(([, width]) => width);
  return [...filled(pairs.slice(0, visible), shares.slice(0, visible), room), ...rest];
}

function filled(pairs, shares, room) {
  const wanted = pairs.map(([, width]) => width);
  const spare = room - wanted.reduce((sum, width) => sum + width, 0);
  if (spare >= 0) {
    const all = shares.reduce((sum, share) => sum + share, 0);
    return wanted.map((width, index) => width + Math.floor((spare * shares[index]) / all));
  }
  const slack = pairs.map(([least, width]) => width - least);
  const most = slack.reduce((sum, one) => sum + one, 0);
  const part = most ? Math.min(1, -spare / most) : 0;
  return wanted.map((width, index) => width - Math.floor(slack[index] * part));
}
