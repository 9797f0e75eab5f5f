import { Agent, request } from "node:http";
import { BODY, type Target } from "./target.ts";

/** What calls at a steady pace saw. */
export interface Paced {
  readonly answered: number;
  /** Without an answer, or with another one than 200. */
  readonly lost: number;
  /** As in `504 × 3`; 0 is no answer. */
  readonly lostAs: string;
  /** From when it should have left to its answer's end. */
  readonly slowestMs: number;
}

const EVERY_MS = 5;

/**
 * Calls a target every 5 ms while `work` is done. It sleeps between the calls, where the open-loop client spins: beside
 * a proxy that has work for both cores of a small machine that one would measure itself.
 */
export async function callWhile(target: Target, work: () => Promise<void>): Promise<Paced> {
  const agent = new Agent({ keepAlive: true });
  const path = target.paths[0]!;
  let answered = 0;
  const lost = new Map<number, number>();
  let slowestMs = 0;
  let done = false;
  const worked = work().finally(() => {
    done = true;
  });
  const calls: Promise<void>[] = [];
  const from = performance.now();
  for (let n = 0; !done; n++) {
    const dueAt = from + n * EVERY_MS;
    const wait = dueAt - performance.now();
    if (wait > 0) await new Promise((resume) => setTimeout(resume, wait));
    calls.push(
      once(agent, target.port, path).then((status) => {
        if (status === 200) answered++;
        else lost.set(status, (lost.get(status) ?? 0) + 1);
        slowestMs = Math.max(slowestMs, performance.now() - dueAt);
      }),
    );
  }
  await worked;
  await Promise.all(calls);
  agent.destroy();
  const lostAs = Array.from(lost, ([status, count]) => `${status} × ${count}`).join(", ");
  return { answered, lost: calls.length - answered, lostAs, slowestMs };
}

/** The status, or 0 where no answer came. */
function once(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(BODY) };
    const req = request({ agent, host: "127.0.0.1", port, path, method: "POST", headers });
    req.on("error", () => resolve(0));
    req.on("response", (res) => {
      res.on("error", () => resolve(0));
      res.on("end", () => resolve(res.statusCode ?? 0));
      res.resume();
    });
    req.end(BODY);
  });
}
