import { type FileHandle, open, rm } from "node:fs/promises";
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { download } from "../download.ts";
import { type AdminEnv, refusal } from "../env.ts";
import type { AdminServices } from "../services.ts";
import { errorResponse, SPOOL_ERRORS } from "../wire.ts";

const backupRoute = createRoute({
  method: "post",
  path: "/spool/backup",
  operationId: "backupSpool",
  summary: "A copy of the whole spool, made while it runs",
  description: "A SQLite file with every payload and secret. What fails on the way breaks the connection.",
  tags: ["spool"],
  responses: {
    200: {
      description: "The file.",
      content: { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } },
    },
    ...SPOOL_ERRORS,
    409: errorResponse("Another copy is being made, or the spool is in Redis, which has its own ways to be copied."),
  },
});

const ON_REDIS = "no file here holds it, so it is copied where Redis keeps its data";

export function backupRoutes({ deliveries, audit, clock, onError }: AdminServices) {
  // Each copy takes as much room as the spool: many at once would fill the disk that new jobs need.
  let running = false;
  return new OpenAPIHono<AdminEnv>().openapi(backupRoute, async (c) => {
    if (running) throw refusal(409, "backup-running", "A copy is being made", "one at a time: wait for the other one");
    running = true;
    try {
      const path = await deliveries.backup();
      if (path === null) throw refusal(409, "spool-on-redis", "The spool is in Redis", ON_REDIS);
      await using file = await openOnce(path);
      const { size } = await file.stat();
      const detail = `${size} bytes`;
      audit.add({ at: clock.wall(), by: c.get("who").name, action: "spool.backup", target: "spool", detail });
      const headers = { "Content-Type": "application/octet-stream", "Content-Length": String(size) };
      return await download(c, clock, headers, chunksOf(file), onError);
    } finally {
      running = false;
    }
  });
}

/** Opens the file and takes its name away: it is gone once it is closed, even if the process is killed before. */
async function openOnce(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } finally {
    await rm(path, { force: true });
  }
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  yield* file.createReadStream({ autoClose: false });
}
