import type { Seal } from "../../core/seal.ts";
import type { AnswerStore } from "../../spool/port.ts";
import { num, text } from "./read.ts";
import type { Arg, Reply, ScriptName } from "./scripts.ts";

type Ask = (name: ScriptName, args: readonly Arg[]) => Promise<readonly Reply[]>;

/** Answers of synchronous routes, by route and key. */
export function answerStore(ask: Ask, seal: Seal): AnswerStore {
  return {
    async recall({ app, capability }, hash) {
      const [, bodyHash, status, headers, outcome, body] = await ask("recall", [`${app}/${capability}`, hash]);
      if (bodyHash === undefined) return null;
      const own = openHeaders(text(headers), seal);
      if (own === null || !Buffer.isBuffer(body)) return null;
      return { status: num(status), headers: own, body, outcome: text(outcome), bodyHash: text(bodyHash) };
    },
    async remember({ app, capability }, { hash, bodyHash, ttlMs }, { status, headers, body, outcome }) {
      const sealed = JSON.stringify(seal.close(headers));
      // Copied, since it is written later.
      const args = [
        `${app}/${capability}`,
        hash,
        bodyHash,
        Math.ceil(ttlMs),
        status,
        sealed,
        outcome,
        Buffer.from(body),
      ];
      await ask("remember", args);
    },
  };
}

/** Null where none of the keys opens them: then the answer is as good as forgotten. */
export function openHeaders(json: string, seal: Seal): string[] | null {
  const { headers, sealed } = JSON.parse(json) as ReturnType<Seal["close"]>;
  try {
    return seal.open(headers, sealed);
  } catch {
    return null;
  }
}
