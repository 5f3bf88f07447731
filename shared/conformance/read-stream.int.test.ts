import { cp, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConformance } from '../domain/conformance/check.ts';
import type { Stream } from '../domain/conformance/model.ts';
import { ffmpeg, makeClip, makeClipFolder } from '../testing/clips.ts';
import { httpSource } from './http-source.ts';
import { readStream } from './read-stream.ts';
import { contentSource, findEntry, folderSource } from './source.ts';

const clips = await makeClipFolder();
const good = join(clips.dir, 'good');
const servers: Server[] = [];

beforeAll(async () => {
  const clip = await makeClip(clips.dir, 'clip.mp4', { size: '160x90', seconds: 7, output: ['-g', '30'] });
  const both = ['-c', 'copy', '-f', 'hls', '-hls_playlist_type', 'vod', '-hls_time', '2'];
  await mkdir(good);
  await ffmpeg([
    ...['-i', clip, '-map', '0:v', '-map', '0:a', ...both, '-hls_segment_type', 'fmp4', '-hls_flags'],
    ...['independent_segments', '-var_stream_map', 'v:0,agroup:a a:0,agroup:a', '-master_pl_name', 'master.m3u8'],
    join(good, 'out_%v.m3u8'),
  ]);
  await ffmpeg(['-i', clip, ...both, '-hls_flags', 'single_file', join(clips.dir, 'ts.m3u8')]);
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await clips.dispose();
});

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const copies = { made: 0 };
async function damaged(change: (dir: string) => Promise<unknown>): Promise<Stream> {
  const dir = join(clips.dir, `copy-${copies.made++}`);
  await cp(good, dir, { recursive: true });
  await change(dir);
  return readStream(folderSource(dir, 'master.m3u8'));
}
const edit = async (path: string, from: string | RegExp, to: string): Promise<void> =>
  writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
const rulesOf = (stream: Stream): string[] => [...new Set(checkConformance(stream).findings.map(({ rule }) => rule))];

describe('what others write', () => {
  it('may leave out what EXT-X-GAP tells of, and name files by variables of its own and of the first playlist', async () => {
    const stream = await damaged(async (dir) => {
      await rm(join(dir, 'out_01.m4s'));
      await edit(join(dir, 'out_0.m3u8'), /^(#EXTINF.*)\n(out_01.m4s)/m, '$1\n#EXT-X-GAP\n$2');
      await edit(join(dir, 'out_0.m3u8'), /^out_0(\d)/gm, '{$mine}{$theirs}$1');
      await edit(
        join(dir, 'out_0.m3u8'),
        '#EXTM3U',
        '#EXTM3U\n#EXT-X-DEFINE:NAME="mine",VALUE="out_"\n#EXT-X-DEFINE:IMPORT="theirs"',
      );
      await edit(join(dir, 'master.m3u8'), '#EXTM3U', '#EXTM3U\n#EXT-X-DEFINE:NAME="theirs",VALUE="0"');
    });
    expect(stream.playlists[0]?.segments.map(({ uri, failure }) => [uri, failure])).toEqual(
      ['out_00.m4s', 'out_01.m4s', 'out_02.m4s', 'out_03.m4s'].map((uri) => [uri, null]),
    );
    expect(stream.playlists[0]?.segments.map(({ media }) => media !== null)).toEqual([true, false, true, true]);
  });

  it('is found to be cut off in the middle of a segment', async () => {
    const stream = await damaged((dir) => truncate(join(dir, 'out_01.m4s'), 2_000));
    expect(stream.playlists[0]?.segments[1]?.failure).toMatch(/^is cut off: \d+ bytes of its mdat box are missing$/);
  });

  it('has key frames that are far apart, also without I-frame playlists', async () => {
    const dir = join(clips.dir, 'far');
    await mkdir(dir);
    const far = ['-g', '200', '-sc_threshold', '0', '-c:v', 'libx264', '-preset', 'ultrafast', '-an'];
    const hls = ['-f', 'hls', '-hls_time', '9', '-hls_playlist_type', 'vod', '-hls_segment_type', 'fmp4'];
    await ffmpeg(['-i', join(clips.dir, 'clip.mp4'), ...far, ...hls, join(dir, 'out.m3u8')]);
    const { findings } = checkConformance(await readStream(folderSource(dir, 'out.m3u8')));
    expect(findings.find(({ rule }) => rule === 'NF303')?.measured).toBe('up to 6.667 s between key frames');
  });

  it('has attributes that are none', async () => {
    const stream = await damaged((dir) => edit(join(dir, 'master.m3u8'), 'RESOLUTION=160x90', 'RESOLUTION=160*90'));
    expect(stream.master?.mistakes).toEqual([expect.stringContaining('RESOLUTION=160*90 is not of the form 1280x720')]);
  });
});

describe('a folder that ffmpeg made', () => {
  it('is read with what its media are', async () => {
    const stream = await readStream(folderSource(good, 'master.m3u8'));
    const [video, audio] = stream.playlists;
    expect(stream.playlists.map(({ uri, use, failure }) => [uri, use, failure])).toEqual([
      ['out_0.m3u8', 'variant', null],
      ['out_1.m3u8', 'audio', null],
    ]);
    expect(video?.tracks).toMatchObject([
      { kind: 'video', codec: expect.stringMatching(/^avc1\.[0-9a-f]{6}$/), size: { width: 160, height: 90 } },
    ]);
    expect(audio?.tracks).toMatchObject([{ kind: 'audio', codec: 'mp4a.40.2', channels: 1 }]);
    const media = video?.segments.map((segment) => segment.media);
    expect(media?.map((one) => Math.round((one?.startS ?? 0) * 10) / 10)).toEqual([0, 2, 4, 6]);
    for (const one of media ?? []) {
      expect(one).toMatchObject({ format: 'fmp4', startsWithKeyframe: true });
      expect(one?.frameRate).toBeCloseTo(30, 1);
      expect(one?.sizeBytes).toBeGreaterThan(500);
    }
  });

  it('is found wanting in what ffmpeg leaves out, and in nothing else', async () => {
    const rules = rulesOf(await readStream(folderSource(good, 'master.m3u8')));
    expect(rules).toEqual(expect.arrayContaining(['NF401', 'NF405', 'NF408', 'NF413', 'NF417', 'NF501']));
    for (const rule of [
      'NF101',
      'NF102',
      'NF201',
      'NF203',
      'NF204',
      'NF205',
      'NF301',
      'NF302',
      'NF304',
      'NF402',
      'NF404',
    ])
      expect(rules).not.toContain(rule);
  });

  it('of transport streams in one file is read by byte ranges', async () => {
    const stream = await readStream(folderSource(clips.dir, 'ts.m3u8'));
    const [playlist] = stream.playlists;
    expect(playlist).toMatchObject({ use: 'alone', failure: null });
    expect(playlist?.segments.map(({ media }) => media?.format)).toEqual(['ts', 'ts', 'ts', 'ts']);
    const bytes = playlist?.segments.reduce((sum, { media }) => sum + (media?.sizeBytes ?? 0), 0);
    expect(bytes).toBe((await readFile(join(clips.dir, 'ts.ts'))).length);
  });
});

describe('damage', () => {
  it.each([
    ['a missing segment', 'NF301', (dir: string) => rm(join(dir, 'out_01.m4s'))],
    ['a missing playlist', 'NF101', (dir: string) => rm(join(dir, 'out_1.m3u8'))],
    ['an empty segment', 'NF301', (dir: string) => truncate(join(dir, 'out_01.m4s'))],
    ['an init segment that is none', 'NF301', (dir: string) => writeFile(join(dir, 'init_0.mp4'), 'nothing')],
    [
      'segments in the wrong order',
      'NF304',
      async (dir: string) => {
        await edit(join(dir, 'out_0.m3u8'), 'out_01.m4s', 'out_02.m4s');
      },
    ],
    [
      'a wrong codec',
      'NF402',
      (dir: string) => edit(join(dir, 'master.m3u8'), /(?=RESOLUTION)/, 'CODECS="avc1.640033,mp4a.40.2",'),
    ],
    ['a wrong size', 'NF404', (dir: string) => edit(join(dir, 'master.m3u8'), '160x90', '320x180')],
    [
      'an understated bandwidth',
      'NF409',
      (dir: string) => edit(join(dir, 'master.m3u8'), /BANDWIDTH=\d+/, 'BANDWIDTH=9000'),
    ],
    ['a wrong duration', 'NF212', (dir: string) => edit(join(dir, 'out_0.m3u8'), /EXTINF:2\.\d+/, 'EXTINF:2.4')],
    [
      'a picture that needs others, under a flag that says otherwise',
      'NF302',
      async (dir: string) => {
        const path = join(dir, 'out_01.m4s');
        const bytes = await readFile(path);
        let at = bytes.indexOf('mdat') + 4;
        while (((bytes[at + 4] ?? 0) & 0x1f) !== 5) at += 4 + bytes.readUInt32BE(at);
        bytes[at + 4] = ((bytes[at + 4] ?? 0) & 0xe0) | 1;
        await writeFile(path, bytes);
      },
    ],
    ['no end', 'NF204', (dir: string) => edit(join(dir, 'out_0.m3u8'), '#EXT-X-ENDLIST', '')],
    [
      'a path out of the folder',
      'NF301',
      (dir: string) => edit(join(dir, 'out_0.m3u8'), 'out_01.m4s', '../../../../etc/passwd'),
    ],
    [
      'a way into the network',
      'NF301',
      (dir: string) => edit(join(dir, 'out_0.m3u8'), 'out_01.m4s', 'http://127.0.0.1:9/x'),
    ],
    [
      'a link out of the folder',
      'NF301',
      async (dir: string) => {
        await rm(join(dir, 'out_01.m4s'));
        await symlink('/etc/hostname', join(dir, 'out_01.m4s'));
      },
    ],
  ])('%s breaks %s', async (_name, rule, change) => {
    expect(rulesOf(await damaged(change))).toContain(rule);
  });
});

describe('over HTTP', () => {
  const serve = (options: { readonly ranges: boolean; readonly gzip: boolean }): RequestListener => {
    return async (request, response) => {
      const path = new URL(request.url ?? '/', 'http://x').pathname;
      const bytes = await readFile(join(good, path)).catch(() => null);
      if (!bytes) return response.writeHead(404).end();
      if (path.endsWith('.m3u8')) {
        response.setHeader('content-type', 'application/vnd.apple.mpegurl');
        if (options.gzip) response.setHeader('content-encoding', 'gzip');
        return response.end(options.gzip ? gzipSync(bytes) : bytes);
      }
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
      if (!range || !options.ranges) return response.setHeader('content-length', bytes.length).end(bytes);
      const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
      response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${bytes.length}` });
      return response.end(bytes.subarray(start, end + 1));
    };
  };

  it.each([
    { ranges: true, gzip: true },
    { ranges: false, gzip: true },
  ])('the same is found as in the folder (%j)', async (options) => {
    const base = await listen(serve(options));
    const here = checkConformance(await readStream(folderSource(good, 'master.m3u8')));
    const there = checkConformance(await readStream(httpSource(`${base}/master.m3u8?token=secret`)));
    expect(there.findings).toEqual(here.findings);
  });

  it('playlists without gzip are told, and only some segments looked at where asked', async () => {
    const base = await listen(serve({ ranges: true, gzip: false }));
    const stream = await readStream(httpSource(`${base}/master.m3u8`), { segmentsEach: 2 });
    expect(rulesOf(stream)).toContain('NF103');
    expect(stream.playlists[0]?.segments.map(({ media }) => media !== null)).toEqual([true, false, true, false]);
    expect(checkConformance(stream).rules.find(({ id }) => id === 'NF409')?.looked).toBe(0);
  });

  it('redirects are followed and told; a loop, silence and an endless body come to an end', async () => {
    const base = await listen(serve({ ranges: true, gzip: true }));
    const odd = await listen((request, response) => {
      if (request.url === '/loop.m3u8') response.writeHead(302, { location: '/loop.m3u8' }).end();
      else if (request.url === '/silent.m3u8') response.writeHead(200).flushHeaders();
      else if (request.url === '/local.m3u8') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      else response.writeHead(302, { location: `${base}${request.url}` }).end();
    });
    expect(rulesOf(await readStream(httpSource(`${odd}/master.m3u8`)))).toContain('NF105');
    const limits = { timeoutMs: 300 };
    await expect(readStream(httpSource(`${odd}/loop.m3u8`, limits))).rejects.toThrow('redirected more than 5 times');
    await expect(readStream(httpSource(`${odd}/silent.m3u8`, limits))).rejects.toThrow('within 300 ms');
    await expect(readStream(httpSource(`${odd}/local.m3u8`, limits))).rejects.toThrow('redirected to file:');
    await expect(readStream(httpSource('http://127.0.0.1:9/x.m3u8', limits))).rejects.toThrow();
  });
});

it('finds the playlist to begin with', async () => {
  expect(await findEntry(good, ['out_0.m3u8', 'master.m3u8', 'init.mp4'])).toBe('master.m3u8');
  expect(await findEntry(clips.dir, ['ts.m3u8', 'clip.mp4'])).toBe('ts.m3u8');
  expect(await findEntry(clips.dir, ['clip.mp4'])).toBeNull();
});

it('reads what is only in memory', async () => {
  const text = Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXT-X-ENDLIST\n');
  const stream = await readStream(
    contentSource('x/index.m3u8', new Map([['x/index.m3u8', [text.subarray(0, 9), text.subarray(9)]]])),
  );
  expect(stream.playlists[0]?.segments).toMatchObject([{ uri: 'a.ts', failure: 'is not there' }]);
});
