/**
 * Errors as callers see them: RFC 9457 problems with a stable code.
 *
 * The table below is the whole vocabulary of refusals over HTTP. `docs/errors.md` is made from it and a test holds the
 * two together, so a code can be looked up and never changes its meaning.
 */

export const problemTypes = {
  'invalid-request': [400, 'The request is not of the form that this call takes.'],
  unauthorized: [401, 'The credential is missing or not known.'],
  forbidden: [403, 'The credential does not allow this.'],
  'not-found': [404, 'There is nothing under this address.'],
  'method-not-allowed': [405, 'This address does not take this method.'],
  conflict: [409, 'The present state of the resource does not allow this.'],
  'already-exists': [409, 'There is one of this name already.'],
  gone: [410, 'It existed and was deleted.'],
  'length-required': [411, 'The request must say how long its body is.'],
  'precondition-failed': [412, 'A condition of the request does not hold.'],
  'too-large': [413, 'The body is larger than this call takes.'],
  'unsupported-media-type': [415, 'The body is of a type that this call does not take.'],
  'range-not-satisfiable': [416, 'The range lies outside the object.'],
  'unplayable-source': [422, 'The upload is not a video that can be played.'],
  'invalid-text': [422, 'The file is not one of subtitles that can be read.'],
  'too-long': [422, 'The video lasts longer than is taken.'],
  'hls-not-importable': [422, 'The HLS stream cannot be published as it is.'],
  'url-not-allowed': [422, 'The URL leads where imports may not go.'],
  'source-unreachable': [422, 'The URL could not be fetched.'],
  'quota-exceeded': [403, 'The bytes that may be uploaded are used up.'],
  'digest-mismatch': [422, 'The bytes are not those that the digest names.'],
  // tus 1.0, checksum extension.
  'checksum-mismatch': [460, 'The bytes of this request are not those of its checksum.'],
  'too-many-requests': [429, 'Too many requests; try again later.'],
  internal: [500, 'Something went wrong on our side.'],
  'upstream-failed': [502, 'No upstream could deliver the bytes.'],
  'upstream-timed-out': [504, 'No upstream answered in time.'],
  'not-ready': [503, 'The service is starting or misses something that it needs.'],
  overloaded: [503, 'The service is at its limit; try again later.'],
  'not-held': [504, 'Asked for held content only, and it is not held.'],
  'no-room': [507, 'The disk budget is used up.'],
  'disk-failed': [507, 'The disk does not keep what it is given.'],

  'asset-not-found': [404, 'There is no asset of this id.'],
  'asset-not-published': [409, 'The asset has no version that can be played yet.'],
  'text-track-not-found': [404, 'The asset has no text track of this language and kind.'],
  embargoed: [403, 'The asset may not be played yet.'],
  'upload-not-found': [404, 'There is no upload of this id; it may have expired.'],
  'import-not-found': [404, 'There is no import of this id; it may have expired.'],
  'region-not-found': [404, 'There is no region of this id.'],
  'region-in-use': [409, 'The region still has appliances.'],
  'appliance-not-found': [404, 'There is no appliance of this id.'],
  'no-appliance-available': [503, 'No appliance can serve now.'],
  'plan-not-found': [404, 'The date has no frozen plan.'],
  'forecast-not-ready': [
    503,
    'The forecast worker was asked for something (a forecast, an explanation, a verification) and did not bring it in time.',
  ],
  'fill-not-found': [404, 'There is no fill of this id.'],
  'fill-running': [409, 'The region is being filled already.'],
  'too-many-revocations': [409, 'As many sessions as can be are revoked already.'],
  'revocation-not-found': [404, 'There is no such revoked session.'],
  'report-not-found': [404, 'There is no report for this region and date.'],
  'invalid-demand': [422, 'The demand table has rows that cannot be read.'],
  'version-gone': [410, 'This version was deleted.'],
  'keys-unavailable': [503, 'The keys of the media cannot be had now.'],
  'token-missing': [401, 'Media is served with a playback token only.'],
  'token-invalid': [401, 'The playback token is not valid.'],
  'token-expired': [401, 'The playback token has expired.'],
  'token-not-covering': [403, 'The playback token does not cover this address.'],
  'manifest-missing': [409, 'The manifest of the version must be put before its media.'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof problemTypes;

/** Documentation address of a code; relative, so that it works wherever the console lives. */
const typeOf = (code: ProblemCode): string => `/docs/errors#${code}`;

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was wrong this time, and how to mend it. */
  readonly detail: string;
  readonly code: ProblemCode;
  readonly requestId?: string;
  /** Single mistakes, where there are several. */
  readonly errors?: readonly { readonly at: string; readonly message: string }[];
}

export interface ProblemOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly errors?: ProblemDocument['errors'];
}

/** An error that is meant for the caller. `detail` names what was wrong and the mend; it must not hold secrets. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: ProblemDocument['errors'];

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.name = 'Problem';
    this.code = code;
    this.statusCode = problemTypes[code][0];
    this.headers = options.headers ?? {};
    this.errors = options.errors;
  }

  toDocument(requestId?: string): ProblemDocument {
    const [status, title] = problemTypes[this.code];
    return {
      type: typeOf(this.code),
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(requestId ? { requestId } : {}),
      ...(this.errors ? { errors: this.errors } : {}),
    };
  }
}
