import { number } from "./table.ts";

/** Plots as SVG text, written by hand: light and dark as their reader has it, and no scripts, fonts or links. */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Of several measurements whose median `y` is. */
  readonly min?: number;
  readonly max?: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Axis {
  readonly label: string;
  /** `log`: each factor is as wide as every other; 0 stands one step before the least that is more. */
  readonly scale: "linear" | "log";
  /** Where it begins, if before the first point. */
  readonly from?: number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

export interface Panel {
  /** What is on the upright axis, with its unit; it begins at 0, so that heights compare. */
  readonly label: string;
  readonly series: readonly Series[];
}

/** Panels below each other, over one axis. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly panels: readonly Panel[];
}

const WIDTH = 720;
const PANEL_HEIGHT = 250;
const LEFT = 64;
const RIGHT = 24;
const TITLE_HEIGHT = 32;
/** Of a panel: room for its words above. */
const HEAD = 40;
const FOOT = 48;
const MOST_SERIES = 4;

const STYLE = `text{font:12px system-ui,sans-serif;fill:#3d4450}.title{font-size:15px;font-weight:600;fill:#1b1f24}
.back{fill:#fff}.grid{stroke:#e2e5ea}.axis{stroke:#8b93a1}.line{fill:none;stroke-width:2}
.s0{stroke:#1f6feb}.s1{stroke:#c2410c}.s2{stroke:#0f7b55}.s3{stroke:#8250df}
.f0{fill:#1f6feb}.f1{fill:#c2410c}.f2{fill:#0f7b55}.f3{fill:#8250df}
@media(prefers-color-scheme:dark){text{fill:#b4bcc8}.title{fill:#e6e9ee}.back{fill:#14171c}.grid{stroke:#2a2f37}.axis{stroke:#6b7480}
.s0{stroke:#6ea8fe}.s1{stroke:#fb923c}.s2{stroke:#4ade9c}.s3{stroke:#c4a5ff}
.f0{fill:#6ea8fe}.f1{fill:#fb923c}.f2{fill:#4ade9c}.f3{fill:#c4a5ff}}`;

/** Throws for a plot without a point: it would say that nothing costs nothing. */
export function plot({ title, x, panels }: Plot): string {
  const all = panels.flatMap(({ series }) => series.flatMap(({ points }) => points));
  if (all.length === 0) throw new Error("nothing was measured");
  const across = positions(x.scale, [...all.map((point) => point.x), ...(x.from === undefined ? [] : [x.from])]);
  const height = TITLE_HEIGHT + panels.length * PANEL_HEIGHT + FOOT;
  const bottom = TITLE_HEIGHT + panels.length * PANEL_HEIGHT;
  const ticks = x.ticks.map(({ at, text }) => label(across(at), bottom + 18, text, "middle"));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="${LEFT}" y="26">${escaped(title)}</text>`,
    ...panels.map((panel, i) => panelText(panel, TITLE_HEIGHT + i * PANEL_HEIGHT, across)),
    ...ticks,
    label((LEFT + WIDTH - RIGHT) / 2, bottom + 38, x.label, "middle"),
    "</svg>",
    "",
  ].join("\n");
}

function panelText({ label: what, series }: Panel, top: number, across: (x: number) => number): string {
  if (series.length > MOST_SERIES) throw new Error(`${what}: more than ${MOST_SERIES} lines cannot be told apart`);
  const points = series.flatMap(({ points: own }) => own);
  const { step, most } = scaleTo(Math.max(0, ...points.map(({ y, max = y }) => max)));
  const [high, low] = [top + HEAD, top + PANEL_HEIGHT];
  const up = (y: number): number => low - ((low - high) * y) / most;
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  const lines = Array.from({ length: Math.round(most / step) + 1 }, (_, i) => i * step).flatMap((y) => [
    `<line class="${y === 0 ? "axis" : "grid"}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(up(y))}" y2="${fixed(up(y))}"/>`,
    label(LEFT - 8, up(y) + 4, number(y, digits), "end"),
  ]);
  return [label(LEFT, top + 28, what, "start"), ...lines, ...legend(series, top), ...series.map(lineOf)].join("\n");

  function lineOf({ points: own }: Series, i: number): string {
    const path = own.map((point) => `${fixed(across(point.x))},${fixed(up(point.y))}`).join(" ");
    // Many points are a line; few are points that a line joins.
    const marks = own.length > 40 ? [] : own.map((point) => mark(point, i));
    return [`<polyline class="line s${i}" points="${path}"/>`, ...marks].join("\n");
  }

  function mark({ x, y, min = y, max = y }: Point, i: number): string {
    const at = fixed(across(x));
    const reach =
      min === max ? "" : `<line class="s${i}" x1="${at}" x2="${at}" y1="${fixed(up(min))}" y2="${fixed(up(max))}"/>`;
    return `${reach}<circle class="f${i}" cx="${at}" cy="${fixed(up(y))}" r="3.5"/>`;
  }
}

/** Names of the lines, in their colours, from the right; one alone needs none. */
function legend(series: readonly Series[], top: number): string[] {
  if (series.length < 2) return [];
  let right = WIDTH - RIGHT;
  return series
    .map(({ name }, i) => ({ name, i }))
    .toReversed()
    .map(({ name, i }) => {
      const at = right;
      right -= name.length * 7 + 20;
      return `<text class="f${i}" x="${at}" y="${top + 28}" text-anchor="end">${escaped(name)}</text>`;
    });
}

/** Where on the width each value stands. */
function positions(scale: Axis["scale"], values: readonly number[]): (x: number) => number {
  const least = Math.min(...values.filter((x) => x > 0));
  const place = (x: number): number => (scale === "linear" ? x : x > 0 ? Math.log10(x) : Math.log10(least) - 1);
  const places = values.map(place);
  const [from, to] = [Math.min(...places), Math.max(...places)];
  const wide = WIDTH - LEFT - RIGHT;
  // One value alone stands in the middle. The others keep a little from the edges, for their words.
  return (x) => LEFT + 20 + (wide - 40) * (to === from ? 0.5 : (place(x) - from) / (to - from));
}

/** Four to eight steps of 1, 2 or 5 times a power of ten, the last of which is not below `value`. */
export function scaleTo(value: number): { readonly step: number; readonly most: number } {
  if (!(value > 0)) return { step: 1, most: 4 };
  const rough = value / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return { step, most: step * Math.ceil(value / step - 1e-9) };
}

function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

const fixed = (value: number): string => String(Math.round(value * 10) / 10);

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
