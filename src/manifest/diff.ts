import { isDeepStrictEqual } from "node:util";
import type { Manifest } from "../core/settings.ts";

/** What a process began with and keeps until its end. */
export type Standing = Pick<Manifest, "listen" | "dataDir" | "spool" | "redis">;

/** The keys that differ and can't change in a running process: a reload that changes them is refused, naming them. */
export function restartKeys(old: Standing, next: Standing): string[] {
  const keys: readonly (readonly [key: string, of: (manifest: Standing) => unknown])[] = [
    ["listen", (m) => m.listen],
    ["data_dir", (m) => m.dataDir],
    ["spool.driver", (m) => m.spool.driver],
    ["redis", (m) => m.redis],
  ];
  return keys.filter(([, of]) => !isDeepStrictEqual(of(old), of(next))).map(([key]) => key);
}
