// Runs before the first paint: light or dark as the person has chosen, else as the system prefers, also when that changes.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = root.dataset.theme;
const isDark = () => chosen === "dark" || (chosen !== "light" && dark.matches);
const apply = () => root.setAttribute("data-bs-theme", isDark() ? "dark" : "light");
dark.addEventListener("change", apply);
apply();
