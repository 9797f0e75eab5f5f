import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { torture } from "./command.ts";

/** The whole harness against a fake sidecar: it passes one that is right, and catches each way of being wrong. */

const FAKE = fileURLToPath(new URL("./fake/sidecar.program.ts", import.meta.url));
/** Processes are started by the dozen, beside other tests. */
const PATIENCE_MS = 240_000;

test("a sidecar that keeps its promises passes, whatever is done to it", { timeout: PATIENCE_MS }, async () => {
  const { code, stdout, stderr } = await torture("--short", "--only", "kill,disk", "--script", FAKE);
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toContain("nothing was broken");
});

test.for([
  { bug: "forget", kind: "lost", does: "acknowledges before it has written" },
  { bug: "disorder", kind: "order", does: "does not wait for the one before of the same key" },
  { bug: "repeat", kind: "duplicate", does: "sends again what was answered well" },
  { bug: "mix", kind: "mixed", does: "sends a job with another's body" },
])("one that $does is caught", { timeout: PATIENCE_MS }, async ({ bug, kind }) => {
  const { code, stdout, stderr } = await torture(
    "--short",
    "--only",
    "kill",
    "--kills",
    "3",
    "--script",
    FAKE,
    "--",
    bug,
  );
  expect(code, `${stdout}\n${stderr}`).toBe(1);
  expect(stdout).toMatch(new RegExp(`^kill: ${kind}, \\d+ times$`, "m"));
  const kept = /are kept in (\S+)/.exec(stdout)?.[1] ?? "";
  expect(kept).toContain("outrigger-torture-kill-");
  rmSync(kept, { recursive: true });
});
