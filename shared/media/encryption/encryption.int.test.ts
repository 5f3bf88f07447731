import { execFile } from 'node:child_process';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg, makeClipFolder } from '../../testing/clips.ts';
import { encryptedSizeBytes, encryptSegment, sequenceIv } from './aes-128.ts';
import { boxesAt } from './box-bytes.ts';
import { protectFile } from './protect-file.ts';
import { EncryptionUnsupportedError, readSampleFormat } from './sample-format.ts';

const run = promisify(execFile);
const key = randomBytes(16);
const keyId = randomBytes(16);
const protection = { key, iv: randomBytes(16), keyId, licenceKeyIds: [keyId, randomBytes(16)] };

let dir = '';
let dispose: () => Promise<void>;
beforeAll(async () => {
  ({ dir, dispose } = await makeClipFolder());
});
afterAll(() => dispose());

const fragmented = ['-movflags', '+cmaf+delay_moov+default_base_moof+skip_trailer+skip_sidx+frag_keyframe'];
const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30', '-t', '1.5', '-pix_fmt', 'yuv420p'];
const fade = ['-vf', 'fade=t=in:d=1'];

async function encoded(name: string, args: readonly string[]): Promise<string> {
  const path = join(dir, name);
  await ffmpeg([...args, ...fragmented, '-f', 'mp4', path]);
  return path;
}

/** Times, sizes and digests of the packets: equal for the same bit stream at the same times. */
async function packets(path: string, options: readonly string[] = []): Promise<string[]> {
  // Read from front to back: what ffmpeg 5.1 knows of the last fragment it takes for all, where it may look ahead.
  const text = await ffmpeg(['-seekable', '0', ...options, '-i', path, '-c', 'copy', '-f', 'framemd5', '-']);
  const lines = text.split('\n').filter((line) => /^\d/.test(line));
  // What follows is side data: how the packet was encrypted.
  return lines.map((line) => line.split(',').slice(0, 6).join());
}

const x264 = (params: string) => [...picture, ...fade, '-c:v', 'libx264', '-threads', '1', '-x264-params', params];
const x265 = (params: string) => [
  ...[...picture, ...fade, '-c:v', 'libx265', '-preset', 'fast', '-tag:v', 'hvc1'],
  ...['-x265-params', `log-level=none:keyint=30:${params}`],
];

const videos: Readonly<Record<string, readonly string[]>> = {
  'h264-b-pictures': x264('keyint=30:bframes=3:ref=4:weightp=2:weightb=1'),
  'h264-cavlc': x264('keyint=30:cabac=0:bframes=0:no-deblock=1'),
  'h264-interlaced': x264('keyint=30:tff=1:bframes=2:slices=3'),
  hevc: x265('bframes=4:b-pyramid=1:weightp=1:weightb=1:pools=none'),
  'hevc-plain': x265('bframes=0:wpp=0:sao=0:rc-lookahead=5'),
};

describe('CBCS', () => {
  describe.each(Object.entries(videos))('%s', (name, args) => {
    it('is decrypted by ffmpeg to the same packets, and by the key alone', async () => {
      const clear = await encoded(`${name}.mp4`, args);
      const path = join(dir, `${name}-cbcs.mp4`);
      await protectFile(clear, path, protection);

      const expected = await packets(clear);
      expect(expected.length).toBeGreaterThan(40);
      expect(await packets(path, ['-decryption_key', key.toString('hex')])).toEqual(expected);
      expect(await packets(path, ['-v', 'quiet'])).not.toEqual(expected);
      expect((await readFile(path)).length - (await readFile(clear)).length).toBeLessThan(3_000);
    });

    it('leaves clear what ffmpeg reads of slice headers, and no whole byte more', async () => {
      const clear = join(dir, `${name}.mp4`);
      const { stderr } = await run('ffmpeg', [
        '-v',
        'info',
        '-i',
        clear,
        '-c',
        'copy',
        '-bsf:v',
        'trace_headers',
        '-f',
        'null',
        '-',
      ]);
      const theirs = sliceHeaderBytes(stderr);
      expect(theirs.length).toBeGreaterThan(40);
      expect((await ourSliceHeaderBytes(clear)).slice(0, theirs.length)).toEqual(theirs);
    });
  });

  it('of sound is decrypted by ffmpeg to the same packets', async () => {
    const clear = await encoded('sound.mp4', [
      '-f',
      'lavfi',
      '-i',
      'sine=duration=2',
      '-c:a',
      'aac',
      '-frag_duration',
      '500000',
    ]);
    const path = join(dir, 'sound-cbcs.mp4');
    await protectFile(clear, path, protection);
    const expected = await packets(clear);
    expect(await packets(path, ['-decryption_key', key.toString('hex')])).toEqual(expected);
    expect(await packets(path, ['-v', 'quiet'])).not.toEqual(expected);
  });

  it('gives the same bytes again', async () => {
    const clear = join(dir, 'h264-b-pictures.mp4');
    await protectFile(clear, join(dir, 'again.mp4'), protection);
    expect(await readFile(join(dir, 'again.mp4'))).toEqual(await readFile(join(dir, 'h264-b-pictures-cbcs.mp4')));
  });

  it('says of AV1 that it cannot be encrypted', async () => {
    const clear = await encoded('av1.mp4', [
      ...picture.slice(0, 4),
      '-frames:v',
      '2',
      '-c:v',
      'libsvtav1',
      '-preset',
      '12',
    ]).catch(
      () => join(dir, 'av1.mp4'), // SVT-AV1 writes its banner where errors go
    );
    await expect(protectFile(clear, join(dir, 'never.mp4'), protection)).rejects.toThrow(EncryptionUnsupportedError);
  });
});

describe('AES-128 of whole segments', () => {
  it('is undone by the key and the media sequence number', () => {
    const iv = sequenceIv(7);
    expect(iv.toString('hex')).toBe('00000000000000000000000000000007');
    for (const sizeBytes of [0, 15, 16, 1_000]) {
      const segment = randomBytes(sizeBytes);
      const encrypted = encryptSegment(segment, key, iv);
      expect(encrypted.length).toBe(encryptedSizeBytes(sizeBytes));
      const decipher = createDecipheriv('aes-128-cbc', key, iv);
      expect(Buffer.concat([decipher.update(encrypted), decipher.final()])).toEqual(segment);
    }
  });
});

/** Sizes of slice headers in whole bytes, by where the last syntax element before the data ends. */
function sliceHeaderBytes(trace: string): number[] {
  const sizes: number[] = [];
  let end = 0;
  const close = () => {
    if (end > 0) sizes.push(Math.ceil(end / 8));
    end = 0;
  };
  let inSlice = false;
  for (const line of trace.split('\n')) {
    const text = /^\[trace_headers[^\]]*\] (.*)$/.exec(line)?.[1];
    if (text === undefined) continue;
    const element = /^(\d+)\s+\S+\s+([01]+)\s+=/.exec(text);
    if (element) {
      if (inSlice) end = Number(element[1]) + (element[2]?.length ?? 0);
      continue;
    }
    close();
    inSlice = /^Slice (Segment )?Header$/.test(text);
  }
  close();
  return sizes;
}

/** The same by our reading, without emulation prevention bytes, which ffmpeg's trace does not count. */
async function ourSliceHeaderBytes(path: string): Promise<number[]> {
  const file = await readFile(path);
  const boxes = boxesAt(file);
  const firstMoof = boxes.find(({ type }) => type === 'moof')?.start ?? 0;
  const { nal } = readSampleFormat(file.subarray(0, firstMoof));
  const sizes: number[] = [];
  for (const { type, body, end } of boxes) {
    if (type !== 'mdat' || !nal) continue;
    for (let at = body; at < end; ) {
      const start = at + nal.lengthBytes;
      const unit = file.subarray(start, start + file.readUIntBE(at, nal.lengthBytes));
      const bytes = nal.clearBytes(unit);
      if (bytes < unit.length) sizes.push(withoutEmulation(unit.subarray(0, bytes)));
      at = start + unit.length;
    }
  }
  return sizes;
}

const withoutEmulation = (bytes: Buffer): number =>
  bytes.toString('hex').replaceAll(/../g, '$& ').replaceAll('00 00 03', '00 00').split(' ').length - 1;
