import { parentPort, workerData } from "node:worker_threads";
import { quickCheck } from "./database.ts";

/** Where the thread begins that reads a file through once, in the background, and ends. */

const { path } = workerData as { readonly path: string };
parentPort?.postMessage(quickCheck(path));
