import type { Stream } from './model.ts';
import type { Rule, Severity, Violation } from './rule.ts';
import { bandwidthRules } from './rules/bandwidths.ts';
import { codecIframeRules, codecVariantRules } from './rules/codecs.ts';
import { encryptionRules } from './rules/encryption.ts';
import { iframeRules } from './rules/iframes.ts';
import { mediaPlaylistRules } from './rules/media-playlists.ts';
import { multivariantRules } from './rules/multivariant.ts';
import { playlistRules } from './rules/playlists.ts';
import { segmentRules } from './rules/segments.ts';
import { textRules } from './rules/text.ts';

/** Every rule, by id. */
export const rules: readonly Rule[] = [
  ...playlistRules,
  ...mediaPlaylistRules,
  ...segmentRules,
  ...multivariantRules,
  ...bandwidthRules,
  ...iframeRules,
  ...textRules,
  ...codecVariantRules,
  ...codecIframeRules,
  ...encryptionRules,
].toSorted((a, b) => a.id.localeCompare(b.id));

export interface Finding extends Violation {
  readonly rule: string;
  readonly severity: Severity;
  readonly requirement: string;
  readonly sources: readonly string[];
}

export interface Report {
  /** True without findings of level `error`. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<Severity, number>>;
  /**
   * Playlists without an end: live streams, and works that are still being made. They are judged by what they hold so far, and
   * not by what only a finished work can fulfil (NF203, NF204, NF207, NF410–NF412).
   */
  readonly unfinished: readonly string[];
  /** Worst first, then by rule. */
  readonly findings: readonly Finding[];
  /** Every rule with the number of places that it could judge; 0: nothing to judge it by. */
  readonly rules: readonly {
    readonly id: string;
    readonly severity: Severity;
    readonly looked: number;
    readonly violations: number;
  }[];
}

const order: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** Judges a stream by every rule. */
export function checkConformance(stream: Stream): Report {
  const checked = rules.map((rule) => ({ rule, ...rule.check(stream) }));
  const findings = checked.flatMap(({ rule: { id, severity, requirement, sources }, violations }) =>
    violations.map((violation): Finding => ({ rule: id, severity, requirement, sources, ...violation })),
  );
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  return {
    ok: count('error') === 0,
    counts: { error: count('error'), warning: count('warning'), note: count('note') },
    unfinished: stream.playlists.flatMap(({ uri, ended, failure, playlistType }) =>
      failure === null && !ended && playlistType !== 'VOD' ? [uri] : [],
    ),
    findings: findings.toSorted((a, b) => order[a.severity] - order[b.severity] || a.rule.localeCompare(b.rule)),
    rules: checked.map(({ rule: { id, severity }, looked, violations }) => ({
      id,
      severity,
      looked,
      violations: violations.length,
    })),
  };
}
