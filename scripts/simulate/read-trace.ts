/** Reads a request log from a file, plain or gzip, without ever holding its text. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Trace } from '../../shared/domain/simulation/trace.ts';
import { RowParser } from './parse-rows.ts';

const chunkBytes = 1 << 20;

/**
 * @throws TraceError for a row that cannot be read, naming its line.
 * @throws Error of the file system or of zlib.
 */
export async function readTrace(path: string): Promise<Trace> {
  const parser = new RowParser();
  const parse = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) parser.add(chunk);
  };
  const isPacked = await isGzip(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  if (isPacked) await pipeline(file, createGunzip({ chunkSize: chunkBytes }), parse);
  else await pipeline(file, parse);
  return parser.finish();
}

/** By the first bytes, whatever the file is called. */
async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
