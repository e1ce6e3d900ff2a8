// The menu of saved views: open one, keep the grid as it is, change the one that is open.
import { openDialog } from "./dialog.js";
import { fetchJson } from "./dom.js";
import { showMenu } from "./menu.js";
import { toast } from "./toast.js";

const COLUMNS = "name,is_default,is_shared,owner,query,is_mine";

const isYes = (value) => value[1] === "True";

function entry(grid, row) {
  const isOpen = row._id === grid.view;
  const kind = isYes(row.is_mine) ? "list" : "users";
  return {
    title: row.name,
    hint: isYes(row.is_mine) ? "" : row.owner,
    icon: isOpen ? "check" : kind,
    run: () => location.assign(`${grid.config.base}?${new URLSearchParams({ view: row._id })}${row.query && "&"}${row.query}`),
  };
}

/** Show the views that the person has of this panel, below `button`. */
export async function showViews(grid, button) {
  const { config } = grid;
  const { texts, views } = config;
  const query = new URLSearchParams({ panel: config.slug, size: "200", order: "name", columns: COLUMNS });
  let rows;
  try {
    ({ rows } = await fetchJson(`${views}rows/?${query}`));
  } catch (error) {
    toast(error.message || texts.failed, "error");
    return;
  }
  const now = grid.state().toString();
  const open = rows.find((row) => row._id === grid.view && isYes(row.is_mine));
  const entries = [
    { title: texts.all, icon: grid.view ? "filter-off" : "check", run: () => location.assign(`${config.base}?view=`) },
    ...rows.map((row, at) => ({ ...entry(grid, row), isApart: at === 0 })),
    { title: texts.save, icon: "plus", isApart: true, run: () => openDialog(`${views}add/?${new URLSearchParams({ panel: config.slug, query: now })}`) },
  ];
  if (open) entries.push({ title: texts.update.replace("%s", open.name), icon: "edit", run: () => openDialog(`${views}${open._id}/edit/?${new URLSearchParams({ query: now })}`) });
  if (rows.length) entries.push({ title: texts.manage, icon: "settings", run: () => location.assign(`${views}?panel=${config.slug}`) });
  const box = button.getBoundingClientRect();
  showMenu(entries, { x: box.left, y: box.bottom + 2, button, label: texts.views });
}
