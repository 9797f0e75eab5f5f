import type { Alert } from "../core/alert.ts";

/** What the admin listener asks of alerts. */
export interface AlertAdmin {
  /** Pending ones, too; in any order. */
  list(): readonly Alert[];
  find(id: string): Alert | null;
  rules(): AlertRulesInfo;
  /**
   * Puts rules, in the manifest's form, in place of the manifest's until they are reset. Resolves with what is wrong
   * with them, none where they are in force now. Rejects while they can't be kept.
   */
  setRules(written: unknown, by: string): Promise<readonly AlertRuleIssue[]>;
  /** Back to the manifest's; false where they are in force. Rejects while that can't be kept. */
  resetRules(): Promise<boolean>;
  /** Says nothing of an alert until a time, through its end and next beginning; with null, says it again. */
  silence(id: string, silence: Alert["silence"]): Alert | null;
}

export interface AlertRulesInfo {
  /** Who set them in place of the manifest's, and when; null where they are the manifest's. */
  readonly set: { readonly by: string; readonly at: number } | null;
  /** As the manifest writes durations. */
  readonly interval: string;
  readonly repeatEvery: string;
  readonly rules: readonly WrittenAlertRule[];
}

/** A rule as the manifest writes it. */
export interface WrittenAlertRule {
  readonly name: string;
  readonly metric: string;
  readonly below?: number | string;
  readonly above?: number | string;
  readonly over?: number | string;
  readonly for?: number | string;
  readonly min_samples?: number;
  readonly apps?: readonly string[];
  readonly capabilities?: readonly string[];
}

export interface AlertRuleIssue {
  /** Begins at the list of rules. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}
