import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadManifest } from "../../src/manifest/load.ts";

/** The files that set Outrigger up elsewhere agree with each other and with the program. */

const env = { OUTRIGGER_ADMIN_TOKEN: "0123456789abcdef0123456789abcdef" };

test.each(["deploy/docker/outrigger.yaml", "deploy/docker/compose.outrigger.yaml", "deploy/kubernetes/outrigger.yaml"])(
  "the manifest %s is good, keeps its data on the volume, and lets the outside ask for health",
  (file) => {
    const loaded = loadManifest(file, { env, cwd: process.cwd() });
    expect(loaded.ok ? [] : loaded.error).toEqual([]);
    if (!loaded.ok) return;
    expect(loaded.value.manifest.dataDir).toBe("/var/lib/outrigger");
    expect(loaded.value.manifest.listen.admin).toEqual({ kind: "tcp", host: "0.0.0.0", port: 9090 });
    expect(loaded.value.manifest.admin.allowedHosts).toContain("outrigger");
    const [first] = readFileSync(file, "utf8").split("\n");
    const [, schema = ""] = /\$schema=(\S+)/.exec(first ?? "") ?? [];
    expect(existsSync(join(dirname(file), schema))).toBe(true);
  },
);

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}
interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly volumes?: readonly string[];
  readonly depends_on?: object;
}

test("compose names files, volumes and services that are there", () => {
  const { services, volumes } = parse(readFileSync("deploy/docker/compose.yaml", "utf8")) as Compose;
  expect(Object.keys(services)).toEqual(["outrigger", "app", "redis", "prometheus", "grafana"]);
  for (const [name, { build, volumes: mounts = [], depends_on: needs = {} }] of Object.entries(services)) {
    for (const mount of mounts) {
      const source = mount.split(":")[0] as string;
      const found = source.startsWith(".") ? existsSync(join("deploy/docker", source)) : source in volumes;
      expect(found, `${name}: ${source}`).toBe(true);
    }
    if (build) expect(existsSync(join("deploy/docker", build.context, build.dockerfile))).toBe(true);
    for (const other of Array.isArray(needs) ? needs : Object.keys(needs)) expect(services).toHaveProperty(other);
  }
});

interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } };
}

test("Kubernetes runs it as a native sidecar with probes, a volume, and time to drain", () => {
  const set = parse(readFileSync("deploy/kubernetes/statefulset.yaml", "utf8"));
  const { initContainers, volumes, terminationGracePeriodSeconds } = set.spec.template.spec;
  const [sidecar] = initContainers as readonly Container[];
  expect(sidecar).toMatchObject({
    name: "outrigger",
    restartPolicy: "Always",
    startupProbe: { httpGet: { path: "/readyz", port: "admin" } },
    livenessProbe: { httpGet: { path: "/livez", port: "admin" } },
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
  });
  const known = [...volumes, ...set.spec.volumeClaimTemplates.map((c: { metadata: object }) => c.metadata)].map(
    (volume: { name: string }) => volume.name,
  );
  for (const { name } of sidecar?.volumeMounts ?? []) expect(known).toContain(name);
  const claimed = sidecar?.volumeMounts?.find(({ name }) => name === "data");
  expect(claimed?.mountPath).toBe("/var/lib/outrigger");
  expect(terminationGracePeriodSeconds).toBeGreaterThan(2 + 25);
});

test("every YAML and every service file under deploy can be read, and what a kustomization names is there", () => {
  for (const file of globSync("deploy/**/*.{yaml,yml}")) {
    for (const document of parseAllDocuments(readFileSync(file, "utf8"), { version: "1.2" }))
      expect("errors" in document ? document.errors : [], file).toEqual([]);
  }
  const { resources, configMapGenerator } = parse(readFileSync("deploy/kubernetes/kustomization.yaml", "utf8"));
  for (const name of [...resources, ...configMapGenerator[0].files])
    expect(existsSync(join("deploy/kubernetes", name)), name).toBe(true);
});

test("under the unit the process that reads a large reload can stand back, goes alone where memory runs out, and leaves no dump", () => {
  const unit = readFileSync("deploy/systemd/outrigger.service", "utf8").split("\n");
  expect(unit).toContain("OOMPolicy=continue");
  expect(unit).toContain("LimitCORE=0");
  const filters = unit.filter((line) => line.startsWith("SystemCallFilter="));
  expect(filters.at(-1)).toBe("SystemCallFilter=setpriority");
});

const systemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

// Not every machine of ours is run by it; a container seldom is.
test.skipIf(!systemd)("systemd finds nothing wrong with the unit but that the program is not installed here", () => {
  const verified = spawnSync("systemd-analyze", ["verify", "deploy/systemd/outrigger.service"], { encoding: "utf8" });
  const said = `${verified.stdout}${verified.stderr}`.split("\n").filter((line) => line.includes("outrigger.service"));
  expect(said.filter((line) => !line.includes("is not executable: No such file"))).toEqual([]);
  const judged = spawnSync(
    "systemd-analyze",
    ["security", "--offline=yes", "--threshold=20", "deploy/systemd/outrigger.service"],
    { encoding: "utf8" },
  );
  expect(judged.status).toBe(0);
});
