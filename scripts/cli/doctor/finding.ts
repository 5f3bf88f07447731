/** What one check of `doctor` found. */
export interface Finding {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do; present unless all is well. */
  readonly mend?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, verdict: 'ok', detail });
export const warn = (check: string, detail: string, mend: string): Finding => ({
  check,
  verdict: 'warn',
  detail,
  mend,
});
export const fail = (check: string, detail: string, mend: string): Finding => ({
  check,
  verdict: 'fail',
  detail,
  mend,
});
