import { DEAD_REASONS, type StoredRequest } from "../../core/job.ts";
import type { Lease, LeasedJob, NewJob } from "../../spool/port.ts";
import { idText, type NewId } from "./id.ts";
import { ORIGINS } from "./rows.ts";
import type { Seal } from "./seal.ts";
import { type Head, LEASED_NUMBERS, LEASED_TEXTS, type Packed } from "./wire.ts";

/** Jobs on their way to the storage thread: those of one turn of the event loop, in one message. */
export interface Parcel {
  add(id: NewId, job: NewJob, now: number): void;
  /** Bytes of bodies in it. */
  readonly size: number;
  /** Hands it over; `transfer` is the block of all bodies. */
  take(): { readonly arg: Packed; readonly transfer: ArrayBuffer[] };
}

export function createParcel(seal: Seal): Parcel {
  const numbers: number[] = [];
  const texts: (string | null)[] = [];
  const bodies: Uint8Array[] = [];
  let size = 0;
  return {
    add(id, job, now) {
      const { key, dead } = job;
      const route = `${job.app}/${job.capability}`;
      numbers.push(
        id.seq,
        id.tail,
        job.at,
        now,
        job.maxAgeMs,
        job.sends,
        job.inDoubt ? 1 : 0,
        ORIGINS.indexOf(job.origin),
        job.body.length,
        dead === undefined ? -1 : DEAD_REASONS.indexOf(dead.reason),
        key === null ? 0 : key.ttlMs,
      );
      texts.push(
        route,
        headText(job, id.text, route, seal),
        job.requestId,
        job.orderKey,
        key === null ? null : key.hash,
        key === null ? null : key.bodyHash,
        job.tries.length === 0 ? null : job.tries.map((one) => `${JSON.stringify(one)}\n`).join(""),
        dead?.detail ?? null,
      );
      // The body may be a window into a buffer that is used again.
      const copy = job.body.length === 0 ? job.body : Uint8Array.prototype.slice.call(job.body);
      bodies.push(copy);
      size += copy.length;
    },
    get size() {
      return size;
    },
    take() {
      const bytes = new Uint8Array(size);
      let offset = 0;
      for (const body of bodies) {
        bytes.set(body, offset);
        offset += body.length;
      }
      return { arg: { numbers: Float64Array.from(numbers), texts, bytes }, transfer: [bytes.buffer] };
    },
  };
}

function headText(
  { request, at, maxAgeMs, requestId, orderKey }: NewJob,
  id: string,
  route: string,
  seal: Seal,
): string {
  const { method, rest, target, host, httpVersion, peer, secure } = request;
  const { headers, sealed } = seal.close(request.headers);
  const head: Head = [
    method,
    rest,
    target,
    host,
    httpVersion,
    peer,
    secure ? 1 : 0,
    headers,
    sealed,
    id,
    route,
    at,
    maxAgeMs,
    requestId,
    orderKey,
  ];
  return JSON.stringify(head);
}

function requestOf(head: Head, seal: Seal): StoredRequest {
  const [method, rest, target, host, httpVersion, peer, secure, headers, sealed] = head;
  return { method, rest, target, host, httpVersion, peer, secure: secure === 1, headers: seal.open(headers, sealed) };
}

export interface Unpacked {
  readonly jobs: LeasedJob[];
  /** Leased, but their request can't be read: one of these must not hold up the others. */
  readonly unreadable: Lease[];
}

/** Takes leased jobs out of their message. Their bodies are windows into the one block that came. */
export function unpack({ numbers, texts, bytes }: Packed, app: string, capability: string, seal: Seal): Unpacked {
  const jobs: LeasedJob[] = [];
  const unreadable: Lease[] = [];
  let offset = 0;
  for (let at = 0, i = 0; at < numbers.length; at += LEASED_NUMBERS, i += LEASED_TEXTS) {
    const num = (n: number): number => numbers[at + n] as number;
    const id = idText({ seq: num(0), tail: num(1) });
    const lease = { id, attempt: num(2) };
    const body = Buffer.from(bytes.buffer, bytes.byteOffset + offset, num(10));
    offset += body.length;
    const request = readHead(texts[i] as string, seal);
    if (request === null) {
      unreadable.push(lease);
      continue;
    }
    jobs.push({
      app,
      capability,
      lease,
      requestId: texts[i + 1] ?? id,
      request,
      body,
      attempts: num(3),
      sends: num(4),
      inDoubt: num(5) === 1,
      origin: ORIGINS[num(6)] ?? "async",
      ordered: num(11) === 1,
      at: num(7),
      ageMs: num(8),
      expiresInMs: num(9),
    });
  }
  return { jobs, unreadable };
}

function readHead(text: string, seal: Seal): StoredRequest | null {
  try {
    return readable(JSON.parse(text) as Head, seal);
  } catch {
    return null;
  }
}

/** Null where it is sealed with a key that is not known. */
export function readable(head: Head, seal: Seal): StoredRequest | null {
  try {
    return requestOf(head, seal);
  } catch {
    return null;
  }
}
