import { openAdmin } from "./app/admin.ts";
import { type Applied, prepare } from "./app/manifests.ts";
import { type App, type AppOptions, openServices } from "./app/services.ts";
import { watchApplied } from "./app/watch.ts";
import { sleep } from "./core/clock.ts";
import { err, ok, type Result } from "./core/result.ts";
import { isLogLevel } from "./observe/log.ts";
import { openProxy } from "./proxy/proxy.ts";

export type { App, AppOptions } from "./app/services.ts";

/**
 * The composition root: manifest → stores → services → listeners. The order of lines is the order of start, its
 * reverse that of stop. Expected failures (a bad manifest, a port or a data directory in use) come as lines to read.
 */
export async function startApp(options: AppOptions): Promise<Result<App, readonly string[]>> {
  const { clock, env } = options;
  const level = env.OUTRIGGER_LOG_LEVEL ?? "info";
  if (!isLogLevel(level)) return err([`OUTRIGGER_LOG_LEVEL: ${level} is no level: use debug, info, warn or error`]);
  const first = prepare(options.file, env, clock);
  if (!first.ok) return first;
  const { listen } = first.value.loaded.manifest;

  await using started = new AsyncDisposableStack();
  const state = { stopping: false };
  try {
    const services = await openServices(first.value, { ...options, level }, state, started);
    const { bus, manifests, shared } = services;
    const proxy = await openProxy({ listen, shared, bus, random: options.random, routing: () => manifests.current });
    started.defer(() => proxy.close(0));
    const reload = async (by: string): Promise<Result<Applied, readonly string[]>> => {
      proxy.reloadTls();
      return manifests.reload(by);
    };
    const admin = await openAdmin({ ...services, proxy, reload, stopping: () => state.stopping });
    started.defer(() => admin.close());
    started.use(watchApplied(manifests, bus, clock, () => void reload("file")));

    const running = started.move();
    const stop = async (): Promise<void> => {
      if (!state.stopping) {
        state.stopping = true;
        await sleep(clock, options.lingerMs);
        await proxy.close(manifests.current.limits.drainMs);
      }
      await running.disposeAsync();
    };
    return ok({
      proxy: proxy.address,
      admin: admin.address,
      manifests,
      bus,
      connections: proxy.connections,
      inFlight: proxy.inFlight,
      heldBytes: () => shared.memory.held,
      reload,
      stop,
    });
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}
