/**
 * Resolves once all packets of this turn of the event loop have been read, for all who wait for it together. What they
 * do then they do in step: each goes on to its next `await`, then each to the one after it. Under load a turn brings a
 * dozen packets; taken through one step at a time they find its code in the processor's caches, and their writes
 * leave together, so that a peer is woken once for many. An idle loop has nothing else to do first.
 */
export function packetsRead(): Promise<void> {
  reading ??= new Promise((resolve) => {
    setImmediate(() => {
      reading = null;
      resolve();
    });
  });
  return reading;
}

let reading: Promise<void> | null = null;
