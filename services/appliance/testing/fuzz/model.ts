/** What an answer must be, by a model of its own: slow, simple, and knowing nothing of the code that it judges. */
import { gunzipSync } from 'node:zlib';

export interface PublishedFile {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly contentType: string;
  readonly isPlaylist: boolean;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One range: `[first, last]`, with null where a number is left out. */
export type RangeSpec = readonly [number | null, number | null];

export interface MediaRequest {
  readonly method: 'GET' | 'HEAD';
  /** Null: no such field. `specs` null: one that must be ignored. */
  readonly range: { readonly specs: readonly RangeSpec[] | null } | null;
  /** Whether the condition holds, by who made it; null: none is asked. */
  readonly ifRange: 'stands' | 'falls' | null;
  readonly isUnchanged: boolean;
  readonly takesGzip: boolean;
}

/** Both inclusive. */
type Span = readonly [number, number];
const mostRanges = 16;
const smallGap = 80;

/** Null where the answer is right, else what is wrong with it. */
export function judgeMedia(request: MediaRequest, file: PublishedFile, answer: Answer): string | null {
  const { status, headers, body } = answer;
  const isGzip = file.isPlaylist && request.takesGzip && request.range === null;
  const tag = `"${file.sha256}${isGzip ? '-gzip' : ''}"`;
  if (request.isUnchanged) {
    if (status !== 304) return `${status} instead of 304`;
    return body.length > 0 ? '304 with a body' : headers.etag === tag ? null : '304 with another tag';
  }
  const wanted = spansOf(request, file.bytes.length);
  if (wanted === 'none') return status === 416 ? null : `${status} instead of 416`;
  if (headers.etag !== tag) return `the tag ${headers.etag} instead of ${tag}`;
  if (headers['accept-ranges'] !== 'bytes') return 'no Accept-Ranges';
  if (wanted === 'whole') {
    if (status !== 200) return `${status} instead of 200`;
    if (headers['content-type'] !== file.contentType) return `the type ${headers['content-type']}`;
    if ((headers['content-encoding'] === 'gzip') !== isGzip) return 'encoded otherwise than it should be';
    if (request.method === 'HEAD') return body.length === 0 ? null : 'a body for HEAD';
    if (Number(headers['content-length']) !== body.length) return 'another length than announced';
    return (isGzip ? gunzipSync(body) : body).equals(file.bytes) ? null : 'other bytes than the whole';
  }
  if (status !== 206) return `${status} instead of 206`;
  if (Number(headers['content-length']) !== body.length) return 'another length than announced';
  const parts = partsOf(answer, file.bytes.length);
  return typeof parts === 'string' ? parts : judgeParts(parts, wanted, file.bytes);
}

function spansOf({ method, range, ifRange }: MediaRequest, size: number): Span[] | 'whole' | 'none' {
  if (method === 'HEAD' || ifRange === 'falls' || !range?.specs || range.specs.length > mostRanges) return 'whole';
  const spans: Span[] = [];
  for (const [first, last] of range.specs) {
    if (first !== null && last !== null && last < first) return 'whole';
    const from = first ?? Math.max(0, size - (last ?? 0));
    const to = first === null || last === null ? size - 1 : Math.min(last, size - 1);
    if (from <= to && !(first === null && last === 0)) spans.push([from, to]);
  }
  return spans.length === 0 ? 'none' : spans;
}

interface Part {
  readonly span: Span;
  readonly bytes: Buffer;
}

function partsOf({ headers, body }: Answer, size: number): Part[] | string {
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) {
    const span = spanOf(`Content-Range: ${headers['content-range']}`, size);
    return span ? [{ span, bytes: body }] : 'no range of this file';
  }
  if (headers['content-range'] !== undefined) return 'a range beside several';
  const parts: Part[] = [];
  let at = 0;
  while (!body.subarray(at).equals(Buffer.from(`--${boundary}--\r\n`))) {
    const end = body.indexOf('\r\n\r\n', at);
    const head = end < 0 ? '' : body.toString('latin1', at, end);
    const span = spanOf(head, size);
    if (!span || !head.startsWith(`--${boundary}\r\n`)) return 'a part without a head';
    at = end + 4 + span[1] + 1 - span[0];
    parts.push({ span, bytes: body.subarray(end + 4, at) });
    if (body.toString('latin1', at, at + 2) !== '\r\n') return 'a part without an end';
    at += 2;
  }
  return parts.length > 1 ? parts : 'several that are one';
}

function spanOf(head: string, size: number): Span | null {
  const [, first, last, all] = /^Content-Range: bytes (\d+)-(\d+)\/(\d+)$/im.exec(head) ?? [];
  return first !== undefined && Number(all) === size ? [Number(first), Number(last)] : null;
}

/** Every byte that was asked for, none twice, none besides but in small gaps, and all as they were published. */
function judgeParts(parts: readonly Part[], wanted: readonly Span[], bytes: Buffer): string | null {
  for (const { span, bytes: got } of parts)
    if (!got.equals(bytes.subarray(span[0], span[1] + 1))) return `other bytes in ${span.join('-')}`;
  const sent = sorted(parts.map(({ span }) => span));
  if (sent.some(([first], at) => at > 0 && first <= (sent[at - 1]?.[1] ?? -1))) return 'a byte twice';
  if (!wanted.every(([first, last]) => sent.some(([from, to]) => from <= first && last <= to)))
    return 'a byte is missing';
  for (const [from, to] of sent) {
    if (!wanted.some(([first]) => first === from)) return 'more than was asked for';
    let reached = from;
    for (const [first, last] of sorted(wanted)) {
      if (last < from || first > to) continue;
      if (first - reached >= smallGap) return 'more than was asked for';
      reached = Math.max(reached, last + 1);
    }
    if (reached !== to + 1) return 'more than was asked for';
  }
  return wanted.length > 1 || sent.length === 1 ? null : 'more parts than ranges';
}

const sorted = (spans: readonly Span[]): Span[] => [...spans].sort((a, b) => a[0] - b[0]);
