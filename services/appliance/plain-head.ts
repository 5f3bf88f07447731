/** The head of a plain request, or nothing: this is no parser that repairs or refuses, see `fast-lane.ts`. */
import { maxHeaders } from './config.ts';

export interface PlainHead {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly target: string;
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** The fields as they came: a connection repeats them from request to request. */
  readonly block: string;
}

/** The head of a fill's request, and where in the chunk its body begins. */
export interface PutHead extends PlainHead {
  readonly lengthBytes: number;
  readonly bodyFrom: number;
}

const maxHeadBytes = 8 * 1024;
/** Media only, in visible ASCII. */
const targetForm = /^\/[tv]\/[\x21-\x7e]+$/;
const fieldForm = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x20-\x7e\x80-\xff]*?)[ \t]*$/;
/** Fields that mean a body, another protocol, or another end of the connection than the usual one. */
const unusual: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'proxy-connection',
  'http2-settings',
]);

/** Null for everything that is not one whole plain request and nothing else. `last` is what the connection sent before. */
export function readPlainHead(chunk: Buffer, last: PlainHead | null): PlainHead | null {
  if (chunk.length > maxHeadBytes) return null;
  const text = chunk.toString('latin1');
  if (text.indexOf('\r\n\r\n') !== text.length - 4) return null;
  const lineEnd = text.indexOf('\r\n');
  const line = text.slice(0, lineEnd);
  const method = line.startsWith('GET ') ? 'GET' : line.startsWith('HEAD ') ? 'HEAD' : null;
  if (!method || !line.endsWith(' HTTP/1.1')) return null;
  const target = line.slice(method.length + 1, -' HTTP/1.1'.length);
  if (!targetForm.test(target)) return null;
  const block = text.slice(lineEnd + 2, -2);
  if (last && last.block === block) return { method, target, fields: last.fields, block };
  const fields = readFields(block);
  return fields && { method, target, fields, block };
}

const putForm = /^PUT (\/fill\/objects\/[\x21-\x7e]+) HTTP\/1\.1$/;
const lengthForm = /^\d{1,15}$/;

/** Null for everything that does not begin with the whole plain head of a fill's request. */
export function readPutHead(chunk: Buffer): PutHead | null {
  if (chunk[0] !== 0x50) return null;
  const text = chunk.toString('latin1', 0, maxHeadBytes);
  const end = text.indexOf('\r\n\r\n');
  const lineEnd = text.indexOf('\r\n');
  const target = putForm.exec(text.slice(0, lineEnd))?.[1];
  if (end === -1 || target === undefined) return null;
  const block = text.slice(lineEnd + 2, end + 2);
  const fields = readFields(block, 'content-length');
  const length = fields?.get('content-length') ?? '';
  if (!fields || !lengthForm.test(length)) return null;
  return { method: 'PUT', target, fields, block, lengthBytes: Number(length), bodyFrom: end + 4 };
}

function readFields(block: string, besides?: string): ReadonlyMap<string, string> | null {
  const fields = new Map<string, string>();
  for (const line of block.slice(0, -2).split('\r\n')) {
    const match = fieldForm.exec(line);
    const name = match?.[1]?.toLowerCase();
    const value = match?.[2];
    // Any field twice is left to Node, which knows for each whether that is a list, a choice or a mistake.
    if (name === undefined || value === undefined || fields.has(name)) return null;
    if (unusual.has(name) && name !== besides) return null;
    if (name === 'connection' && value.toLowerCase() !== 'keep-alive') return null;
    fields.set(name, value);
  }
  return fields.get('host') && fields.size <= maxHeaders ? fields : null;
}
