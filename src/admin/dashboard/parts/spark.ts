import type { VNode } from "preact";
import { html } from "../core/html.ts";

const WIDTH = 120;
const HEIGHT = 28;

/** A line without axes: how it went, at a glance. `bad` are parts of each value, drawn over it. */
export function Spark(props: { values: readonly number[]; bad?: readonly number[]; label: string }): VNode {
  const { values, bad, label } = props;
  const max = Math.max(1, ...values);
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} role="img" aria-label=${label}>
    <title>${label}</title>
    <path class="area" d=${areaOf(values, max)} />
    ${bad?.some((n) => n > 0) && html`<path class="area bad" d=${areaOf(bad, max)} />`}
  </svg>`;
}

function areaOf(values: readonly number[], max: number): string {
  if (values.length === 0) return "";
  const step = WIDTH / values.length;
  const tops = values.map((value, i) => {
    const y = (HEIGHT - (value / max) * (HEIGHT - 2)).toFixed(1);
    return `L${(i * step).toFixed(1)} ${y}L${((i + 1) * step).toFixed(1)} ${y}`;
  });
  return `M0 ${HEIGHT}${tops.join("")}L${WIDTH} ${HEIGHT}Z`;
}
