/**
 * One request and its answer, apart from how they travel: Node's HTTP/1.1 and HTTP/2 servers, and the fast lane.
 *
 * An exchange is answered exactly once, with `send` or `stream`; `onDone` is called exactly once, also when the client
 * left before, and then nothing of the answer is held any more.
 */
import type { StoredBytes } from '../../shared/ports/segment-cache.ts';

export interface Exchange {
  readonly method: string;
  /** As it was sent: path and query, not decoded. */
  readonly target: string;
  readonly isSecure: boolean;
  readonly remoteAddress: string;
  /** Value of a header (name in lower case); several of one name joined as RFC 9110 §5.3 allows. */
  header(name: string): string | undefined;
  /** The client has closed its side before the answer: as good as gone, though it may still read. */
  onLeaving: () => void;
  /** `sentBytes` bounds what of the body can have left; infinite where all of it did. */
  onDone: (sentBytes: number) => void;
  /** Which bodies may lie in a file: none, those that are not had from memory, or any. */
  readonly takesStored: 'none' | 'not in memory' | 'any';
  /** False where bytes may be needed longer than until `onDone`: borrowed ones must be copied first. */
  readonly mayBorrow: boolean;
  /** The request's body. @throws Refusal `too-large` where it has more bytes. */
  readBody(maxBytes: number): Promise<Buffer>;
  /** Answers whole. The body of HEAD, 204 and 304 is null. */
  send(status: number, head: readonly HeaderBlock[], body: Buffer | null): void;
  /** Bytes that were taken of what was sent, from any beginning; null while none wait for the client. */
  takenBytes(): number | null;
  /** Ends an answer that is on its way, and its connection or stream. */
  cut(): void;
  /** As `send`, for exchanges that `takesStored`; the bytes may be released when `onDone` is called. */
  sendStored(status: number, head: readonly HeaderBlock[], body: StoredBytes): void;
  /** Answers part by part, each fetched when the one before is on its way; breaks off when `parts` throws. */
  stream(status: number, head: readonly HeaderBlock[], parts: AsyncGenerator<BodyPart>): void;
}

export interface BodyPart {
  readonly bytes: Buffer;
  /** Called when the bytes have left or never will. */
  readonly release?: (() => void) | undefined;
}

/** Header fields in the two forms in which they are written, made once and used for many answers. */
export interface HeaderBlock {
  /** Names and values in turn. */
  readonly pairs: readonly string[];
  /** As on the wire, each with its line end. */
  readonly text: string;
}

export function headerBlock(fields: Readonly<Record<string, string>>): HeaderBlock {
  const pairs = Object.entries(fields).flat();
  let text = '';
  for (const [name, value] of Object.entries(fields)) text += `${name}: ${value}\r\n`;
  return { pairs, text };
}
