import { request } from "node:http";
import type { Bench } from "./bench.ts";

/** Where a load goes: one proxy, or the upstream itself. All on 127.0.0.1. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** The paths of the load, taken in turn. */
  readonly paths: readonly string[];
  /** The process whose time is measured, with all below it. */
  readonly pid: number;
  /** Servers that it has to have, and whose time is part of it. */
  readonly alsoPids?: readonly number[];
  /** Takes requests to be sent later: answers 202, and not with the upstream's answer. */
  readonly queues?: true;
  /** Throws away what a run left behind. */
  tidy?(): Promise<void>;
  stop(): Promise<void>;
}

/** Something to measure beside ours. */
export interface Peer {
  /** As on the command line: `--peer relay`. */
  readonly name: string;
  /** As in the table. */
  readonly title: string;
  /** With its version, or null where it is not installed. */
  version(): string | null;
  /** How to get it, for people. */
  readonly install: string;
  /** Starts it before the upstream at `upstreamPort`, in a process of its own, and waits until it listens. `nodeArgs` are for Node. */
  start(bench: Bench, upstreamPort: number, nodeArgs?: readonly string[]): Promise<Target>;
}

/** Something to measure that has a primary and a backup behind it. */
export interface FailoverPeer extends Omit<Peer, "start"> {
  start(bench: Bench, ports: { readonly primary: number; readonly backup: number }): Promise<Target>;
}

/** 1 KiB of JSON, as a platform would send it. */
export const BODY = jsonOf(1024);

/** The upstream's fixed answer: an envelope, so that what looks for one finds it. */
export const ANSWER = JSON.stringify({ success: true, data: { accepted: true, score: 42, text: "x".repeat(64) } });

/** JSON of so many bytes, of which its frame has some 85. */
export function jsonOf(bytes: number): string {
  const frame = (text: string): string =>
    JSON.stringify({ event: "quiz.answer", room: "room-42", user: { id: 7, name: "Ada" }, answer: { text } });
  return frame("x".repeat(bytes - frame("").length));
}

/**
 * One call that must be answered with 200 and the upstream's own body (or, by what queues, with 202), or the run fails:
 * no ratio of wrong answers.
 */
export async function prove(target: Target): Promise<void> {
  const { status, body } = await post(target.port, target.paths[0]!);
  const due = target.queues ? "202" : `200 ${ANSWER}`;
  if (target.queues ? status !== 202 : status !== 200 || body !== ANSWER)
    throw new Error(`${target.name} answered ${status} ${body.slice(0, 500)} where ${due} was due`);
}

/** Waits until a port of 127.0.0.1 answers requests at all: for native servers, which do not say when they are ready. */
export async function untilAnswers(port: number, name: string): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      await post(port, "/");
      return;
    } catch (error) {
      if (performance.now() > end) throw new Error(`${name} does not answer on port ${port}`, { cause: error });
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

function post(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((done, fail) => {
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(BODY) };
    const call = request({ host: "127.0.0.1", port, path, method: "POST", headers, agent: false, timeout: 10_000 });
    call.on("timeout", () => call.destroy(new Error(`no answer in 10 s from port ${port}`)));
    call.on("error", fail);
    call.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("error", fail).on("end", () => done({ status: response.statusCode ?? 0, body }));
    });
    call.end(BODY);
  });
}
