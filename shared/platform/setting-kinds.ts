/** Kinds of settings: how a text from the environment becomes a value, and how the value's range is told to people. */

export interface Setting<T> {
  /** Environment variable. */
  readonly env: string;
  /** What it does, one sentence. */
  readonly doc: string;
  /** Unit and range in words, for the configuration page. */
  readonly range: string;
  /** Undefined: must be given by the processes that read it. */
  readonly fallback: T | undefined;
  /** How the default is written in the environment. */
  readonly fallbackText: string | undefined;
  /** Secrets are never printed and may be given as a file through `<env>_FILE`. */
  readonly secret: boolean;
  /** @throws Error whose message says what is wrong with the text, without repeating it when secret. */
  parse(text: string): T;
}

interface Description {
  readonly doc: string;
  /** As it would be written in the environment. Absent: the setting must be given. */
  readonly fallback?: string;
}

function make<T>(
  env: string,
  description: Description,
  range: string,
  parse: (text: string) => T,
  secret = false,
): Setting<T> {
  const { doc, fallback } = description;
  return {
    env,
    doc,
    range,
    parse,
    secret,
    fallback: fallback === undefined ? undefined : parse(fallback),
    fallbackText: fallback,
  };
}

/** Free text, not empty unless that is the default. */
export const text = (env: string, description: Description): Setting<string> =>
  make(env, description, 'text', (value) => {
    if (value === '' && description.fallback !== '') throw new Error('must not be empty');
    return value;
  });

export const secret = (env: string, description: Description & { readonly minLength?: number }): Setting<string> => {
  const minLength = description.minLength ?? 16;
  return make(
    env,
    description,
    `secret, ${minLength} characters and more; or ${env}_FILE`,
    (value) => {
      if (value !== '' && value.length < minLength) throw new Error(`must have at least ${minLength} characters`);
      if (value === '' && description.fallback !== '') throw new Error('must not be empty');
      return value;
    },
    true,
  );
};

export const oneOf = <T extends string>(env: string, values: readonly T[], description: Description): Setting<T> =>
  make(env, description, values.map((value) => `\`${value}\``).join(', '), (value) => {
    const found = values.find((candidate) => candidate === value);
    if (!found) throw new Error(`must be one of ${values.join(', ')}`);
    return found;
  });

/** Words between commas; empty words are dropped. */
export const list = (env: string, description: Description): Setting<readonly string[]> =>
  make(env, description, 'comma-separated list', (value) => value.split(',').flatMap((word) => word.trim() || []));

export const boolean = (env: string, description: Description): Setting<boolean> =>
  make(env, description, '`true` or `false`', (value) => {
    if (!['true', 'false', '1', '0'].includes(value)) throw new Error('must be true or false');
    return value === 'true' || value === '1';
  });

export const integer = (
  env: string,
  bounds: { readonly min: number; readonly max: number; readonly unit: string },
  description: Description,
): Setting<number> =>
  make(env, description, `${bounds.unit}, ${bounds.min} … ${bounds.max}`, (value) => {
    const number = Number(value);
    if (value === '' || !Number.isInteger(number) || number < bounds.min || number > bounds.max)
      throw new Error(`must be a whole number from ${bounds.min} to ${bounds.max} (${bounds.unit})`);
    return number;
  });

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Bytes from a text such as `512MiB`, `2GB` or `1048576`.
 *
 * @throws Error that says how to write it.
 */
export function parseSizeBytes(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value.trim());
  const unit = match?.[2] === undefined ? undefined : sizeUnits[match[2].toUpperCase()];
  if (!match || unit === undefined) throw new Error('must be a size such as 512MiB, 2GB or 1048576');
  return Math.round(Number(match[1]) * unit);
}

export const sizeBytes = (env: string, description: Description): Setting<number> =>
  make(env, description, 'bytes, also `512MiB`, `2GB`', parseSizeBytes);

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds from a text such as `500ms`, `30s`, `15m`, `6h` or `2d`.
 *
 * @throws Error that says how to write it.
 */
export function parseDurationMs(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value.trim());
  const unit = durationUnits[match?.[2] ?? ''];
  if (!match || unit === undefined) throw new Error('must be a duration such as 500ms, 30s, 15m, 6h or 2d');
  return Math.round(Number(match[1]) * unit);
}

export const durationMs = (env: string, description: Description): Setting<number> =>
  make(env, description, 'duration, e.g. `500ms`, `30s`, `6h`', parseDurationMs);

/** An absolute URL without trailing slash. */
export const url = (env: string, protocols: readonly string[], description: Description): Setting<string> =>
  make(env, description, `URL (${protocols.join(', ')})`, (value) => {
    if (value === '' && description.fallback === '') return value;
    const parsed = URL.parse(value);
    if (!parsed || !protocols.includes(parsed.protocol.slice(0, -1)))
      throw new Error(`must be an absolute URL that starts with ${protocols.map((p) => `${p}:`).join(' or ')}`);
    return value.replace(/\/+$/, '');
  });
