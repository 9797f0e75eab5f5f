import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureAdminToken, refuseOpenAdmin } from "../../src/admin/token.ts";
import { systemRandom } from "../../src/core/random.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "outrigger-token-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("a token is made once, for its owner's eyes only, and found again at the next start", async () => {
  const dataDir = join(folder(), "not", "there", "yet");
  const made = await ensureAdminToken(dataDir, systemRandom);
  expect(made.token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(made.file).toBe(join(dataDir, "admin-token"));
  expect(readFileSync(made.file, "utf8")).toBe(`${made.token}\n`);
  expect(statSync(made.file).mode & 0o777).toBe(0o600);
  expect(await ensureAdminToken(dataDir, systemRandom)).toEqual(made);
});

test("a token that others could read, or that is none, is replaced", async () => {
  const dataDir = folder();
  const first = await ensureAdminToken(dataDir, systemRandom);
  chmodSync(first.file, 0o644);
  const second = await ensureAdminToken(dataDir, systemRandom);
  expect(second.token).not.toBe(first.token);
  expect(statSync(second.file).mode & 0o777).toBe(0o600);
  for (const text of ["", "short\n", `${"x".repeat(2000)}\n`]) {
    writeFileSync(second.file, text);
    const made = await ensureAdminToken(dataDir, systemRandom);
    expect(made.token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(readFileSync(second.file, "utf8")).toBe(`${made.token}\n`);
  }
});

test("a symbolic link is not followed: it is replaced by a file", async () => {
  const dataDir = folder();
  const elsewhere = join(dataDir, "elsewhere");
  writeFileSync(elsewhere, `${"A".repeat(43)}\n`, { mode: 0o600 });
  symlinkSync(elsewhere, join(dataDir, "admin-token"));
  const { token } = await ensureAdminToken(dataDir, systemRandom);
  expect(token).not.toBe("A".repeat(43));
  expect(readFileSync(elsewhere, "utf8")).toBe(`${"A".repeat(43)}\n`);
});

test("a listener that other machines can reach needs a configured token", () => {
  const tcp = (host: string) => ({ kind: "tcp", host, port: 9090 }) as const;
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "outrigger.internal"]) {
    expect(refuseOpenAdmin(tcp(host), 0)).toContain("OUTRIGGER_ADMIN_TOKEN");
    expect(refuseOpenAdmin(tcp(host), 1)).toBeNull();
  }
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) expect(refuseOpenAdmin(tcp(host), 0)).toBeNull();
  expect(refuseOpenAdmin({ kind: "unix", path: "/run/outrigger.sock" }, 0)).toBeNull();
});
