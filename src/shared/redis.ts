import type { Cluster, Redis } from "ioredis";
import type { Held, Objection, Registers } from "./port.ts";
import { scriptRunner } from "./run.ts";
import { OBJECT, PROPOSE, READ } from "./scripts.ts";

export interface RedisRegistersDeps {
  readonly client: Redis | Cluster;
  /** Of every key; with a hash tag, so that all are in one slot. */
  readonly prefix: string;
  /** Names a memory that has no name yet. */
  readonly newEpoch: () => string;
}

/** So many registers are kept; each is made by a first move, so a service has far fewer. */
const MAX_REGISTERS = 65_536;
const MAX_OBJECTIONS = 1_000;
const PAGE = 500;

/** The channel on which replicas tell that there is news. */
export function newsChannel(prefix: string): string {
  return `${prefix}shared:news`;
}

/** Registers in Redis. Every verb rejects where Redis is away, or too slow for the client's patience. */
export function redisRegisters({ client, prefix, newEpoch }: RedisRegistersDeps): Registers {
  const run = scriptRunner(client);
  const [meta, held, order, objections] = ["meta", "held", "order", "objections"].map(
    (name) => `${prefix}shared:${name}`,
  );
  const registers = [meta, held, order] as string[];
  const channel = newsChannel(prefix);
  return {
    async propose({ name, id, from, value, ageMs }) {
      const args = [name, id, from, value, Math.round(ageMs), newEpoch(), MAX_REGISTERS, channel];
      const [taken, version, ...rest] = (await run(PROPOSE, registers, args)) as [
        number,
        number,
        string,
        string,
        string,
      ];
      if (taken === 1) return { taken: true, version };
      return { taken: false, held: version === 0 ? null : heldOf([String(version), ...rest]) };
    },
    async read(since) {
      const answer = await run(READ, [...registers, objections as string], [since, PAGE]);
      const [epoch, newest, upTo, flat, objected] = answer as [string, string, string, string[], string[]];
      const changes: (Held & { readonly name: string })[] = [];
      for (let i = 0; i < flat.length; i += 5)
        changes.push({ name: flat[i] as string, ...heldOf(flat.slice(i + 1, i + 5)) });
      return { epoch, newest: Number(newest), upTo: Number(upTo), changes, objections: objected.map(objectionOf) };
    },
    async object(objection, ms) {
      await run(OBJECT, [objections as string], [objection, Math.ceil(ms), MAX_OBJECTIONS, channel]);
    },
  };
}

function heldOf([version, id, ageMs, value]: readonly string[]): Held {
  return { version: Number(version), id: id ?? "", ageMs: Number(ageMs), value: value ?? "" };
}

function objectionOf(text: string): Objection {
  const space = text.indexOf(" ");
  return { replica: text.slice(0, space), about: text.slice(space + 1) };
}
