import { openAdmin } from "./app/admin.ts";
import { findDelivery } from "./app/deliveries.admin.ts";
import { type Applied, STOPPING } from "./app/manifests.ts";
import type { App, AppOptions, StartOptions } from "./app/options.ts";
import { prepare } from "./app/prepare.ts";
import { readFirst } from "./app/reading.ts";
import { openServices } from "./app/services.ts";
import type { Complete } from "./app/unpack.ts";
import { type StartWatch, watchFromStart } from "./app/watch.ts";
import { sleep } from "./core/clock.ts";
import { errorText } from "./core/error.text.ts";
import { err, ok, type Result } from "./core/result.ts";
import { formatProblem } from "./manifest/problem.ts";
import { isLogLevel } from "./observe/log.ts";
import { openProxy } from "./proxy/proxy.ts";

export type { App, AppOptions } from "./app/options.ts";

/**
 * The composition root: manifest → stores → services → listeners. The order of lines is the order of start, its
 * reverse that of stop. Expected failures (a bad manifest, a port or a data directory in use) come as lines to read,
 * and whatever had been opened by then is closed.
 */
export async function startApp(options: AppOptions): Promise<Result<App, readonly string[]>> {
  const { file, env, clock } = options;
  const level = env.OUTRIGGER_LOG_LEVEL ?? "info";
  if (!isLogLevel(level)) return err([`OUTRIGGER_LOG_LEVEL: ${level} is no level: use debug, info, warn or error`]);
  await using started = new AsyncDisposableStack();
  const watch = started.use(watchFromStart(file, clock));
  const prepared = prepare({ file, env, standing: null });
  if (!prepared.ok) return err(prepared.error.problems.map(formatProblem));
  const first = readFirst(prepared.value);
  watch.update(first.loaded.files);
  try {
    return ok(await run(first, { ...options, level, watch }, watch, started));
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}

async function run(
  first: Complete,
  options: StartOptions,
  watch: StartWatch,
  started: AsyncDisposableStack,
): Promise<App> {
  const { clock, random } = options;
  const state = { stopping: false };
  const services = await openServices(first, options, state, started);
  const { bus, log, manifests, shared, deliveries } = services;
  const address = first.loaded.manifest.listen.proxy;
  const proxy = await openProxy({
    address,
    tls: first.tls,
    shared,
    bus,
    random,
    routing: () => manifests.current,
    put: deliveries.put,
    findDelivery: (id) => findDelivery(deliveries, id),
  });
  started.defer(() => proxy.close(0));
  const reload = async (by: string): Promise<Result<Applied, readonly string[]>> => {
    if (state.stopping) return err([STOPPING]);
    const result = await manifests.reload(by);
    const { tls } = manifests.current;
    if (tls !== null) proxy.useTls(tls);
    return result;
  };
  const admin = await openAdmin({ ...services, proxy, reload, stopping: () => state.stopping });
  started.defer(() => admin.close());
  services.allListen();
  watch.tell(() => void reload("file"));

  const running = started.move();
  const stop = async (): Promise<void> => {
    state.stopping = true;
    log.info({ in_flight: proxy.inFlight() }, "stopping: what is under way is answered, nothing new is begun");
    await sleep(clock, options.lingerMs);
    await proxy.close(manifests.current.limits.drainMs);
    await running.disposeAsync();
    log.info({}, "stopped: what waits in the spool goes on at the next start");
  };
  let stopped: Promise<void> | null = null;
  return {
    proxy: proxy.address,
    admin: admin.address,
    manifests,
    bus,
    connections: proxy.connections,
    inFlight: proxy.inFlight,
    heldBytes: () => shared.memory.held,
    ready: services.redis?.ready ?? Promise.resolve(),
    waits: () => services.redis?.reasons() ?? [],
    reload,
    stop() {
      stopped ??= stop();
      return stopped;
    },
    crashed(error) {
      log.error({ err: error }, "an error that nobody expected: the process ends");
      log.flush();
      return log.masked(errorText(error));
    },
    flushLog: log.flush,
  };
}
