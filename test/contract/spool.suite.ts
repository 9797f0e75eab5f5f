import { describe, onTestFinished } from "vitest";
import type { OpenSpool, Start } from "./spool.rig.ts";
import { answersSuite } from "./spool.suite.answers.ts";
import { boundsSuite } from "./spool.suite.bounds.ts";
import { changeSuite } from "./spool.suite.change.ts";
import { claimSuite } from "./spool.suite.claim.ts";
import { clockSuite } from "./spool.suite.clock.ts";
import { holdSuite } from "./spool.suite.hold.ts";
import { keySuite } from "./spool.suite.key.ts";
import { listSuite } from "./spool.suite.list.ts";
import { orderSuite } from "./spool.suite.order.ts";
import { putSuite } from "./spool.suite.put.ts";
import { randomSuite } from "./spool.suite.random.ts";
import { settleSuite } from "./spool.suite.settle.ts";
import { surveySuite } from "./spool.suite.survey.ts";
import { sweepSuite } from "./spool.suite.sweep.ts";
import { verifySuite } from "./spool.suite.verify.ts";

/** What every driver of the port has to keep. It knows nothing of a driver but how to open it. */
export function describeSpool(name: string, open: OpenSpool): void {
  const start: Start = async (options = {}) => {
    const opened = await open(options);
    onTestFinished(() => opened.close());
    return opened;
  };
  describe(name, () => {
    describe("put", () => putSuite(start));
    describe("idempotency keys", () => keySuite(start));
    describe("claim", () => claimSuite(start));
    describe("settle", () => settleSuite(start));
    describe("order keys", () => orderSuite(start));
    describe("verify", () => verifySuite(start));
    describe("hold, and after a kill", () => holdSuite(start));
    describe("change", () => changeSuite(start));
    describe("find and list", () => listSuite(start));
    describe("sweep", () => sweepSuite(start));
    describe("bounds", () => boundsSuite(start));
    describe("survey", () => surveySuite(start));
    describe("the clock", () => clockSuite(start));
    describe("answers", () => answersSuite(start));
    describe("any sequence of verbs", () => randomSuite(open));
  });
}
