import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EncryptionUnsupportedError } from '../../shared/media/encryption/sample-format.ts';
import { ProcessError } from '../../shared/media/process.ts';
import { UnplayableSourceError, unplayableCodes } from '../../shared/media/unplayable.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';
import {
  failureOf,
  isPermanent,
  NotConformantError,
  partFailureOf,
  SourceDamagedError,
  TranscodeRefusedError,
  WorkersDifferError,
} from './failure.ts';

const diskFull = Object.assign(new Error('write'), { code: 'ENOSPC' });
const cases = [
  ['unknown-profile', true, new TranscodeRefusedError('unknown-profile', 'There is no profile "x".')],
  ['encoder-missing', true, new TranscodeRefusedError('encoder-missing', 'ffmpeg has no libsvtav1.')],
  ['no-content-secret', true, new TranscodeRefusedError('no-content-secret', 'Nothing can be encrypted.')],
  ['not-encryptable', true, new EncryptionUnsupportedError('media of the kind av01')],
  ['source-missing', true, new TranscodeRefusedError('source-missing', 'The uploaded bytes are gone.')],
  ['not-conformant', true, new NotConformantError('NF404 (Apple 9.2): …')],
  ['source-damaged', false, new SourceDamagedError('other bytes')],
  ['store-failed', false, new ObjectStoreError('unavailable', 'key', 'connection refused')],
  ['encoder-failed', false, new ProcessError('timed-out', 'silent')],
  ['scratch-full', false, diskFull],
  ['workers-differ', false, new WorkersDifferError()],
  ['internal', false, new TypeError('a mistake of ours')],
] as const;

describe('how a transcode fails', () => {
  it.each(cases)('%s (for good: %s)', (code, permanent, error) => {
    expect(failureOf(error).code).toBe(code);
    expect(failureOf(error).reason.length).toBeGreaterThan(20);
    expect(isPermanent(error)).toBe(permanent);
  });

  it('tells a broken rule by its number', () => {
    expect(failureOf(new NotConformantError('NF404 (Apple 9.2): …')).reason).toContain('NF404');
  });

  it('keeps the code and the reason of a part’s worker, and has one for workers that were lost', () => {
    const told = partFailureOf('scratch-full: The disk is full. Free some space.');
    expect([failureOf(told), isPermanent(told)]).toEqual([
      { code: 'scratch-full', reason: 'The disk is full. Free some space.' },
      true,
    ]);
    expect(failureOf(partFailureOf('internal: The transcode failed.')).code).toBe('internal');
    expect(failureOf(partFailureOf('job stalled more than allowable limit')).code).toBe('worker-lost');
  });

  it('is the file’s fault with the file’s own code', () => {
    const error = new UnplayableSourceError('truncated', 'The file ends too early.');
    expect([failureOf(error).code, isPermanent(error)]).toEqual(['truncated', true]);
  });

  it('is told by docs/packaging.md for every code', async () => {
    const page = await readFile(new URL('../../docs/packaging.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code).toSorted();
    expect(documented).toEqual([...unplayableCodes, ...cases.map(([code]) => code), 'worker-lost'].toSorted());
  });
});
