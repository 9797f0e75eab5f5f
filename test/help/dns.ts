import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** What a name is, at one time. */
export interface Zone {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** The name is an alias of the first, that of the second, and so on: the last has the addresses. */
  readonly cname?: readonly string[];
}

/** A name server of a test's own, on UDP, and a way to ask it in place of the system's resolver. */
export interface Dns {
  readonly lookup: LookupFunction;
  /** What a name is from now on: the first for the first question, and so on; the last stays. */
  put(name: string, ...zones: Zone[]): void;
  /** How often the addresses of a name were asked for since it was put. */
  asked(name: string): number;
  stop(): Promise<void>;
}

const A = 1;
const CNAME = 5;
const AAAA = 28;

export async function startDns(names: Readonly<Record<string, readonly Zone[]>> = {}): Promise<Dns> {
  const zones = new Map<string, readonly Zone[]>(Object.entries(names));
  const counts = new Map<string, number>();
  const socket = createSocket("udp4");
  socket.on("message", (question, { address, port }) => {
    const { name, type, end } = readQuestion(question);
    const all = zones.get(name);
    const key = `${name} ${type}`;
    const n = counts.get(key) ?? 0;
    counts.set(key, n + 1);
    const zone = all?.[Math.min(n, all.length - 1)];
    socket.send(answerTo(question.subarray(0, end), name, type, zone), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    lookup(name, _options, callback) {
      void Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]).then(([four, six]) => {
        const found = [
          ...(four.status === "fulfilled" ? four.value.map((address) => ({ address, family: 4 })) : []),
          ...(six.status === "fulfilled" ? six.value.map((address) => ({ address, family: 6 })) : []),
        ];
        if (found.length > 0) callback(null, found);
        else callback(four.status === "rejected" ? (four.reason as Error) : new Error("ENODATA"), []);
      });
    },
    put(name, ...next) {
      zones.set(name, next);
      for (const type of [A, AAAA]) counts.delete(`${name} ${type}`);
    },
    asked: (name) => counts.get(`${name} ${A}`) ?? 0,
    stop: () => new Promise((resolve) => socket.close(resolve)),
  };
}

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** RFC 1035 section 4: the question again, then what is known. An unknown name is NXDOMAIN. */
function answerTo(question: Buffer, name: string, type: number, zone: Zone | undefined): Buffer {
  const records: Buffer[] = [];
  let owner = name;
  for (const alias of zone?.cname ?? []) {
    records.push(record(owner, CNAME, nameBytes(alias)));
    owner = alias;
  }
  const addresses = (type === A ? zone?.a : type === AAAA ? zone?.aaaa : undefined) ?? [];
  for (const address of addresses) {
    records.push(record(owner, type, Buffer.from(ipaddr.parse(address).toByteArray())));
  }
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | (zone === undefined ? 3 : 0), 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...records]);
}

function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(name), fixed, data]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}
