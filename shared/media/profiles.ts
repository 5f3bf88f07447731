/**
 * Encoding profiles: what an upload may ask for (`--profile`) and what the worker makes of it.
 *
 * Changing a number here changes the bytes, and with them the version of every asset transcoded afterwards.
 */

export type VideoCodec = 'h264' | 'hevc' | 'av1';

/** One step of the ladder: a box that the picture must fit in, and its budget at up to 30 frames a second. */
export interface RungTemplate {
  /** Shorter side; the longer one follows at 16:9. */
  readonly heightPx: number;
  readonly maxRateBps: number;
}

export interface Profile {
  /** Largest first. */
  readonly rungs: readonly RungTemplate[];
  /** x264's constant quality; lower is better. */
  readonly crf: number;
  readonly preset: 'ultrafast' | 'veryfast' | 'fast' | 'medium';
  readonly audioRateBps: number;
  /** The same picture again in fewer bits, for who can play it; the rungs above are H.264, which everybody can. */
  readonly beside?: CodecLadder;
}

/** A whole ladder of its own, so that no player has to change the codec in the middle (Apple 1.23). */
export interface CodecLadder {
  readonly codec: Exclude<VideoCodec, 'h264'>;
  /** Largest first. */
  readonly rungs: readonly RungTemplate[];
  /** The encoder's own scales. */
  readonly crf: number;
  readonly preset: string;
}

/** Every device plays these. */
const everywhere = {
  rungs: [
    { heightPx: 1080, maxRateBps: 5_000_000 },
    { heightPx: 720, maxRateBps: 2_800_000 },
    { heightPx: 480, maxRateBps: 1_400_000 },
    { heightPx: 360, maxRateBps: 800_000 },
    { heightPx: 240, maxRateBps: 400_000 },
  ],
  crf: 22,
  preset: 'veryfast',
  audioRateBps: 128_000,
} as const satisfies Profile;

export const profiles = {
  default: everywhere,
  /** HEVC up to 2160p beside H.264; HDR stays HDR in it. */
  hevc: {
    ...everywhere,
    beside: {
      codec: 'hevc',
      rungs: [
        { heightPx: 2160, maxRateBps: 12_000_000 },
        { heightPx: 1440, maxRateBps: 6_500_000 },
        { heightPx: 1080, maxRateBps: 3_500_000 },
        { heightPx: 720, maxRateBps: 1_900_000 },
        { heightPx: 480, maxRateBps: 950_000 },
        { heightPx: 360, maxRateBps: 550_000 },
        { heightPx: 240, maxRateBps: 280_000 },
      ],
      crf: 24,
      preset: 'veryfast',
    },
  },
  /** AV1 up to 2160p beside H.264; HDR stays HDR in it. */
  av1: {
    ...everywhere,
    beside: {
      codec: 'av1',
      rungs: [
        { heightPx: 2160, maxRateBps: 9_500_000 },
        { heightPx: 1440, maxRateBps: 5_200_000 },
        { heightPx: 1080, maxRateBps: 2_800_000 },
        { heightPx: 720, maxRateBps: 1_500_000 },
        { heightPx: 480, maxRateBps: 760_000 },
        { heightPx: 360, maxRateBps: 440_000 },
        { heightPx: 240, maxRateBps: 230_000 },
      ],
      crf: 35,
      preset: '10',
    },
  },
  /** One small rung, quickly made: for tests and for a first look. */
  preview: {
    rungs: [{ heightPx: 240, maxRateBps: 400_000 }],
    crf: 28,
    preset: 'ultrafast',
    audioRateBps: 128_000,
  },
} as const satisfies Record<string, Profile>;

/** ffmpeg's encoders by what they make. */
export const encoderNames: Readonly<Record<VideoCodec, string>> = {
  h264: 'libx264',
  hevc: 'libx265',
  av1: 'libsvtav1',
};

export const codecsOfProfile = ({ beside }: Profile): readonly VideoCodec[] => [
  'h264',
  ...(beside ? [beside.codec] : []),
];

export type ProfileName = keyof typeof profiles;
export const profileNames: readonly string[] = Object.keys(profiles);

/** The profile of that name, or null. */
export const findProfile = (name: string): Profile | null =>
  Object.entries<Profile>(profiles).find(([candidate]) => candidate === name)?.[1] ?? null;
