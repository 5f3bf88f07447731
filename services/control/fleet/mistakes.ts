import { idPattern } from '../../../shared/domain/keys.ts';
import { Problem } from '../../../shared/platform/problem.ts';

/** One thing wrong with what was sent, in words that name the mend. */
export interface Mistake {
  readonly at: string;
  readonly message: string;
}

/** @throws Problem `invalid-request` that lists every mistake. */
export function refuse(mistakes: readonly Mistake[]): void {
  if (mistakes.length === 0) return;
  const detail = mistakes.map(({ at, message }) => `${at} ${message}`).join('; ');
  throw new Problem('invalid-request', `${detail}.`, { errors: mistakes });
}

export const unless = (right: boolean, at: string, message: string): Mistake[] => (right ? [] : [{ at, message }]);

export const idMistakes = (id: string): Mistake[] =>
  unless(
    idPattern.test(id),
    'id',
    `must be lower-case letters, digits and hyphens, begin with a letter or digit and have at most 63 characters (got ${JSON.stringify(id.slice(0, 80))})`,
  );

export const positive = (value: number, at: string, unit: string): Mistake[] =>
  unless(Number.isFinite(value) && value > 0, at, `must be more than 0 (${unit})`);
