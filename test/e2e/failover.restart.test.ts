import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "vitest";
import type { FailoverView } from "../../src/admin/health.ts";
import { post } from "../help/call.ts";
import { type Child, startChild } from "../help/child.ts";
import {
  askAdmin,
  beside,
  die,
  FOR_LONG,
  finished,
  from,
  HASTY,
  PATIENT,
  quizYaml,
  startQuiz,
  toyApart,
  toyHere,
} from "../help/pair.ts";
import { WELL } from "../help/toy.ts";

/** What is known of health outlives a stop, a kill and a reload. */

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-failover-"));
  finished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function serve(yaml: string, dir: string): Promise<Child> {
  const child = await startChild(yaml, { dir });
  finished(async () => {
    child.signal("SIGKILL");
    await child.ended;
  });
  return child;
}

const hookOf = async ({ url }: Child): Promise<string> => from(await post(`${url}/quiz/hook`, {}));

beside(
  "stopped in the midst of a failover, it comes up on the backup, though the primary answers again, and returns later",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const dir = folder();
    const given = { recovery: { hold: "1s", successes: 3 } };
    const first = await startQuiz([primary, backup], given, { dir });
    await die(first, primary);
    await first.app.stop();
    await primary.behave(WELL);
    const second = await startQuiz([primary, backup], given, { dir });
    expect(from(await second.hook())).toBe("backup");
    const { active, upstreams } = await second.failover();
    expect(active).toBe("backup");
    expect(upstreams[0]).toMatchObject({ standing: "away", cause: "probe" });
    expect(await second.event("failback")).toMatchObject({ from: "backup", to: "primary", reason: "recovered" });
    // How long it was away counts from before the restart.
    expect(second.told()).toHaveLength(1);
    expect((await second.moves()).map(({ kind }) => kind)).toEqual(["failover", "failback"]);
    expect(from(await second.hook())).toBe("primary");
  },
);

beside("killed in the midst of a failover, too", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const dir = folder();
  const yaml = quizYaml([primary, backup], { recovery: FOR_LONG });
  const first = await serve(yaml, dir);
  await primary.behave({ kind: "refuse" });
  await first.line(({ event }) => event === "failover");
  await awayOnDisk(dir);
  first.signal("SIGKILL");
  await first.ended;
  await primary.behave(WELL);
  const second = await serve(yaml, dir);
  expect(await hookOf(second)).toBe("backup");
  const { upstreams } = await askAdmin<FailoverView>(second, "/failover/quiz");
  expect(upstreams[0]).toMatchObject({ upstream: "primary", standing: "away", cause: "probe" });
  expect(primary.calls()).toBe(0);
});

/** Resolves once the file says that an upstream is away: the row is on its way for some milliseconds. */
async function awayOnDisk(dir: string): Promise<void> {
  const db = new Sqlite(join(dir, "data", "history.db"), { readonly: true, fileMustExist: true });
  const away = db.prepare<[], number>("SELECT count(*) FROM health WHERE standing = 'away'").pluck();
  while (away.get() === 0) await new Promise(setImmediate);
  db.close();
}

beside(
  "told to stop while requests wait on a stopped primary, they are answered by the backup and the process ends",
  async () => {
    const primary = await toyApart("primary");
    const backup = await toyHere("backup");
    const hook = { ...PATIENT, timeout: "30s" };
    const child = await serve(
      quizYaml([primary, backup], { health: HASTY, recovery: FOR_LONG, webhooks: { hook } }),
      folder(),
    );
    for (let n = 0; n < 20; n++) expect(await hookOf(child)).toBe("primary");
    primary.freeze();
    const waiting = Array.from({ length: 10 }, () => hookOf(child));
    child.signal("SIGTERM");
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => "backup"));
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: "" });
  },
);

beside("a reload that changes another app leaves standing, hold and probes as they are", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const other = (timeout: string) => ({
    more: {
      apps: { other: { owner: "a@b.example", url: backup.url, webhooks: { hook: { path: "/other", timeout } } } },
    },
    recovery: FOR_LONG,
  });
  const sidecar = await startQuiz([primary, backup], other("2s"));
  await die(sidecar, primary);
  await primary.behave(WELL);
  const since = async (): Promise<string | null> => (await sidecar.failover()).upstreams[0]?.well_since ?? null;
  let before = await since();
  for (; before === null; before = await since()) await primary.probed(primary.probes() + 1);
  sidecar.write(quizYaml([primary, backup], other("3s")));
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  await primary.probed(primary.probes() + 2);
  const { upstreams } = await sidecar.failover();
  expect(upstreams[0]).toMatchObject({ standing: "away", cause: "probe" });
  // One clock is read for the other: to the millisecond or so.
  expect(Math.abs(Date.parse((await since()) ?? "") - Date.parse(before))).toBeLessThan(20);
  expect(sidecar.told()).toHaveLength(1);
  expect(from(await sidecar.hook())).toBe("backup");
});

beside("a reload in the midst of a failover that changes the app itself keeps its traffic on the backup", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { recovery: FOR_LONG });
  await die(sidecar, primary);
  await primary.behave(WELL);
  sidecar.write(
    quizYaml([primary, backup], { recovery: FOR_LONG, health: { interval: "90ms" }, webhooks: { next: PATIENT } }),
  );
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  expect(from(await sidecar.hook({}, "next"))).toBe("backup");
  await primary.probed(primary.probes() + 2);
  expect(from(await sidecar.hook({}, "next"))).toBe("backup");
  // A primary at another place is another one: nothing is known of it.
  const moved = await toyHere("primary");
  sidecar.write(quizYaml([moved, backup], { recovery: FOR_LONG }));
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  expect(from(await sidecar.hook())).toBe("primary");
  expect(moved.calls()).toBe(1);
  // The one that is gone is left alone.
  const probes = primary.probes();
  await moved.probed(3);
  expect(primary.probes()).toBeLessThanOrEqual(probes + 1);
});

beside("a pin is there again after a restart", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const dir = folder();
  const first = await startQuiz([primary, backup], {}, { dir });
  await first.admin("/failover/quiz/switch", { to: "backup" });
  await first.app.stop();
  const second = await startQuiz([primary, backup], {}, { dir });
  expect(from(await second.hook())).toBe("backup");
  expect(await second.failover()).toMatchObject({ active: "backup", pinned: { upstream: "backup", by: "ops" } });
  await second.admin("/failover/quiz/release", {});
  expect(from(await second.hook())).toBe("primary");
});
