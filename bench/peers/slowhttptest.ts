import { stripVTControlCharacters } from "node:util";
import type { Bench } from "../lib/bench.ts";
import { nativeVersion } from "../lib/native.ts";
import { PATHS } from "./ours.slow.ts";

/** The best known program that holds slow connections: what it takes for an attack is not of our making. */
export const slowHttpTestVersion = (): string | null => nativeVersion("slowhttptest", ["-h"], /version (\S+)/);

/** Its modes: heads that never end, bodies that never end, answers of which a byte is read each second. */
export type SlowAttack = "heads" | "bodies" | "readers";

const HELD = 1000;
/** A few of them are always between an end by us and the next. */
const ENOUGH = 900;
/** Longer than any pair takes: it is ended before. */
const SECONDS = 300;

const MODES: Readonly<Record<SlowAttack, readonly string[]>> = {
  // It opens none again, and heads are ended after 10 s: so a hundred are opened each second, in place of these.
  heads: ["-H", "-r", String(HELD / 10), "-c", String(HELD * 6), "-u"],
  bodies: ["-B", "-r", "500", "-c", String(HELD), "-s", "8192", "-u"],
  readers: ["-X", "-r", "500", "-c", String(HELD), "-w", "1", "-y", "64", "-n", "1", "-z", "1", "-u"],
};

/** Resolves once it says that about a thousand connections are open. */
export async function holdBySlowHttpTest(
  bench: Bench,
  port: number,
  attack: SlowAttack,
): Promise<{ stop(): Promise<void> }> {
  const path = attack === "readers" ? PATHS.large : PATHS.path;
  const common = ["-i", "1", "-x", "16", "-l", String(SECONDS), "-p", "3", "-v", "1"];
  const args = [...common, ...MODES[attack], `http://127.0.0.1:${port}${path}`];
  const proc = bench.procs.start(`slowhttptest of ${attack}`, "slowhttptest", args);
  await proc.line((line) => {
    const [, connected] = /^connected:\s+(\d+)/.exec(stripVTControlCharacters(line)) ?? [];
    return Number(connected) >= ENOUGH ? connected : null;
  });
  return proc;
}
