import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import type { Target } from "../lib/target.ts";
import { serve } from "./ours.ts";

/** What the program that holds slow connections is told. */
export interface SlowOptions {
  readonly port: number;
  /** Where heads and bodies go, and where a caller gets more than it reads. */
  readonly path: string;
  readonly large: string;
  readonly heads: number;
  readonly bodies: number;
  readonly readers: number;
}

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
export const PATHS = { path: "/bench/answer", large: "/bench/large" };

/** Outrigger with a route for the load, and one whose answers are larger than what a kernel takes. */
export async function startOursSlow(bench: Bench, upstreamPort: number): Promise<Target> {
  const app = bench.procs.start("app of large answers", process.execPath, [program("./large.program.ts")]);
  const largePort = await app.line((line) => (JSON.parse(line) as { readonly port: number }).port);
  const folder = bench.folder("slow");
  const file = join(folder, "outrigger.yaml");
  writeFileSync(
    file,
    `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(join(folder, "data"))}
apps:
  bench: { owner: bench@quiz.example, url: "http://127.0.0.1:${upstreamPort}", webhooks: { answer: /webhooks/answer } }
  large:
    owner: bench@quiz.example
    url: "http://127.0.0.1:${largePort}"
    webhooks: { large: { mode: passthrough, path: /, match: { path: ${PATHS.large} } } }
`,
  );
  const { proc, proxy } = await serve(bench, "outrigger", file);
  return { name: "outrigger", port: proxy, paths: [PATHS.path], pid: proc.pid, stop: proc.stop };
}

/** Opens so many slow connections and keeps their number, until it is stopped. */
export async function holdSlow(
  bench: Bench,
  port: number,
  counts: Pick<SlowOptions, "heads" | "bodies" | "readers">,
): Promise<{ stop(): Promise<void> }> {
  const options: SlowOptions = { port, ...PATHS, ...counts };
  const proc = bench.procs.start("slow callers", process.execPath, [
    program("./slow.program.ts"),
    JSON.stringify(options),
  ]);
  await proc.line((line) => (JSON.parse(line) as { readonly held: number }).held);
  return proc;
}
