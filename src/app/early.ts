import { createEventBus, type EventBus, type Listener, type OutriggerEvent } from "../core/events.ts";

/** What fails while the process starts, before those are there who tell people of it. */
export interface Early {
  /** Who is there from the beginning, as the log is, hears at once; everybody else when {@link Early.over} is called. */
  readonly emit: Listener;
  /** From here on everybody listens. */
  over(): void;
}

/** Of a store that fails all through a start. */
const MAX_HELD = 100;

/** Puts `beginning` on the bus, and keeps from them what they have heard already. */
export function createEarly(
  bus: EventBus,
  beginning: readonly Listener[],
  onError: Parameters<typeof createEventBus>[0],
): Early {
  const first = createEventBus(onError);
  let again: OutriggerEvent | null = null;
  for (const listener of beginning) {
    first.on(listener);
    bus.on((event) => (event === again ? undefined : listener(event)));
  }
  let held: OutriggerEvent[] | null = [];
  return {
    emit(event) {
      if (held === null) return bus.emit(event);
      first.emit(event);
      if (held.length < MAX_HELD) held.push(event);
    },
    over() {
      const all = held ?? [];
      held = null;
      for (const event of all) {
        again = event;
        bus.emit(event);
      }
      again = null;
    },
  };
}
