import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const SideData = Type.Object({ rotation: Type.Optional(Type.Number()) });

/** The part of `ffprobe -show_format -show_streams -of json` that is looked at; ffprobe leaves out what it does not know. */
const Stream = Type.Object({
  index: Type.Integer(),
  codec_type: Type.Optional(Type.String()),
  codec_name: Type.Optional(Type.String()),
  width: Type.Optional(Type.Integer()),
  height: Type.Optional(Type.Integer()),
  sample_aspect_ratio: Type.Optional(Type.String()),
  pix_fmt: Type.Optional(Type.String()),
  color_space: Type.Optional(Type.String()),
  color_primaries: Type.Optional(Type.String()),
  color_transfer: Type.Optional(Type.String()),
  r_frame_rate: Type.Optional(Type.String()),
  avg_frame_rate: Type.Optional(Type.String()),
  start_time: Type.Optional(Type.String()),
  duration: Type.Optional(Type.String()),
  nb_read_packets: Type.Optional(Type.String()),
  channels: Type.Optional(Type.Integer()),
  sample_rate: Type.Optional(Type.String()),
  disposition: Type.Optional(
    Type.Object({
      attached_pic: Type.Optional(Type.Integer()),
      default: Type.Optional(Type.Integer()),
      forced: Type.Optional(Type.Integer()),
      hearing_impaired: Type.Optional(Type.Integer()),
    }),
  ),
  tags: Type.Optional(
    Type.Object({
      DURATION: Type.Optional(Type.String()),
      language: Type.Optional(Type.String()),
      title: Type.Optional(Type.String()),
    }),
  ),
  side_data_list: Type.Optional(Type.Array(SideData)),
});
export type ProbedStream = Static<typeof Stream>;

const Output = Type.Object({
  streams: Type.Array(Stream),
  format: Type.Object({
    format_name: Type.String(),
    start_time: Type.Optional(Type.String()),
    duration: Type.Optional(Type.String()),
  }),
});
export type ProbeOutput = Static<typeof Output>;

/** The first frame, from `-show_frames -show_entries frame=side_data_list`. */
const Frames = Type.Object({
  frames: Type.Array(
    Type.Object({ side_data_list: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))) }),
  ),
});

/** The side data of all frames; empty for what is no such answer. */
export function parseFrameSideData(text: string): readonly Readonly<Record<string, unknown>>[] {
  const value: unknown = JSON.parse(text);
  return Value.Check(Frames, value) ? value.frames.flatMap(({ side_data_list = [] }) => side_data_list) : [];
}

/** @throws Error when ffprobe answered in a form that we do not know. */
export function parseProbeOutput(text: string): ProbeOutput {
  const value: unknown = JSON.parse(text);
  if (!Value.Check(Output, value)) throw new Error('ffprobe answered in an unknown form');
  return value;
}

/** `30000/1001` → 29.97; null for `0/0` and what is no fraction. */
export function parseFraction(text: string | undefined, separator = '/'): number | null {
  const [numerator = Number.NaN, denominator = Number.NaN] = (text ?? '').split(separator).map(Number);
  const value = numerator / denominator;
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** Seconds of a stream, from its own field or Matroska's `HH:MM:SS.n` tag; null where neither says. */
export function streamDurationS(stream: ProbedStream): number | null {
  const own = Number(stream.duration);
  if (own > 0) return own;
  const match = /^(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(stream.tags?.DURATION ?? '');
  if (!match) return null;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return seconds > 0 ? seconds : null;
}
