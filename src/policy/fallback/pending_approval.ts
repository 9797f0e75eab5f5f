import { compileAnswer } from "./body.ts";
import type { Later } from "./later.ts";
import { DELIVERIES_PATH } from "./spool.ts";
import type { FallbackStrategy, SettingsOf } from "./strategy.ts";

const PENDING = { success: true, data: { status: "pending_approval" } };

/** Answers that the matter is open, and leaves the request in the spool, so that the app still gets it. */
export function pendingApproval(settings: SettingsOf<"pending_approval">, later: Later): FallbackStrategy {
  const answer = compileAnswer(settings.status, settings.body ?? PENDING);
  return {
    name: "pending_approval",
    async answer(x) {
      // Made first: a body that can't be made must leave nothing behind.
      const made = answer(x);
      const id = await later.keep(x);
      if (id === null) return null;
      return { ...made, headers: [...made.headers, "Location", `${DELIVERIES_PATH}${id}`], delivery: id };
    },
    withdraw: ({ delivery }) => delivery !== undefined && later.cancel(delivery),
  };
}
