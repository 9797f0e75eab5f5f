import { createRequire } from "node:module";
import type * as Undici from "undici";

/**
 * What a sidecar uses of undici. Its front door also loads a browser's fetch and WebSocket, caches and mocks: 8 MB that
 * stay for as long as the process runs. The version is pinned, so that these paths are known.
 */

const require = createRequire(import.meta.url);

export const Client = require("undici/lib/dispatcher/client.js") as typeof Undici.Client;
export const Pool = require("undici/lib/dispatcher/pool.js") as typeof Undici.Pool;
export const errors = require("undici/lib/core/errors.js") as typeof Undici.errors;
