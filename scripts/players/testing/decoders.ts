/** Players without a screen: what comes out of their decoders is counted. */
import { execFile, spawnSync } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ffmpeg } from '../../../shared/testing/clips.ts';
import { timeOfLuma } from './film.ts';

const run = promisify(execFile);

export interface Decoded {
  /** Times of the frames in seconds, as the grey field in the corner of each tells. */
  readonly timesS: readonly number[];
  /** Of one channel of sound. */
  readonly samples: number;
}
export type Decode = (url: string, dir: string) => Promise<Decoded>;

const needed = [
  'souphttpsrc',
  'hlsdemux',
  'dashdemux',
  'hlsdemux2',
  'dashdemux2',
  'qtdemux',
  'avdec_h264',
  'avdec_aac',
];
/** False where GStreamer's tests are left out. */
export const hasGstreamer = needed.every((element) => {
  const { status } = spawnSync('gst-inspect-1.0', ['--exists', element]);
  return status === 0;
});
if (!hasGstreamer)
  console.warn(
    'GStreamer is not tried: it is not there (apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav)',
  );

/** 16 × 9 pixels are enough to see the field. */
const small = { width: 16, height: 9 };
const size = small.width * small.height;

/** Runs what writes small grey pictures to the first path and samples of 16 bits to the second. */
async function decode(dir: string, write: (pictures: string, sound: string) => Promise<unknown>): Promise<Decoded> {
  const [pictures, sound] = [join(dir, 'decoded.gray'), join(dir, 'decoded.s16')];
  try {
    await write(pictures, sound);
    const bytes = await readFile(pictures);
    const timesS = Array.from({ length: bytes.length / size }, (_, at) =>
      timeOfLuma(bytes[at * size + small.width + 1]),
    );
    return { timesS, samples: (await stat(sound)).size / 2 };
  } finally {
    await Promise.all([pictures, sound].map((path) => rm(path, { force: true })));
  }
}

/** Levels as they were coded: told their range, ffmpeg would stretch them to that of the raw pictures. */
export const byFfmpeg: Decode = (url, dir) =>
  decode(dir, (pictures, sound) =>
    ffmpeg([
      ...[
        '-i',
        url,
        '-map',
        '0:v:0',
        '-fps_mode',
        'passthrough',
        '-vf',
        `setparams=range=unspecified,extractplanes=y,scale=${small.width}:${small.height}:flags=area`,
      ],
      ...['-pix_fmt', 'gray', '-f', 'rawvideo', pictures, '-map', '0:a:0', '-ac', '1', '-f', 's16le', sound],
    ]),
  );

/**
 * `playbin` has the demuxers of old, `playbin3` the new ones.
 *
 * @throws with what it wrote when it does not come to the end.
 */
export const byGstreamer =
  (player: 'playbin' | 'playbin3'): Decode =>
  (url, dir) =>
    decode(dir, (pictures, sound) => {
      const frame = `video/x-raw,format=GRAY8,width=${small.width},height=${small.height}`;
      return run(
        'gst-launch-1.0',
        [
          ...['-q', player, `uri=${url}`, 'flags=video+audio'],
          `video-sink=videoconvert ! videoscale add-borders=false ! ${frame} ! filesink location=${pictures}`,
          `audio-sink=audioconvert ! audio/x-raw,format=S16LE,channels=1 ! filesink location=${sound}`,
        ],
        { timeout: 60_000 },
      );
    });

/** Of one subtitle track, as SRT, by the presentation's own clock: else ffmpeg counts from the first byte of sound, its priming. */
export const subtitlesByFfmpeg = (url: string, index: number): Promise<string> =>
  ffmpeg(['-copyts', '-i', url, '-map', `0:s:${index}`, '-f', 'srt', '-']);
