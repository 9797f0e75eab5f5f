import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { joinQueued } from "../../src/app/queued.ts";

const job = (capability: string) => ({ app: "quiz", capability, sends: 0 });

test("jobs that are put in one turn are told together, a moment later, in their order, each once", async () => {
  const told: string[] = [];
  const last = Promise.withResolvers<void>();
  const queued = joinQueued(({ capability }) => {
    told.push(capability);
    if (capability === "d") last.resolve();
  });
  for (const capability of ["a", "b", "c"]) queued(job(capability));
  expect(told).toEqual([]);
  while (told.length === 0) await turn();
  expect(told).toEqual(["a", "b", "c"]);
  queued(job("d"));
  await last.promise;
  expect(told).toEqual(["a", "b", "c", "d"]);
});
