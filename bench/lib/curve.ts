import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Bench, ReportPart } from "./bench.ts";
import { plot } from "./plot.ts";
import { type Spread, spread } from "./statistics.ts";
import { number } from "./table.ts";

/** What something costs as one thing grows: a row of measurements, and a picture of it. */
export interface Curve {
  /** Of the picture's file, and on the command line. */
  readonly name: string;
  readonly title: string;
  /** What grows, and how a value of it is written. */
  readonly along: { readonly label: string; readonly text: (value: number) => string };
  readonly values: { readonly short: readonly number[]; readonly usual: readonly number[] };
  readonly panels: readonly { readonly label: string; readonly lines: readonly string[] }[];
  /** Starts all that is to be measured; what it returns measures one value, and answers with a figure for each line of each panel. */
  open(bench: Bench, values: readonly number[]): Promise<(value: number) => Promise<readonly number[]>>;
}

export interface Drawn {
  readonly part: ReportPart;
  readonly figures: { readonly name: string; readonly values: readonly number[]; readonly found: readonly Spread[][] };
}

const FOLDER = new URL("../../docs/curves/", import.meta.url);

/**
 * Measures all values in turn, as often as there are pairs, so that a noisy minute hurts all alike, after a round that
 * warms up; and draws the medians with their least and greatest.
 */
export async function draw(bench: Bench, curve: Curve): Promise<Drawn> {
  const { short, pairs } = bench.options;
  const values = short ? curve.values.short : curve.values.usual;
  const measure = await curve.open(bench, values);
  const rounds = values.map((): (readonly number[])[] => []);
  for (let round = 0; round <= pairs; round++) {
    for (const [i, value] of values.entries()) {
      const figures = await measure(value);
      const when = round === 0 ? "warm-up" : `round ${round} of ${pairs}`;
      const said = figures.map((figure) => number(figure, 1)).join(", ");
      bench.say(`${when}: ${curve.name} ${curve.along.text(value)}: ${said}`);
      if (round > 0) rounds[i]!.push(figures);
    }
  }
  const lines = curve.panels.flatMap((panel) => panel.lines);
  const found = rounds.map((runs) => lines.map((_, line) => spread(runs.map((figures) => figures[line]!))));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileURLToPath(new URL(`${curve.name}.svg`, FOLDER)), drawing(curve, values, found));
  const rows = values.map((value, i) => [
    curve.along.text(value),
    ...found[i]!.map(({ median, min, max }) => [median, min, max].map((figure) => number(figure, 1)).join(" / ")),
  ]);
  const units = curve.panels.flatMap((panel) => panel.lines.map((line) => `${line}: ${panel.label}`));
  return {
    part: { caption: `${curve.title} (median / min / max)`, table: { head: [curve.along.label, ...units], rows } },
    figures: { name: curve.name, values, found },
  };
}

/** The picture of what was found: for each value a figure for each line of each panel. */
export function drawing(
  { title, along, panels }: Pick<Curve, "title" | "along" | "panels">,
  values: readonly number[],
  found: readonly (readonly Spread[])[],
): string {
  let next = 0;
  return plot({
    title,
    x: { label: along.label, scale: "log", ticks: values.map((at) => ({ at, text: along.text(at) })) },
    panels: panels.map(({ label, lines }) => {
      const first = next;
      next += lines.length;
      const series = lines.map((name, line) => ({
        name,
        points: values.map((x, i) => {
          const { median, min, max } = found[i]![first + line]!;
          return { x, y: median, min, max };
        }),
      }));
      return { label, series };
    }),
  });
}
