import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { EventBus } from "../core/events.ts";
import type { Random } from "../core/random.ts";
import type { ListenSettings } from "../core/settings.ts";
import type { CallShared } from "./call.ts";
import type { Completion } from "./complete.ts";
import { type IntakeDeps, type Routing, takeIn } from "./intake.ts";
import { type Listener, openListener } from "./listener.ts";

export interface ProxyDeps {
  readonly listen: ListenSettings;
  readonly shared: CallShared;
  readonly random: Random;
  readonly bus: EventBus;
  readonly routing: () => Routing;
}

/** Everything of the way in, bound and answering. */
export interface Proxy extends Listener {
  readonly inFlight: number;
}

export async function openProxy(deps: ProxyDeps): Promise<Proxy> {
  const { shared, random, bus, routing } = deps;
  const completion: Completion = { bus, inFlight: { count: 0 } };
  const intake: IntakeDeps = { shared, random, completion, routing, servePassthrough: async () => undefined };
  const listener = await openListener(
    deps.listen,
    () => routing().limits,
    {
      request: (req, res, expectsContinue) => takeIn(req, res, expectsContinue, intake),
      upgrade: (_req: IncomingMessage, socket: Socket) => socket.destroy(),
      upgrades: () => false,
    },
    shared.clock,
  );
  return Object.assign(listener, {
    get inFlight() {
      return completion.inFlight.count;
    },
  });
}
