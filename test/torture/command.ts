import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `npm run torture` as a person runs it: what it printed last, and its exit code. */
export interface Tortured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

export function torture(...args: string[]): Promise<Tortured> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? "", CI: process.env.CI ?? "" };
    execFile(process.execPath, [MAIN, ...args], { env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}
