import { expect, test } from "vitest";
import { withoutRedis } from "../help/redis.ts";
import { torture } from "./command.ts";

/** The short form of `npm run torture`: zero lost, duplicates only of what was in flight at a kill, order by key. */

/** It takes seconds where it is alone. What the machine takes from it is no failure. */
const PATIENCE_MS = 300_000;

test.for([
  { name: "kill", what: "killed with SIGKILL at random moments" },
  { name: "disk", what: "with its disk full" },
  { name: "clock", what: "with the clock set back and forward an hour" },
  { name: "thread", what: "with its storage thread dying" },
  { name: "replicas", what: "by three sidecars on one Redis, each of which is killed, and the wires between cut" },
])(
  "nothing acknowledged is lost, repeated without cause or out of order: $what",
  { timeout: PATIENCE_MS },
  async ({ name }, { skip }) => {
    if (name === "replicas") skip(withoutRedis, "redis-server is not installed");
    const { code, stdout, stderr } = await torture("--short", "--only", name);
    process.stdout.write(stdout);
    expect(code, `${stdout}\n${stderr}`).toBe(0);
  },
);
