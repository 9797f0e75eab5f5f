import { spawnSync } from "node:child_process";

/** `name version` of a program, or null where it is not installed; servers live in sbin, which is on no user's path. */
export function nativeVersion(program: string, args: readonly string[], pattern: RegExp): string | null {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8", env: NATIVE_ENV });
  const version = pattern.exec(`${stdout ?? ""}${stderr ?? ""}`)?.[1];
  return version === undefined ? null : `${program} ${version}`;
}

/** Where programs are looked for. */
export const NATIVE_ENV = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin` };
