import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { prepare } from "../../src/app/prepare.ts";
import { readFirst, readNext } from "../../src/app/reading.ts";
import type { Unpacked } from "../../src/app/unpack.ts";
import { tempDir } from "../storage/support.ts";

/** What a manifest that was taken over keeps of the one before it. */

const text = (path: string): string => `apps:
  quiz: { owner: dev@quiz.example, url: "http://127.0.0.1:9", webhooks: { winner: { path: ${path}, match: { path: ${path} } } } }
  poll: { owner: dev@poll.example, url: "http://127.0.0.1:9", webhooks: { vote: /vote } }
`;

test("after a reload only what both have is left of the manifest before: no route, no part of one, no app", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const file = join(tempDir(), "outrigger.yaml");
  const gone: WeakRef<object>[] = [];
  const kept: WeakRef<object>[] = [];
  const first = (): Unpacked => {
    writeFileSync(file, text("/v1"));
    const prepared = prepare({ file, env: {}, standing: null });
    if (!prepared.ok) throw new Error("refused");
    const unpacked = readFirst(prepared.value);
    const { apps, routes } = unpacked.loaded.manifest;
    for (const route of routes) (route.path === "/v1" ? gone : kept).push(new WeakRef(route));
    for (const route of routes) if (route.path === "/v1") gone.push(new WeakRef(route.match));
    for (const app of apps) kept.push(new WeakRef(app));
    return unpacked;
  };
  const next = async (): Promise<Unpacked> => {
    const before = first();
    const { manifest, hash } = before.loaded;
    writeFileSync(file, text("/v2"));
    const reading = await readNext({ file, env: {}, standing: manifest, hash }, before, new AbortController().signal);
    if (reading.kind !== "next") throw new Error(reading.kind);
    return reading.unpacked;
  };
  const now = await next();
  // A WeakRef holds what it was asked for, or made with, until the turn is over.
  await new Promise(setImmediate);
  collect();
  expect(gone.map((ref) => ref.deref()?.constructor)).toEqual([undefined, undefined]);
  const { apps, routes } = now.loaded.manifest;
  expect(kept.map((ref) => ref.deref())).toEqual([routes.find(({ path }) => path === "/vote"), ...apps]);
});
