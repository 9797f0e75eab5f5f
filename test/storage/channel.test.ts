import { once } from "node:events";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel, Worker } from "node:worker_threads";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import type { StorageFailing } from "../../src/core/events.ts";
import { MAX_WAITING } from "../../src/storage/channel.ts";
import type { FromThread, ThreadOptions, ToThread } from "../../src/storage/protocol.ts";
import { serve } from "../../src/storage/serve.ts";
import { spawn } from "../../src/storage/spawn.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { newMove } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { breakerRow, healthRow, tempDir } from "./support.ts";

/** Storage whose threads the test can watch and end. */
async function setup(dataDir = tempDir(), startThread = (options: ThreadOptions) => spawn("thread", options)) {
  const clock = createManualClock();
  const threads: Worker[] = [];
  const sent: ToThread[] = [];
  const events: StorageFailing[] = [];
  const storage = await openStorage({ dataDir, clock, onEvent: (event) => events.push(event) }, (options) => {
    const thread = startThread(options);
    const post = thread.postMessage.bind(thread);
    thread.postMessage = (message: ToThread) => {
      sent.push(message);
      post(message);
    };
    threads.push(thread);
    return thread;
  });
  onTestFinished(() => storage.close());
  /** Ends the running thread, as an error in it would. */
  const die = async (): Promise<void> => {
    await threads.at(-1)?.terminate();
  };
  /** Resolves when the thread started last has its files open. */
  const back = async (): Promise<void> => {
    const [message] = (await once(threads.at(-1)!, "message")) as [FromThread];
    expect(message.kind).toBe("opened");
  };
  return { storage, history: storage.history, clock, threads, sent, events, die, back };
}

test("all commands of one turn leave in one message and come back in order", async () => {
  const { history, sent } = await setup();
  const numbers = [1, 2, 3].map((i) =>
    history.addRevision({ hash: `${i}`, at: i, by: "start", files: 1, bytes: 1, manifest: "{}" }),
  );
  history.saveBreaker(breakerRow());
  const rows = history.loadBreakers();
  expect(await Promise.all(numbers)).toEqual([1, 2, 3]);
  expect(await rows).toEqual([breakerRow()]);
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ kind: "batch", commands: { length: 5 } });
});

test("while two messages are under way, what comes in later turns leaves together once one is answered", async () => {
  let held: (() => void)[] | null = [];
  const { history, sent } = await setup(tempDir(), (options) => {
    const thread = spawn("thread", options);
    const post = thread.postMessage.bind(thread);
    thread.postMessage = (message: ToThread) => (held === null ? post(message) : void held.push(() => post(message)));
    return thread;
  });
  const written: Promise<void>[] = [];
  for (let turn = 1; turn <= 6; turn++) {
    written.push(history.setMeta("turn", String(turn)));
    await nextTurn();
  }
  expect(sent).toMatchObject([{ commands: { length: 1 } }, { commands: { length: 1 } }]);
  held[0]?.();
  await written[0];
  expect(sent).toMatchObject([{}, {}, { commands: { length: 4 } }]);
  for (const post of held.slice(1)) post();
  held = null;
  await Promise.all(written);
  expect(sent).toHaveLength(3);
  expect(await history.meta("turn")).toBe("6");
});

test("a thread that opens no files is given up after a minute, with an error that says so", async () => {
  const clock = createManualClock();
  const mute = new Worker("setInterval(() => {}, 1000)", { eval: true });
  const opening = openStorage({ dataDir: tempDir(), clock, onEvent: () => {} }, () => mute);
  clock.advance(60_000);
  await expect(opening).rejects.toThrow("the files of data_dir were not open after 60 s");
  await once(mute, "exit");
  expect(clock.pending()).toBe(0);
});

test("a thread that reads out a damaged file may take longer than that", async () => {
  const clock = createManualClock();
  const busy = new Worker(
    `const { parentPort } = require("node:worker_threads");
    parentPort.postMessage({ kind: "recovering" });
    parentPort.on("message", () => process.exit());`,
    { eval: true },
  );
  let refused = false;
  const opening = openStorage({ dataDir: tempDir(), clock, onEvent: () => {} }, () => busy).catch(() => {
    refused = true;
  });
  await once(busy, "message");
  clock.advance(600_000);
  await new Promise(setImmediate);
  expect(refused).toBe(false);
  busy.postMessage("end");
  await opening;
  expect(refused).toBe(true);
});

test("of one breaker's rows only the first and the newest travel", async () => {
  const { storage, history, sent } = await setup();
  for (let i = 0; i < 1000; i++) history.saveBreaker(breakerRow({ savedAt: i }));
  await storage.flush();
  const saves = sent.flatMap((m) =>
    m.kind === "batch" ? m.commands.filter(([name]) => name === "breakers.save") : [],
  );
  expect(saves).toHaveLength(2);
  expect(await history.loadBreakers()).toEqual([breakerRow({ savedAt: 999 })]);
});

test("too many unanswered calls are refused at once, and those before are answered", async () => {
  const { history } = await setup();
  const calls = Array.from({ length: MAX_WAITING }, () => history.meta("k"));
  await expect(history.meta("k")).rejects.toMatchObject({ code: "busy" });
  expect((await Promise.all(calls)).every((value) => value === null)).toBe(true);
  expect(await history.meta("k")).toBe(null);
});

test("a call that fails rejects with its reason, alone", async () => {
  const { storage, history } = await setup();
  const bad = history.setMeta("k", null as unknown as string);
  const good = history.setMeta("k", "v");
  await expect(bad).rejects.toMatchObject({ name: "StorageError", code: "failed" });
  await good;
  history.saveBreaker(breakerRow({ state: "ajar" as "open" }));
  await expect(storage.flush()).rejects.toThrow("the state of 1 breakers could not be written");
});

test("a row that could not be written is tried again by itself", async () => {
  const { history, clock, sent } = await setup();
  const saves = (): number =>
    sent.flatMap((m) => (m.kind === "batch" ? m.commands.filter(([name]) => name === "breakers.save") : [])).length;
  history.saveBreaker(breakerRow({ state: "ajar" as "open" }));
  await history.meta("k");
  expect(saves()).toBe(1);
  clock.advance(5_000);
  await history.meta("k");
  expect(saves()).toBe(2);
});

test("an upstream's rows and the moves travel as a breaker's do: without waiting, and again where they could not be written", async () => {
  const { storage, history, clock, sent } = await setup();
  const sends = (wanted: string): number =>
    sent.flatMap((m) => (m.kind === "batch" ? m.commands.filter(([name]) => name === wanted) : [])).length;
  for (let i = 0; i < 1000; i++) history.saveHealth(healthRow({ savedAt: i }));
  history.saveHealth(healthRow({ url: "http://10.0.0.6:9000", standing: "lost" as "away" }));
  history.addMove(newMove({ kind: "sideways" as "failover" }));
  history.addMove(newMove());
  await expect(storage.flush()).rejects.toThrow("the state of 1 upstreams, 1 moves could not be written");
  expect([sends("health.save"), sends("moves.add")]).toEqual([3, 2]);
  expect(await history.loadHealth()).toEqual([healthRow({ savedAt: 999 })]);
  expect((await history.moves({ app: null, limit: 10, cursor: null })).items).toEqual([{ ...newMove(), id: 1 }]);
  clock.advance(5_000);
  await history.meta("k");
  expect([sends("health.save"), sends("moves.add")]).toEqual([4, 3]);
});

test("of moves that cannot be written the newest 1,024 are held", async () => {
  const { storage, history, clock, die, back } = await setup();
  await die();
  for (let i = 0; i < 1_030; i++) history.addMove(newMove({ at: i }));
  clock.advance(1_000);
  await back();
  await storage.flush();
  const { items, next } = await history.moves({ app: null, limit: 1000, cursor: null });
  const rest = await history.moves({ app: null, limit: 1000, cursor: next });
  const times = [...items, ...rest.items].map(({ at }) => at);
  expect(times).toEqual(Array.from({ length: 1_024 }, (_, i) => 1_029 - i));
});

describe("when the thread dies", () => {
  test("a move that was written without an answer is still one move, and those behind it keep their order", async () => {
    const dir = tempDir();
    const { storage, history, clock, threads, die, back } = await setup(dir);
    history.addMove(newMove());
    // The reply is lost as if the thread had died over it: what it says never arrives.
    threads.at(-1)?.removeAllListeners("message");
    await new Promise<void>((written) => {
      const beside = new Sqlite(join(dir, "history.db"), { readonly: true });
      const count = beside.prepare("SELECT count(*) FROM moves").pluck();
      const look = (): void => {
        if (count.get() === 0) return void setImmediate(look);
        beside.close();
        written();
      };
      look();
    });
    history.addMove(newMove({ kind: "failback", from: "backup", to: "primary", reason: "recovered", at: 5 }));
    await die();
    clock.advance(1_000);
    await back();
    await storage.flush();
    const { items } = await history.moves({ app: "quiz", limit: 10, cursor: null });
    expect(items.map(({ kind }) => kind)).toEqual(["failback", "failover"]);
  });

  test("what waits fails, it is said, and a new one goes on with the breakers' newest rows", async () => {
    const { storage, history, clock, events, threads, die, back } = await setup();
    const waiting = expect(history.meta("k")).rejects.toMatchObject({ code: "thread" });
    history.saveBreaker(breakerRow({ savedAt: 1 }));
    await die();
    await waiting;
    expect(events).toMatchObject([
      { type: "storage.failing", store: "thread", detail: expect.stringContaining("in 1 s") },
    ]);
    await expect(history.meta("k")).rejects.toMatchObject({ code: "thread" });
    history.saveBreaker(breakerRow({ savedAt: 2 }));
    expect(threads).toHaveLength(1);
    clock.advance(1_000);
    await back();
    await storage.flush();
    expect(await history.loadBreakers()).toEqual([breakerRow({ savedAt: 2 })]);
  });

  test("again and again, the waits double; after a steady minute they begin anew", async () => {
    const { clock, events, die, back } = await setup();
    for (const waitMs of [1_000, 2_000, 4_000]) {
      await die();
      clock.advance(waitMs);
      await back();
    }
    clock.advance(60_000);
    await die();
    expect(events.map((event) => /in (\d+) s/.exec(event.detail)?.[1])).toEqual(["1", "2", "4", "1"]);
  });

  test("and cannot open its files, it tries again later", async () => {
    const dir = tempDir();
    const { clock, events, threads, die, back, history } = await setup(dir);
    await die();
    const usurper = await setup(dir);
    clock.advance(1_000);
    await once(threads.at(-1)!, "exit");
    expect(events.at(-1)?.detail).toMatch(/in use by this very process.*in 2 s/);
    await usurper.storage.close();
    clock.advance(2_000);
    await back();
    expect(await history.meta("k")).toBe(null);
  });

  test("and storage is closed meanwhile, nothing is started", async () => {
    const { storage, clock, threads, die } = await setup();
    await die();
    await storage.close();
    clock.advance(60_000);
    expect(threads).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });

  test("and storage is closed while the next one opens, that one closes too", async () => {
    const { storage, clock, threads, die } = await setup();
    await die();
    clock.advance(1_000);
    await storage.close();
    expect(threads.map((thread) => thread.threadId)).toEqual([-1, -1]);
  });
});

test("a thread that throws at its start is an error of opening", async () => {
  const crash = () => new Worker("throw new Error('no such luck')", { eval: true });
  await expect(setup(tempDir(), crash)).rejects.toMatchObject({
    code: "thread",
    message: "the storage thread ended: no such luck",
  });
});

test("a thread that never answers cannot hold up the end for ever", async () => {
  const code =
    "const { parentPort } = require('node:worker_threads'); parentPort.on('message', () => {}); parentPort.postMessage({ kind: 'opened' });";
  const { storage, history, clock } = await setup(tempDir(), () => new Worker(code, { eval: true }));
  const waiting = expect(history.meta("k")).rejects.toMatchObject({ code: "closed" });
  const closed = storage.close();
  clock.advance(10_000);
  await closed;
  await waiting;
});

describe("the thread's side", () => {
  const serveHere = (dataDir: string, problems: Promise<readonly string[]> = Promise.resolve([])) => {
    const { port1, port2 } = new MessageChannel();
    let stopped = 0;
    serve(port2, { dataDir, wall: () => 1, now: () => 0, check: () => ({ problems, stop: () => stopped++ }) });
    onTestFinished(() => port1.close());
    const said: FromThread[] = [];
    port1.on("message", (message: FromThread) => said.push(message));
    return { port: port1, said, stopped: () => stopped };
  };

  test("answers several waiting messages in one, then closes when asked", async () => {
    const { port, said, stopped } = serveHere(tempDir());
    port.postMessage({ kind: "batch", commands: [["meta.set", ["k", "v"]]] } satisfies ToThread);
    port.postMessage({ kind: "batch", commands: [["meta.get", "k"]] } satisfies ToThread);
    port.postMessage({ kind: "close" } satisfies ToThread);
    await once(port, "close");
    expect(said).toEqual([
      { kind: "opened" },
      {
        kind: "replies",
        commit: null,
        replies: [
          { ok: true, value: undefined },
          { ok: true, value: "v" },
        ],
      },
    ]);
    // One check for each file.
    expect(stopped()).toBe(2);
  });

  test("says why it cannot start, and leaves the directory free", async () => {
    const dir = tempDir();
    const first = serveHere(dir);
    const second = serveHere(dir);
    await once(second.port, "close");
    expect(second.said).toMatchObject([{ kind: "refused", code: "owned" }]);
    first.port.postMessage({ kind: "close" } satisfies ToThread);
    await once(first.port, "close");
    const third = serveHere(dir);
    third.port.postMessage({ kind: "close" } satisfies ToThread);
    await once(third.port, "close");
    expect(third.said).toEqual([{ kind: "opened" }]);
  });

  test("replaces a file that the check finds bad, and says when the check itself failed", async () => {
    const bad = serveHere(tempDir(), Promise.resolve(["page 7 is junk"]));
    while (bad.said.length < 2) await once(bad.port, "message");
    expect(bad.said).toContainEqual({
      kind: "failing",
      store: "history",
      replaced: true,
      detail: expect.stringContaining("(page 7 is junk)"),
    });
    const unchecked = serveHere(tempDir(), Promise.reject(new Error("no memory")));
    while (unchecked.said.length < 2) await once(unchecked.port, "message");
    expect(unchecked.said).toContainEqual({
      kind: "failing",
      store: "history",
      replaced: false,
      detail: "it could not be checked: no memory",
    });
    for (const { port } of [bad, unchecked]) port.postMessage({ kind: "close" } satisfies ToThread);
    await Promise.all([bad, unchecked].map(({ port }) => once(port, "close")));
  });
});
