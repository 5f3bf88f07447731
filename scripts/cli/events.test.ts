import { describe, expect, it } from 'vitest';
import { readEvents } from './events.ts';

async function read(text: string, chunkBytes: number): Promise<{ event: string; data: string }[]> {
  const bytes = new TextEncoder().encode(text);
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
  };
  const events = [];
  for await (const event of readEvents(chunks())) events.push(event);
  return events;
}

describe('readEvents', () => {
  const stream = [
    ': hello\n\n',
    'event: asset\ndata: {"title":"Üben 🎬"}\n\n',
    'id: 7\r\ndata: a\r\ndata:b\r\n\r\n',
    'data: cut off',
  ].join('');

  it.each([1, 2, 3, 7, 1_000])('reads the same events however the bytes come (%i at a time)', async (chunkBytes) => {
    expect(await read(stream, chunkBytes)).toEqual([
      { event: 'asset', data: '{"title":"Üben 🎬"}' },
      { event: 'message', data: 'a\nb' },
    ]);
  });

  it('takes lone carriage returns as line ends', async () => {
    expect(await read('data: x\rdata: y\r\rdata: z\r\r\n', 3)).toEqual([
      { event: 'message', data: 'x\ny' },
      { event: 'message', data: 'z' },
    ]);
  });
});
