import { compileAnswer } from "./body.ts";
import type { FallbackStrategy, SettingsOf } from "./strategy.ts";

const PENDING = { success: true, data: { status: "pending_approval" } };

/**
 * Answers that the matter is open. The app does not get the request later until there is a spool: the field
 * `Outrigger-Spooled: ?0` (a boolean of RFC 9651) says so to the caller, who may then send it again.
 */
export function pendingApproval(settings: SettingsOf<"pending_approval">): FallbackStrategy {
  const answer = compileAnswer(settings.status, settings.body ?? PENDING);
  return {
    name: "pending_approval",
    answer(x) {
      const made = answer(x);
      return { ...made, headers: [...made.headers, "Outrigger-Spooled", "?0"] };
    },
  };
}
