import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { absolute } from "../core/format.ts";
import { html } from "../core/html.ts";

export interface Line {
  readonly name: string;
  /** A custom property of the style sheet, as in `--bad`. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly filled?: boolean;
  readonly dashed?: boolean;
}

const HEIGHT = 200;

/** Lines over time. `at` holds the beginning of each step, in Unix milliseconds. `label` says it to who sees none. */
export function Chart(props: {
  at: readonly number[];
  lines: readonly Line[];
  label: string;
  format: (value: number) => string;
}): VNode {
  const { at, lines, label, format } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = lines.map(({ name }) => name).join();
  const data = [at.map((ms) => ms / 1000), ...lines.map(({ values }) => [...values])] as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(lines, current.clientWidth, format), latest.current, current);
    };
    draw();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    const size = new ResizeObserver(() => plot.current?.setSize({ width: current.clientWidth, height: HEIGHT }));
    size.observe(current);
    return () => {
      size.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [at, lines]);
  return html`<figure class="chart">
    <div ref=${box} role="img" aria-label=${label}></div>
  </figure>`;
}

function optionsOf(lines: readonly Line[], width: number, format: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => resolved(style.getPropertyValue(name));
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, values: clockTexts },
      { ...axis, size: 64, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      { value: (_plot, at) => (at === null ? "–" : absolute(at * 1000)) },
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false, size: 5, filter: alone },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : format(value)),
        ...(line.filled && { fill: `${colour(line.colour)}33` }),
        ...(line.dashed && { dash: [5, 4] }),
      })),
    ],
  };
}

/** A value between two gaps is no line: it gets a dot. */
function alone(plot: uPlot, series: number): number[] | null {
  const values = plot.data[series] ?? [];
  const has = (i: number): boolean => values[i] !== null && values[i] !== undefined;
  const found = Array.from(values.keys()).filter((i) => has(i) && !has(i - 1) && !has(i + 1));
  return found.length > 0 ? found : null;
}

const DAY_S = 86_400;
const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** `17:40`, or `25 Nov` where the marks are days apart. */
function clockTexts(_plot: uPlot, marks: readonly number[]): string[] {
  const apart = (marks[1] ?? 0) - (marks[0] ?? 0);
  return marks.map((s) => (apart >= DAY_S ? days : hours).format(s * 1000));
}

/** A canvas does not know `light-dark()`: what the sheet says becomes the colour that is meant now. */
function resolved(text: string): string {
  const [, light = text, dark = text] = /^light-dark\((#\w+),\s*(#\w+)\)$/.exec(text.trim()) ?? [];
  return matchMedia("(prefers-color-scheme: dark)").matches ? dark : light;
}
