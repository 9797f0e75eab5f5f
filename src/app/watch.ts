import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import type { Manifest } from "../core/settings.ts";
import { watchManifest } from "../manifest/watch.ts";
import type { Manifests } from "./manifests.ts";

/** Calls `onChange` when a file of the running manifest changes: its own, included ones, schemas, certificates, keys. */
export function watchApplied(manifests: Manifests, bus: EventBus, clock: Clock, onChange: () => void): Disposable {
  const files = (): string[] => {
    const { loaded } = manifests.current;
    return [...new Set([...loaded.files, ...tlsFiles(loaded.manifest)])];
  };
  const watch = watchManifest(files(), onChange, { clock });
  const off = bus.on((event) => {
    // The new manifest is in force only after its event has gone round.
    if (event.type === "manifest.applied") queueMicrotask(() => watch.update(files()));
  });
  return {
    [Symbol.dispose]() {
      off();
      watch.stop();
    },
  };
}

function tlsFiles({ listen, apps }: Manifest): string[] {
  const clients = apps.flatMap(({ tls }) => (tls === null ? [] : [tls.ca, tls.cert, tls.key]));
  const server = listen.tls === null ? [] : [listen.tls.cert, listen.tls.key, listen.tls.clientCa];
  return [...server, ...clients].filter((path) => path !== null);
}
