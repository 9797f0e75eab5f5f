import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";

/**
 * Draws docs/demo.svg: what a run of the demo printed, less the chapters that a reader of the README can do without.
 * `npm run recording`
 */

const SHOWN = ["3. The app hangs", "5. The app is dead", "What the callers saw", "Every promise was kept."];
const COLUMNS = 84;
const LINE_PX = 18;
const CHAR_PX = 7.83;
const EDGE_PX = 20;

const demo = spawn("npm", ["run", "-s", "demo", "--", "--once"], { stdio: ["ignore", "pipe", "inherit"] });
const [printed, code] = await Promise.all([
  text(demo.stdout),
  new Promise<number | null>((resolve) => void demo.on("close", resolve)),
]);
if (code !== 0) throw new Error(`the demo ended with ${code}:\n${printed}`);

const [opening = "", ...chapters] = printed.trimEnd().split(/\n\n(?=\S)/);
const shown = chapters.filter((chapter) => SHOWN.some((start) => chapter.startsWith(start)));
if (shown.length !== SHOWN.length) throw new Error(`the demo no longer has all of: ${SHOWN.join(", ")}`);
const lines = [
  "$ npm run demo -- --once",
  "",
  opening.split("\n")[0] ?? "",
  "…",
  "",
  ...shown.join("\n\n").split("\n"),
];

const escaped = (line: string): string =>
  line.slice(0, COLUMNS).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** A heading stands at the left edge. */
const look = (line: string): string => (line.startsWith("$") ? "dim" : /^\S/.test(line) ? "head" : "text");
const drawn = lines.map(
  (line, i) => `<text class="${look(line)}" x="${EDGE_PX}" y="${EDGE_PX + 14 + i * LINE_PX}">${escaped(line)}</text>`,
);
const width = Math.ceil(COLUMNS * CHAR_PX + 2 * EDGE_PX);
const height = lines.length * LINE_PX + 2 * EDGE_PX;

writeFileSync(
  "docs/demo.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>npm run demo -- --once</title>
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #c9d1d9; }
.head { fill: #ffffff; font-weight: 600; }
.dim { fill: #8b949e; }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${drawn.join("\n")}
</svg>
`,
);
