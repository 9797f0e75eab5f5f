import type { VNode } from "preact";
import { duration } from "../core/format.ts";
import { causeText } from "../core/health.ts";
import { html } from "../core/html.ts";
import { aboutApp, useResource } from "../core/resource.ts";
import { apiPath } from "../core/router.ts";
import type { Part } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";

interface Move {
  readonly id: number;
  readonly at: string;
  readonly kind: "failover" | "failback";
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string;
  readonly by: string | null;
  readonly duration_ms: number;
}

const COLUMNS: readonly Column<Move>[] = [
  { name: "When", cell: ({ at }) => html`<${Time} at=${at} />` },
  { name: "Move", cell: ({ kind }) => kind },
  { name: "From → to", cell: ({ from, to }) => html`${from ?? "nobody"} → <strong>${to ?? "nobody"}</strong>` },
  { name: "Why", grow: true, cell: ({ reason, by }) => (by === null ? causeText(reason) : `${by} said so`) },
  {
    name: "Noticed in",
    number: true,
    wide: true,
    cell: ({ kind, duration_ms: ms }) => (kind === "failover" ? duration(ms) : "–"),
  },
];

/** Where the traffic went, and why. */
export function AppMoves({ app }: { app: string }): VNode {
  const failover = useResource<{ moves: Part<Move> }>(`${apiPath("failover", app)}?limit=20`, aboutApp(app));
  return html`<${Panel} title="Moves of traffic">
    <${Loaded} of=${failover} what="history of moves">
      ${({ moves }: { moves: Part<Move> }) =>
        moves.items.length === 0
          ? html`<${Empty} title="It has always been where it is" hint="Each move of the traffic is listed here, with its reason." />`
          : html`<${Table} label="Moves of traffic" columns=${COLUMNS} items=${moves.items} keyOf=${(move: Move) => String(move.id)} />`}
    <//>
  <//>`;
}
