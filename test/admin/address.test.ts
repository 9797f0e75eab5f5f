import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ADDRESS_FILE } from "../../src/admin/address.ts";
import { startSidecar } from "../help/sidecar.ts";
import { tempDir } from "../storage/support.ts";

test("a start that comes no further than the data directory leaves no address of the sidecar before it", async () => {
  const dir = tempDir();
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  const file = join(dir, "data", ADDRESS_FILE);
  writeFileSync(file, `${process.pid} 127.0.0.1:${port}\n`);
  const yaml = `listen: { proxy: "127.0.0.1:${port}", admin: "127.0.0.1:0" }\ndata_dir: ./data\napps: {}\n`;
  await expect(startSidecar(yaml, { dir, whole: true })).rejects.toThrow(/is in use/);
  expect(existsSync(file)).toBe(false);
});
