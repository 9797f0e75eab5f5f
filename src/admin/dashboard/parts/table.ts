import type { ComponentChildren, VNode } from "preact";
import { html } from "../core/html.ts";

export interface Column<T> {
  readonly name: string;
  readonly cell: (item: T) => ComponentChildren;
  /** Numbers stand right, so that they can be compared. */
  readonly number?: boolean;
  /** Left out where there is no room for it. */
  readonly wide?: boolean;
  /** Takes what room is left, and is cut where that is too little. */
  readonly grow?: boolean;
}

/** A table that scrolls in itself, so that the page does not. */
export function Table<T>(props: {
  label: string;
  columns: readonly Column<T>[];
  items: readonly T[];
  keyOf: (item: T) => string;
}): VNode {
  const classOf = ({ number, wide, grow }: Column<T>): string =>
    [number && "number", wide && "wide", grow && "grow"].filter(Boolean).join(" ");
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${props.label}>
    <table>
      <thead>
        <tr>${props.columns.map((column) => html`<th key=${column.name} scope="col" class=${classOf(column)}>${column.name}</th>`)}</tr>
      </thead>
      <tbody>
        ${props.items.map(
          (item) =>
            html`<tr key=${props.keyOf(item)}>
              ${props.columns.map((column) => html`<td key=${column.name} class=${classOf(column)}>${column.cell(item)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
