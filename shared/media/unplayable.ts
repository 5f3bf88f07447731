/** Why a file cannot become a video here. The codes are stable; each message names the mend. */
export const unplayableCodes = [
  'empty-file',
  'not-a-media-file',
  'container-not-allowed',
  'no-video-stream',
  'unknown-codec',
  'truncated',
  'no-duration',
  'too-large-frame',
  'too-small-frame',
  'probe-timed-out',
  'not-decodable',
] as const;
export type UnplayableCode = (typeof unplayableCodes)[number];

/** The input's fault, not ours: trying again with the same bytes cannot help. */
export class UnplayableSourceError extends Error {
  readonly code: UnplayableCode;

  constructor(code: UnplayableCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnplayableSourceError';
    this.code = code;
  }
}
