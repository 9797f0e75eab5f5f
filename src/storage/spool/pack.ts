import { type IdTexts, type JobId, type NewId, parseId } from "../../core/job.id.ts";
import { DEAD_REASONS, type StoredRequest, type TryRecord } from "../../core/job.ts";
import type { Seal } from "../../core/seal.ts";
import type { Lease, LeasedJob, NewJob, Settlement } from "../../spool/port.ts";
import { ORIGINS } from "./rows.ts";
import { type Head, LEASED_NUMBERS, type Packed, type PollText, SETTLE_KINDS, type SettleCommand } from "./wire.ts";

/** Jobs on their way to the storage thread, in one message. */
export interface Parcel {
  /** How many bytes more it has with it, head and body. */
  add(id: NewId, job: NewJob, now: number): number;
  /** Bytes of heads and bodies in it. */
  readonly used: number;
  /** Hands it over; `transfer` is the block of all heads and bodies. */
  take(): { readonly arg: Packed; readonly transfer: ArrayBuffer[] };
}

/** `bytes`: of the block that it begins with. What is handed over can't be used again. */
export function createParcel(seal: Seal, bytes: number): Parcel {
  const numbers: number[] = [];
  const texts: string[] = [];
  const routes = new Map<string, number>();
  let block = Buffer.allocUnsafeSlow(bytes);
  let used = 0;
  const place = (text: string | null): number => (text === null ? -1 : texts.push(text) - 1);
  const placeOfRoute = (route: string): number => {
    const known = routes.get(route);
    if (known !== undefined) return known;
    const at = place(route);
    routes.set(route, at);
    return at;
  };
  const room = (more: number): void => {
    if (used + more <= block.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * block.length, used + more));
    block.copy(larger, 0, 0, used);
    block = larger;
  };
  return {
    add(id, job, now) {
      const { key, dead, body } = job;
      const route = `${job.app}/${job.capability}`;
      const head = headText(job, id.text, route, seal);
      // No character takes more than three bytes for each of its units.
      room(3 * head.length + body.length);
      const headBytes = block.write(head, used);
      used += headBytes;
      // Copied: it may be a window into a buffer that is used again.
      block.set(body, used);
      used += body.length;
      numbers.push(
        id.seq,
        id.tail,
        job.at,
        now,
        job.maxAgeMs,
        job.sends,
        job.inDoubt ? 1 : 0,
        ORIGINS.indexOf(job.origin),
        headBytes,
        body.length,
        dead === undefined ? -1 : DEAD_REASONS.indexOf(dead.reason),
        key === null ? 0 : key.ttlMs,
        placeOfRoute(route),
        place(job.requestId),
        place(job.orderKey),
        place(key === null ? null : key.hash),
        place(key === null ? null : key.bodyHash),
        place(logOf(job.tries)),
        place(dead?.detail ?? null),
        place(job.verify === undefined ? null : pollText(job.verify)),
        job.blocks === true ? 1 : 0,
      );
      return headBytes + body.length;
    },
    get used() {
      return used;
    },
    take() {
      const arg = { numbers: Float64Array.from(numbers), texts, bytes: new Uint8Array(block.buffer, 0, used) };
      return { arg, transfer: [block.buffer] };
    },
  };
}

/** Tries as they are kept: one JSON text a line. */
function logOf(tries: readonly TryRecord[]): string | null {
  if (tries.length === 0) return null;
  return tries.map((one) => `${JSON.stringify(one)}\n`).join("");
}

type Renewed = Extract<Settlement, { kind: "verifying" }>;

function pollText({ delayMs, forMs, poll }: Pick<Renewed, "delayMs" | "forMs" | "poll">): string {
  const text: PollText = [Math.ceil(delayMs), forMs === null ? null : Math.ceil(forMs), poll];
  return JSON.stringify(text);
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

/** A lease of this driver knows its row, so that its id need not be read again; a copy of it does not. */
class RowLease implements Lease {
  readonly id: string;
  readonly attempt: number;
  readonly #seq: number;

  constructor(id: string, attempt: number, seq: number) {
    this.id = id;
    this.attempt = attempt;
    this.#seq = seq;
  }

  static seqOf(lease: Lease): number | null {
    return #seq in lease ? lease.#seq : (parseId(lease.id)?.seq ?? null);
  }
}

export const { seqOf } = RowLease;

/** Ends of leases on their way to the storage thread. */
export interface Settles {
  add(seq: number, attempt: number, settlement: Settlement, now: number): void;
  take(): SettleCommand;
}

export function createSettles(): Settles {
  const numbers: number[] = [];
  const texts: string[] = [];
  const place = (text: string | null): number => (text === null ? -1 : texts.push(text) - 1);
  return {
    add(seq, attempt, s, now) {
      const again = s.kind === "again" ? s : null;
      const dead = s.kind === "dead" ? s : null;
      numbers.push(
        now,
        seq,
        attempt,
        SETTLE_KINDS.indexOf(s.kind),
        s.tries.length,
        again === null ? 0 : Math.ceil(again.delayMs),
        again?.spent === true ? 1 : 0,
        again?.inDoubt === true ? 1 : 0,
        dead === null ? -1 : DEAD_REASONS.indexOf(dead.reason),
        dead?.release === true ? 1 : 0,
        place(logOf(s.tries)),
        place(s.kind === "verifying" ? pollText(s) : dead === null ? null : dead.detail),
      );
    },
    take: () => ({ numbers: Float64Array.from(numbers), texts }),
  };
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
export function unpack(packed: Packed, app: string, capability: string, seal: Seal, ids: IdTexts): Unpacked {
  const { numbers, texts } = packed;
  const bytes = Buffer.from(packed.bytes.buffer, packed.bytes.byteOffset, packed.bytes.length);
  const jobs: LeasedJob[] = [];
  const unreadable: Lease[] = [];
  let offset = 0;
  for (let at = 0; at < numbers.length; at += LEASED_NUMBERS) {
    const num = (n: number): number => numbers[at + n] as number;
    const row: JobId = { seq: num(0), tail: num(1) };
    const id = ids(row);
    const lease = new RowLease(id, num(2), row.seq);
    const from = offset + num(10);
    const request = readHead(bytes.toString("utf8", offset, from), seal);
    offset = from + num(11);
    if (request === null) {
      unreadable.push(lease);
      continue;
    }
    jobs.push({
      app,
      capability,
      lease,
      requestId: texts[num(13)] ?? id,
      request,
      body: bytes.subarray(from, offset),
      attempts: num(3),
      sends: num(4),
      inDoubt: num(5) === 1,
      origin: ORIGINS[num(6)] ?? "async",
      ordered: num(12) === 1,
      at: num(7),
      ageMs: num(8),
      expiresInMs: num(9),
    });
  }
  return { jobs, unreadable };
}

function readHead(text: string, seal: Seal): StoredRequest | null {
  try {
    const head: unknown = JSON.parse(text);
    return Array.isArray(head) ? readable(head as unknown as Head, seal) : null;
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
