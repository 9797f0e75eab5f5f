import { stripVTControlCharacters } from "node:util";
import type { Bench } from "../lib/bench.ts";
import { nativeVersion } from "../lib/native.ts";
import { PATHS } from "./ours.slow.ts";

/** The best known program that holds slow connections: what it takes for an attack is not of our making. */
export const slowHttpTestVersion = (): string | null => nativeVersion("slowhttptest", ["-h"], /version (\S+)/);

/** Its modes: heads that never end, bodies that never end, answers of which a byte is read each second. */
export type SlowAttack = "heads" | "bodies" | "readers";

/** Longer than any pair takes: it is ended before. */
const SECONDS = 300;

const MODES: Readonly<Record<SlowAttack, { readonly held: number; readonly args: readonly string[] }>> = {
  // It opens none again, and heads are ended after 10 s: so more are opened each second, in place of those.
  heads: { held: 1000, args: ["-H", "-r", "125", "-c", "6000"] },
  bodies: { held: 1000, args: ["-B", "-r", "500", "-c", "1000", "-s", "8192"] },
  // More of them would have the kernel hold more unread bytes than all its TCP may (tcp_mem), and then all wait alike.
  readers: { held: 200, args: ["-X", "-r", "500", "-c", "200", "-w", "1", "-y", "64", "-n", "1", "-z", "1"] },
};

/** Resolves once it says that about as many connections are open: a few are always between an end by us and the next. */
export async function holdBySlowHttpTest(
  bench: Bench,
  port: number,
  attack: SlowAttack,
): Promise<{ stop(): Promise<void> }> {
  const path = attack === "readers" ? PATHS.large : PATHS.path;
  const common = ["-i", "1", "-x", "16", "-l", String(SECONDS), "-p", "3", "-v", "1"];
  const { held, args } = MODES[attack];
  const url = `http://127.0.0.1:${port}${path}`;
  const proc = bench.procs.start(`slowhttptest of ${attack}`, "slowhttptest", [...args, ...common, "-u", url]);
  await proc.line((line) => {
    const [, connected] = /^connected:\s+(\d+)/.exec(stripVTControlCharacters(line)) ?? [];
    return Number(connected) >= held * 0.9 ? connected : null;
  });
  return proc;
}
