import { sleep } from "../../core/clock.ts";
import type { Stage } from "./chapter.ts";
import type { ToyApp } from "./toy.ts";

const TRIES = 10;
const PAUSE_MS = 100;

/** The toy app anew, at its old port, which the manifest names. */
export async function toyAppAgain(stage: Stage, secret: string, port: number): Promise<ToyApp> {
  for (let tries = 1; ; tries++) {
    try {
      return await stage.toyApp(secret, port);
    } catch (error) {
      // Somebody's outgoing connection may hold the port for a moment.
      if (tries === TRIES) throw error;
      await sleep(stage.clock, PAUSE_MS);
    }
  }
}
