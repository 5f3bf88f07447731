/** Bodies of an appliance's answers, read with a bound: a broken appliance must not fill our memory. */
import type { Readable } from 'node:stream';

const longestAnswerBytes = 64 * 1024 * 1024;
const longestProblemBytes = 64 * 1024;

export interface ProblemBody {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
}

async function readText(body: Readable, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    sizeBytes += bytes.byteLength;
    if (sizeBytes > limitBytes) throw new Error(`the answer is longer than ${limitBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws Error when the body is no JSON, too long or breaks off. */
export const readJson = async <T>(body: Readable): Promise<T> =>
  JSON.parse(await readText(body, longestAnswerBytes)) as T;

/** The problem document (RFC 9457) that says what is wrong; null when there is none. */
export async function readProblem(body: Readable): Promise<ProblemBody | null> {
  try {
    const value: unknown = JSON.parse(await readText(body, longestProblemBytes));
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}
