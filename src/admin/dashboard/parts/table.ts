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

/**
 * A table that scrolls in itself, so that the page does not; on a phone each row is a card. The roles are what the
 * elements have anyway, but lose where the style sheet lays them out otherwise.
 */
export function Table<T>(props: {
  label: string;
  columns: readonly Column<T>[];
  items: readonly T[];
  keyOf: (item: T) => string;
}): VNode {
  const classOf = ({ number, wide, grow }: Column<T>): string =>
    [number && "number", wide && "wide", grow && "grow"].filter(Boolean).join(" ");
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${props.label}>
    <table role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${props.columns.map((column) => html`<th key=${column.name} role="columnheader" scope="col" class=${classOf(column)}>${column.name}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${props.items.map(
          (item) =>
            html`<tr key=${props.keyOf(item)} role="row">
              ${props.columns.map((column) => html`<td key=${column.name} role="cell" data-name=${column.name} class=${classOf(column)}><div>${column.cell(item)}</div></td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
