/**
 * Encoding profiles: what an upload may ask for (`--profile`) and what the worker makes of it.
 *
 * Changing a number here changes the bytes, and with them the version of every asset transcoded afterwards.
 */

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
}

export const profiles = {
  default: {
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
  },
  /** One small rung, quickly made: for tests and for a first look. */
  preview: {
    rungs: [{ heightPx: 240, maxRateBps: 400_000 }],
    crf: 28,
    preset: 'ultrafast',
    audioRateBps: 128_000,
  },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof profiles;
export const profileNames: readonly string[] = Object.keys(profiles);

/** The profile of that name, or null. */
export const findProfile = (name: string): Profile | null =>
  Object.entries<Profile>(profiles).find(([candidate]) => candidate === name)?.[1] ?? null;
