import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a function, or a part, took of the time looked at. */
export interface Share {
  readonly name: string;
  /** In itself, and with all it called (synchronously). Microseconds. */
  readonly selfUs: number;
  readonly totalUs: number;
  /** Of this project, and not of a package or the runtime. */
  readonly ours: boolean;
}

export interface ProfileSummary {
  /** All but idle. */
  readonly busyUs: number;
  /** Folders, packages and the runtime; most expensive first. */
  readonly parts: readonly Share[];
  readonly functions: readonly Share[];
}

/** V8's format, as `--cpu-prof` writes it. Times in microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const KEPT_IN = "profiles";
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** Sums up the main thread's profile in `folder`, between two moments of the monotonic clock. */
export function readProfile(folder: string, fromUs: number, toUs: number): ProfileSummary {
  // Under load the main thread is the busy one.
  const busiest = readProfiles(folder, fromUs, toUs)[0];
  if (busiest === undefined) throw new Error("the process left no profile");
  return busiest;
}

/** The same of each thread, the busiest first. */
export function readProfiles(folder: string, fromUs: number, toUs: number): ProfileSummary[] {
  return profilesIn(folder)
    .map((file) => summarizeFile(file, fromUs, toUs))
    .toSorted((a, b) => b.busyUs - a.busyUs);
}

/** Requests are answered in one thread, and files written in the other. */
export function threadOf({ parts }: ProfileSummary): "main" | "storage" {
  return parts.some((part) => part.name === "src/proxy") ? "main" : "storage";
}

/** Copies the profiles to `profiles/` of the checkout, for whoever wants to open them, and returns what they are called. */
export function keepProfiles(folder: string, name: string, fromUs: number, toUs: number): string[] {
  mkdirSync(join(PROJECT, KEPT_IN), { recursive: true });
  return profilesIn(folder).map((file) => {
    const kept = `${KEPT_IN}/${name}-${threadOf(summarizeFile(file, fromUs, toUs))}.cpuprofile`;
    copyFileSync(file, join(PROJECT, kept));
    return kept;
  });
}

export function keptNote(kept: readonly string[]): string {
  return `Whole, for a browser's developer tools: ${kept.join(", ")}.`;
}

function profilesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".cpuprofile"))
    .map((name) => join(folder, name));
}

function summarizeFile(file: string, fromUs: number, toUs: number): ProfileSummary {
  return summarizeProfile(JSON.parse(readFileSync(file, "utf8")) as CpuProfile, fromUs, toUs);
}

export function summarizeProfile(profile: CpuProfile, fromUs: number, toUs: number): ProfileSummary {
  const self = selfTimes(profile, fromUs, toUs);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parts = new Sums();
  const functions = new Sums();
  let busyUs = 0;

  const visit = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id)!;
    const { functionName, url, lineNumber } = node.callFrame;
    if (functionName === "(idle)") return 0;
    const file = shorten(url);
    const name =
      file === "" ? functionName || "(native)" : `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}`;
    const part = partOf(file, functionName);
    const ours = file.startsWith("src/") || file.startsWith("bench/");
    const own = self.get(id) ?? 0;
    busyUs += own;
    const within = new Set(above).add(name).add(part);
    let total = own;
    for (const child of node.children ?? []) total += visit(child, within);
    // A function that calls itself, or a part that calls itself, counts what is below once.
    functions.add(name, ours, own, above.has(name) ? 0 : total);
    parts.add(part, ours, own, above.has(part) ? 0 : total);
    return total;
  };
  const root = profile.nodes[0];
  if (root !== undefined) visit(root.id, new Set());
  return { busyUs, parts: parts.sorted(), functions: functions.sorted() };
}

function selfTimes(profile: CpuProfile, fromUs: number, toUs: number): Map<number, number> {
  const self = new Map<number, number>();
  let now = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    now += profile.timeDeltas[i] ?? 0;
    if (now < fromUs || now > toUs) continue;
    // A sample stands for the time until the next one.
    self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas[i + 1] ?? 0));
  }
  return self;
}

class Sums {
  readonly #all = new Map<string, { name: string; ours: boolean; selfUs: number; totalUs: number }>();

  add(name: string, ours: boolean, selfUs: number, totalUs: number): void {
    const sum = this.#all.get(name) ?? { name, ours, selfUs: 0, totalUs: 0 };
    sum.selfUs += selfUs;
    sum.totalUs += totalUs;
    this.#all.set(name, sum);
  }

  sorted(): Share[] {
    return [...this.#all.values()].filter(({ totalUs }) => totalUs > 0).sort((a, b) => b.selfUs - a.selfUs);
  }
}

/** `src/proxy/sync.ts`, `undici/lib/…`, `node:net`: no paths of the machine. */
function shorten(url: string): string {
  const path = url.startsWith("file://") ? fileURLToPath(url) : url;
  const module = path.lastIndexOf("/node_modules/");
  if (module >= 0) return path.slice(module + "/node_modules/".length);
  return path.startsWith(PROJECT) ? path.slice(PROJECT.length) : path;
}

function partOf(file: string, functionName: string): string {
  if (file === "") return functionName.startsWith("(") ? functionName : "native functions";
  if (file.startsWith("node:")) return "node";
  if (file.startsWith("wasm:")) return "wasm";
  return file
    .split("/")
    .slice(0, file.startsWith("src/") || file.startsWith("@") ? 2 : 1)
    .join("/");
}
