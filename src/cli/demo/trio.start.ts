import { type Balancer, createBalancer } from "./balancer.ts";
import type { Stage } from "./chapter.ts";
import { createDesk, type Desk } from "./desk.ts";
import type { Sidecar } from "./sidecar.ts";
import * as trio from "./trio.ts";
import { until } from "./until.ts";
import { watchEvents } from "./watch.ts";

/** The three sidecars as they run, and the balancer before them. */
export interface Trio {
  readonly balancer: Balancer;
  /** What they told, in the order in which it was heard. */
  readonly heard: readonly trio.Heard[];
  sidecar(name: trio.Name): Sidecar;
  desk(name: trio.Name): Desk;
  /** Once it is dead: anew, with the data that it had. */
  again(name: trio.Name): Promise<Sidecar>;
  /** Waits until all have told since then of an event about the app, or patience is at its end. */
  moved(type: string, app: string, since: number): Promise<trio.Moves>;
}

export async function startTrio(stage: Stage, manifest: string): Promise<Trio> {
  const { clock, signal } = stage;
  const sidecars = new Map<trio.Name, Sidecar>();
  const desks = new Map<trio.Name, Desk>();
  const balancer = createBalancer(clock, signal);
  const heard: trio.Heard[] = [];
  const take = async (name: trio.Name, sidecar: Sidecar): Promise<void> => {
    sidecars.set(name, sidecar);
    desks.set(name, createDesk(sidecar, stage));
    balancer.use(name, sidecar);
    await watchEvents(sidecar, trio.TOLD, signal, (told) => heard.push({ name, told, at: clock.now() }));
  };
  const started = await Promise.all(
    trio.NAMES.map(async (name) => [name, await stage.sidecar(manifest, name)] as const),
  );
  for (const [name, sidecar] of started) await take(name, sidecar);
  return {
    balancer,
    heard,
    sidecar: (name) => known(sidecars, name),
    desk: (name) => known(desks, name),
    async again(name) {
      const sidecar = await stage.sidecar(manifest, name);
      await take(name, sidecar);
      return sidecar;
    },
    moved: (type, app, since) =>
      until(
        stage,
        async () => trio.movesIn(heard, type, app, since),
        ({ followed }) => followed === trio.NAMES.length,
      ),
  };
}

function known<T>(of: ReadonlyMap<trio.Name, T>, name: trio.Name): T {
  const found = of.get(name);
  if (found === undefined) throw new Error(`${name} was not started`);
  return found;
}
