/** HLS streams as other packagers make them: by ffmpeg's muxer, with a multivariant playlist written by hand. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ffmpeg } from './clips.ts';

export interface HlsStreamOptions {
  readonly type?: 'fmp4' | 'mpegts';
  /** One file a rendition, read by byte ranges. */
  readonly singleFile?: boolean;
  /** Sound of its own in these languages; by default none. */
  readonly languages?: readonly string[];
  readonly subtitles?: boolean;
  /** Key frames of the picture by byte range; of fragmented MP4 only. */
  readonly iframes?: boolean;
  readonly seconds?: number;
  /** Changes the playlist of the picture. */
  readonly change?: (text: string) => string;
}

export const hlsFrameRate = 25;
const attributes = 'BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,RESOLUTION=160x90,FRAME-RATE=25.000';
const videoCodec = 'avc1.42c00b';

/** Makes `<dir>/main.m3u8` and all below it: segments of one second, of fragmented MP4 by default. */
export async function makeHlsStream(dir: string, options: HlsStreamOptions = {}): Promise<void> {
  const {
    type = 'fmp4',
    singleFile = false,
    languages = [],
    subtitles = false,
    iframes = false,
    seconds = 2,
  } = options;
  const { change = (text: string) => text } = options;
  const hls = (name: string, is: typeof type): string[] => [
    ...['-hls_time', '1', '-hls_playlist_type', 'vod', '-hls_segment_type', is],
    ...['-hls_flags', singleFile ? 'single_file+independent_segments' : 'independent_segments'],
    ...['-hls_segment_filename', join(dir, name, singleFile ? 'media.mp4' : `seg-%d.${is === 'fmp4' ? 'm4s' : 'ts'}`)],
    join(dir, name, 'index.m3u8'),
  ];
  await mkdir(join(dir, 'video'), { recursive: true });
  await ffmpeg([
    ...['-f', 'lavfi', '-i', `testsrc2=size=160x90:rate=${hlsFrameRate}`, '-t', `${seconds}`, '-c:v', 'libx264'],
    ...['-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25', '-bf', '0', ...hls('video', type)],
  ]);
  const master = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-INDEPENDENT-SEGMENTS'];
  const groups: string[] = [];
  for (const [index, language] of languages.entries()) {
    const name = `audio-${language}`;
    await mkdir(join(dir, name));
    await ffmpeg([
      ...['-f', 'lavfi', '-i', `sine=frequency=${440 * (index + 1)}:sample_rate=48000`, '-t', `${seconds}`],
      ...['-c:a', 'aac', '-b:a', '64k', ...hls(name, type)],
    ]);
    await sameTarget(join(dir, name, 'index.m3u8'));
    const choice = `DEFAULT=${index === 0 ? 'YES' : 'NO'},AUTOSELECT=YES,CHANNELS="1"`;
    master.push(
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="${language}",LANGUAGE="${language}",${choice},URI="${name}/index.m3u8"`,
    );
  }
  if (languages.length > 0) groups.push('AUDIO="sound"');
  const playlist = join(dir, 'video', 'index.m3u8');
  await sameTarget(playlist);
  await writeFile(playlist, change(await readFile(playlist, 'utf8')));
  if (subtitles) {
    await writeSubtitles(join(dir, 'text-de'), seconds);
    master.push(
      '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="Deutsch",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog",URI="text-de/index.m3u8"',
    );
    groups.push('SUBTITLES="text"');
  }
  const codecs = `CODECS="${[videoCodec, ...(languages.length > 0 ? ['mp4a.40.2'] : [])].join(',')}"`;
  master.push(`#EXT-X-STREAM-INF:${[attributes, codecs, ...groups].join(',')}`, 'video/index.m3u8');
  if (iframes) {
    await writeIframes(join(dir, 'video'), await readFile(playlist, 'utf8'));
    master.push(
      `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=400000,RESOLUTION=160x90,CODECS="${videoCodec}",URI="video/iframes.m3u8"`,
    );
  }
  await writeFile(join(dir, 'main.m3u8'), `${master.join('\n')}\n`);
}

/** Sound is cut a little past the second, picture on it; players want one target for both. */
async function sameTarget(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace(/TARGETDURATION:\d+/, 'TARGETDURATION:2'));
}

async function writeSubtitles(dir: string, seconds: number): Promise<void> {
  await mkdir(dir);
  const head = 'WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n';
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:2', '#EXT-X-PLAYLIST-TYPE:VOD'];
  for (let at = 0; at < seconds; at += 1) {
    const cue = `00:00:0${at}.200 --> 00:00:0${at}.800\nSatz ${at + 1}\n`;
    await writeFile(join(dir, `seg-${at}.vtt`), head + cue);
    lines.push('#EXTINF:1.000000,', `seg-${at}.vtt`);
  }
  await writeFile(join(dir, 'index.m3u8'), `${[...lines, '#EXT-X-ENDLIST'].join('\n')}\n`);
}

/** From the beginning of each segment's `moof` to the end of its first sample, which is the key frame. */
async function writeIframes(dir: string, playlist: string): Promise<void> {
  const lines = playlist.split('\n').flatMap((line) => {
    const isWanted = /^#EXT(M3U|-X-(VERSION|TARGETDURATION|PLAYLIST-TYPE|MEDIA-SEQUENCE|MAP))/.test(line);
    return isWanted ? [line] : [];
  });
  lines.splice(2, 0, '#EXT-X-I-FRAMES-ONLY');
  const found = playlist.matchAll(/#EXTINF:([\d.]+),\n(?:#EXT-X-BYTERANGE:(\d+)@(\d+)\n)?(\S+)/g);
  for (const [, duration, , start = '0', uri = ''] of found) {
    const bytes = (await readFile(join(dir, uri))).subarray(Number(start));
    const moof = bytes.indexOf('moof') - 4;
    const trun = bytes.indexOf('trun', moof) - 4;
    // ISO/IEC 14496-12 §8.8.8: flags, sample count, data offset, perhaps first flags, then the fields of each sample.
    const flags = bytes.readUInt32BE(trun + 8) & 0xffffff;
    const dataOffset = bytes.readInt32BE(trun + 16);
    const firstSample = trun + 20 + (flags & 4 ? 4 : 0) + (flags & 0x100 ? 4 : 0);
    const length = dataOffset + bytes.readUInt32BE(firstSample);
    lines.push(`#EXTINF:${duration},`, `#EXT-X-BYTERANGE:${length}@${Number(start) + moof}`, uri);
  }
  await writeFile(join(dir, 'iframes.m3u8'), `${[...lines, '#EXT-X-ENDLIST'].join('\n')}\n`);
}
