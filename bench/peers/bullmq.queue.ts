import { type JobsOptions, Queue } from "bullmq";

/** What a job holds: the request, as one would send it on. */
export interface Delivery {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const QUEUE = "deliveries";

/** Retried like ours; what was delivered is dropped, which is the cheapest. */
const OPTIONS: JobsOptions = {
  attempts: 3,
  backoff: { type: "exponential", delay: 1_000 },
  removeOnComplete: true,
};

export function connection(port: number): { readonly host: string; readonly port: number } {
  return { host: "127.0.0.1", port };
}

export function openQueue(port: number): Queue<Delivery> {
  return new Queue<Delivery>(QUEUE, { connection: connection(port), defaultJobOptions: OPTIONS });
}
