/**
 * What keeps ffprobe and ffmpeg inside the file they are given.
 *
 * A file named `.mp4` may really be an HLS or DASH playlist or an ffconcat script, which would open other local files
 * or make requests into the network. So every input is read by the `file` protocol only and by the demuxers of plain
 * containers only. MP4's external references (`dref`) are off by default in ffmpeg and stay so.
 */

/** Demuxers, as ffmpeg names them. */
export const allowedContainers = [
  'mov',
  'mp4',
  'matroska',
  'webm',
  'mpegts',
  'avi',
  'flv',
  'asf',
  'mpeg',
  'ogg',
  'mxf',
  'mp3',
  'flac',
  'wav',
] as const;

/** The same list for people. */
export const allowedContainersText =
  'MP4/MOV, Matroska/WebM, MPEG-TS, MPEG-PS, AVI, FLV, ASF/WMV, Ogg, MXF, MP3, FLAC and WAV';

/** Arguments that open `path` and nothing else, the input option included. */
export const containedInput = (path: string): string[] => [
  '-protocol_whitelist',
  'file',
  '-format_whitelist',
  allowedContainers.join(','),
  '-i',
  `file:${path}`,
];
