import { describe, expect, it } from 'vitest';
import { cookieOf, isSession, makeSession, sessionTtlMs } from './session.ts';

const apiKey = 'a-key-of-the-operator';
const now = Date.parse('2026-11-20T12:00:00Z');

describe('console sessions', () => {
  it('hold until they expire, and only for the key that they were made with', () => {
    const session = makeSession(apiKey, now);
    expect(isSession(apiKey, session, now)).toBe(true);
    expect(isSession(apiKey, session, now + sessionTtlMs - 1)).toBe(true);
    expect(isSession(apiKey, session, now + sessionTtlMs)).toBe(false);
    expect(isSession('another-key-altogether', session, now)).toBe(false);
  });

  it('cannot be prolonged or made up', () => {
    const [expires = '', signature = ''] = makeSession(apiKey, now).split('.');
    expect(isSession(apiKey, `${Number(expires) + 1}.${signature}`, now)).toBe(false);
    for (const value of ['', '.', `${expires}.`, apiKey, `${expires}.${'A'.repeat(43)}`]) {
      expect(isSession(apiKey, value, now)).toBe(false);
    }
  });

  it('are found among other cookies', () => {
    expect(cookieOf('a=1; nightfill_session=x.y ; b=2', 'nightfill_session')).toBe('x.y');
    expect(cookieOf('xnightfill_session=1', 'nightfill_session')).toBeNull();
    expect(cookieOf(undefined, 'nightfill_session')).toBeNull();
  });
});
