import type { Socket } from "node:net";

/** What libuv tells of a connection. */
interface Handle {
  /** All that it was given, taken or not. */
  readonly bytesWritten?: number;
  /** What of it the kernel has not taken. */
  readonly writeQueueSize?: number;
  /** Under TLS, the connection that bears it. */
  readonly _parent?: Handle;
}

/**
 * Bytes that the kernel has taken for the other side, by which a reader is told from one that has stopped: a `drain`
 * only comes once all that waits is gone. Under TLS they are those of its records. The kernel takes again once a third of
 * its buffer is free, so that of a slow reader they grow in steps: 1.4 to 1.7 MB were measured at 4 MiB, the most that
 * Linux gives a connection by itself (`net.ipv4.tcp_wmem`).
 */
export function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Handle | null };
  const { bytesWritten = 0, writeQueueSize = 0 } = handle?._parent ?? handle ?? {};
  return bytesWritten - writeQueueSize;
}
