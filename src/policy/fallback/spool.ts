import type { Later } from "./later.ts";
import type { FallbackStrategy } from "./strategy.ts";

/** Where the state of a delivery is told to its caller. */
export const DELIVERIES_PATH = "/.outrigger/deliveries/";

/** Queues the request and says so, as an asynchronous route would: the call degrades instead of failing. */
export function spoolIt(later: Later): FallbackStrategy {
  return {
    name: "spool",
    async answer(x) {
      const id = await later.keep(x);
      if (id === null) return null;
      const { status, headers, body } = queuedAnswer(id, false);
      return { status, headers, body: Buffer.from(body), delivery: id };
    },
    withdraw: ({ delivery }) => delivery !== undefined && later.cancel(delivery),
  };
}

/** 202 with the delivery's id, and where its state is told. */
export function queuedAnswer(id: string, duplicate: boolean): { status: number; headers: string[]; body: string } {
  return {
    status: 202,
    headers: ["Content-Type", "application/json", "Location", `${DELIVERIES_PATH}${id}`],
    // ASCII, so that its length is that of its bytes.
    body: `{"id":"${id}","status":"queued","duplicate":${duplicate}}`,
  };
}
