// Builds web/dist: scripts and styles in one file each, and the icons as one SVG sprite. No source maps: Django's hashed
// static files would want to find them.
import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";

const out = new URL("./dist/", import.meta.url).pathname;
const here = new URL("./", import.meta.url).pathname;

async function sprite() {
  const names = (await readdir(`${here}src/icons`)).filter((name) => name.endsWith(".svg")).sort();
  const symbols = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(`${here}src/icons/${name}`, "utf8");
      const inside = text.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>[\s\S]*$/, "");
      const paths = inside.replace(/<path stroke="none"[^>]*\/>/g, "").replace(/\s*\n\s*/g, "");
      return `<symbol id="${name.slice(0, -4)}" viewBox="0 0 24 24">${paths}</symbol>`;
    }),
  );
  await writeFile(`${out}icons.svg`, `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ["src/portal.js", "src/portal.css", "src/fonts.css", "src/theme.js"],
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome109", "firefox115"],
  legalComments: "none",
  logLevel: "warning",
});
await sprite();
await copyFile(`${here}src/favicon.svg`, `${out}favicon.svg`);
await copyFile(`${here}node_modules/@fontsource-variable/inter/LICENSE`, `${out}fonts/LICENSE`);
