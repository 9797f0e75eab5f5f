import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.ts";
import type { EgressRule } from "../core/egress.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings } from "../core/settings.ts";
import type { Classifier, compileClassifier } from "../policy/classify.ts";
import { compileInbound } from "../policy/inbound/compile.ts";
import type { Inbound } from "../policy/inbound/inbound.ts";
import { type BindCheck, compileResponseCheck } from "../policy/response.ts";
import { compileVerify, type Verify } from "../policy/verify.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import { compileSigner, type Signer } from "../upstream/sign.ts";
import type { WayOut } from "./upstreams.ts";

/** What of a manifest can be wrong although it is well formed: compiled before anything live is touched. */
export interface CompiledApp extends WayOut {
  readonly signer: Signer | null;
}

/** The same of a route, and its app's. */
export interface Compiled {
  readonly app: CompiledApp;
  readonly route: RouteSettings;
  readonly classifier: Classifier;
  readonly check: BindCheck;
  readonly inbound: Inbound | null;
  readonly verify: Verify | null;
}

/** Something wrong with what stands below `path`. */
interface CompileError {
  readonly path: readonly string[];
  readonly message: string;
}

/** Touches nothing live, so that a refused reload leaves everything as it was. Its path is relative to the app. */
export function compileApp(
  app: AppSettings,
  tls: TlsMaterial | null,
  egress: EgressRule,
): Result<CompiledApp, CompileError> {
  const signer = app.sign === null ? ok(null) : compileSigner(app.sign);
  if (!signer.ok) return err({ path: ["sign"], message: signer.error });
  return ok({ signer: signer.value, tls, egress });
}

/** Would it compile to what `compiled` is? Of one app under the same settings. */
export function staysApp(compiled: CompiledApp, tls: TlsMaterial | null, egress: EgressRule): boolean {
  return compiled.egress.key === egress.key && isDeepStrictEqual(compiled.tls, tls);
}

/** What routes of one manifest are compiled with. */
export interface CompileDeps {
  readonly clock: Clock;
  readonly classify: typeof compileClassifier;
}

/** Its path is relative to the webhook. */
export function compileRoute(
  route: RouteSettings,
  app: CompiledApp,
  { clock, classify }: CompileDeps,
): Result<Compiled, CompileError> {
  const classifier = classify(route.retry, route.response.status);
  const check = compileResponseCheck(route.response, classifier, clock);
  if (!check.ok) return err({ path: ["response", "schema"], message: check.error });
  const inbound = route.inbound === null ? ok(null) : compileInbound(route.inbound);
  if (!inbound.ok) return err({ path: ["inbound"], message: inbound.error });
  const verify = route.verify === null ? null : compileVerify(route.verify);
  return ok({ app, route, classifier, check: check.value, inbound: inbound.value, verify });
}
