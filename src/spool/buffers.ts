import type { Held, LaneState, RouteState } from "./route.ts";

/** Jobs that are leased and wait for a slot. Nothing else changes a lane's buffer, so that bytes are kept, not summed. */
export interface Buffers {
  /** Of all of them. */
  readonly bytes: number;
  /** Those that hold something. */
  readonly lanes: ReadonlyMap<LaneState, RouteState>;
  add(state: RouteState, lane: LaneState, held: Held): void;
  /** Before all others: it was on its way, and found it closed. */
  putBack(state: RouteState, lane: LaneState, held: Held): void;
  shift(lane: LaneState): void;
  /** Takes these out. */
  take(lane: LaneState, which: (held: Held) => boolean): readonly Held[];
}

/** What a job costs beside its body: its request is held, too. */
const HEAD_BYTES = 2 * 1024;

export function createBuffers(): Buffers {
  const lanes = new Map<LaneState, RouteState>();
  let bytes = 0;

  const count = (lane: LaneState, { job }: Held, by: 1 | -1): void => {
    const size = by * (job.body.length + HEAD_BYTES);
    bytes += size;
    lane.bytes += size;
    if (lane.buffer.length === 0) lanes.delete(lane);
  };
  return {
    lanes,
    get bytes() {
      return bytes;
    },
    add(state, lane, held) {
      lane.buffer.push(held);
      lanes.set(lane, state);
      count(lane, held, 1);
    },
    putBack(state, lane, held) {
      lane.buffer.unshift(held);
      lanes.set(lane, state);
      count(lane, held, 1);
    },
    shift(lane) {
      const held = lane.buffer.shift();
      if (held !== undefined) count(lane, held, -1);
    },
    take(lane, which) {
      const taken = lane.buffer.filter(which);
      if (taken.length === 0) return taken;
      lane.buffer = lane.buffer.filter((held) => !which(held));
      for (const held of taken) count(lane, held, -1);
      return taken;
    },
  };
}
