import type { AlertAdmin } from "../admin/services.alerts.ts";
import type { Manifest } from "../core/settings.ts";
import { readAlertRules } from "../manifest/prove.alerts.ts";
import { writtenAlertRule } from "../manifest/resolve.alerts.ts";
import { formatDuration } from "../manifest/units.ts";
import type { Alerting } from "./alerts.ts";

/** What an operator sees and does of alerts. `manifest` gives the one in force. */
export function alertService(alerts: Alerting, manifest: () => Manifest): AlertAdmin {
  return {
    list: alerts.list,
    find: alerts.find,
    rules() {
      const { rules, set } = alerts.rules();
      const { intervalMs, repeatEveryMs } = manifest().alerts;
      return {
        set,
        interval: formatDuration(intervalMs),
        repeatEvery: formatDuration(repeatEveryMs),
        rules: rules.map(writtenAlertRule),
      };
    },
    async setRules(written, by) {
      const { rules, issues } = readAlertRules(written, manifest());
      if (issues.length > 0) return issues;
      await alerts.setRules(rules, JSON.stringify(rules.map(writtenAlertRule)), by);
      return [];
    },
    resetRules: alerts.resetRules,
    silence: alerts.silence,
  };
}
