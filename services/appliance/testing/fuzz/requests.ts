/** Random requests, each with what its answer must be. Made from one seed, so that they come again the same. */
import type { SigningKey } from '../../../../shared/tokens/keys.ts';
import { type Chance, makeChance } from './chance.ts';
import { type Answer, judgeMedia, type MediaRequest, type PublishedFile, type RangeSpec } from './model.ts';
import { makeTokens, type Token } from './tokens.ts';

export interface Probe {
  readonly kind: string;
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Beside the host. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** A body that nobody asked for. */
  readonly body: string | null;
  /** What is wrong with the answer, or null. */
  judge(answer: Answer): string | null;
}

export interface FuzzerOptions {
  readonly assetId: string;
  readonly version: string;
  readonly seed: number;
  readonly published: ReadonlyMap<string, PublishedFile>;
  readonly modifiedAt: string;
  readonly keys: readonly SigningKey[];
  readonly stranger: SigningKey;
  readonly revokedSession: string;
}

export interface Fuzzer {
  readonly chance: Chance;
  next(scheme: 'http' | 'https'): Probe;
  /** A request with some of its bytes changed, without a right to anything. */
  garbled(): Buffer;
  /** Whether bytes hold any of what was published. */
  leaks(bytes: Buffer): string | null;
}

export async function makeFuzzer(options: FuzzerOptions): Promise<Fuzzer> {
  const { assetId, version, published, modifiedAt } = options;
  const chance = makeChance(options.seed);
  const { pick, below, onceIn } = chance;
  const nextToken = await makeTokens(options, chance);
  const paths = [...published.keys()];
  const smallPaths = paths.filter((path) => (published.get(path)?.bytes.length ?? 0) < 1_000_000);
  const base = `/v/${assetId}/${version}/`;

  /** Of those that are long enough not to be met by chance. */
  const beginnings = [...published].flatMap(([path, { bytes }]) =>
    bytes.length < 32 ? [] : [{ path, bytes: bytes.subarray(0, 32) }],
  );
  const leaks = (all: Buffer): string | null => beginnings.find(({ bytes }) => all.includes(bytes))?.path ?? null;

  function refused(statuses: readonly number[] | null): Probe['judge'] {
    return ({ status, body }) => {
      if (statuses ? !statuses.includes(status) : status < 400 || status > 499) return `answered ${status}`;
      const path = leaks(body);
      return path === null ? null : `gave bytes of ${path}`;
    };
  }

  /** The same address in other letters (RFC 3986 §6.2.2). */
  const spelt = (path: string): string =>
    onceIn(3) ? path.replace(/[A-Za-z0-9._-]/g, (letter) => (onceIn(12) ? escaped(letter) : letter)) : path;
  const escaped = (letter: string): string => {
    const hex = letter.charCodeAt(0).toString(16);
    return `%${onceIn(2) ? hex : hex.toUpperCase()}`;
  };

  const wrongPath = (): string => {
    const path = pick(paths);
    return pick([
      () => `${base}../${version}/${path}`,
      () => `${base}./${path}`,
      () => `${base}%2e%2e/${version}/${path}`,
      () => `${base}%2E/${path}`,
      () => `${base}%252e%252e%2fx`,
      () => `${base}${path.replace(/.$/, '%2525')}`,
      () => `${base}/${path}`,
      () => `/v//${assetId}/${version}/${path}`,
      () => `/v/${assetId}%2f${version}/${path}`,
      () => `/v/${assetId}/${version}%2F${path}`,
      () => `/v/other/${version}/${path}`,
      () => `/v/${assetId}/v2/${path}`,
      () => `/v/${assetId.toUpperCase()}/${version}/${path}`,
      () => `${base}${path.toUpperCase()}`,
      () => `${base}${path}/`,
      () => `${base}${path}%00`,
      () => `${base}${path};v=1`,
      () => `${base}${path}%3fa`,
      () => `${base}${path}%c0%ae`,
      () => `${base}${path}\\..`,
      () => `${base}${pick(['asset.json', 'growing.json', 'keys/clearkey', '.', '..', ''])}`,
      () => `${base}${'a/'.repeat(below(900))}x`,
      () => `${base}${'a'.repeat(below(3_000))}`,
    ])();
  };

  const position = (size: number): number =>
    pick([
      0,
      1,
      2,
      79,
      80,
      81,
      999,
      1_023,
      4_194_303,
      4_194_304,
      4_194_305,
      size - 1,
      size,
      size + 1,
      1e15,
      below(size),
    ]);
  function spec(size: number): RangeSpec {
    const first = position(size);
    const near = (): RangeSpec => [first, first + below(3_000)];
    // As for the whole of what is large.
    const far = (): RangeSpec =>
      pick<RangeSpec>([
        [first, position(size)],
        [below(size), null],
        [null, below(size)],
      ]);
    return pick<() => RangeSpec>([
      near,
      near,
      () => (size < 1_000_000 || onceIn(40) ? far() : near()),
      () => [null, below(5_000)],
      () => [Math.max(0, size - 1 - below(5_000)), null],
    ])();
  }
  function rangeOf(size: number): { readonly text: string; readonly specs: readonly RangeSpec[] | null } {
    if (onceIn(12)) {
      const text = pick([
        'lines=0-1',
        'bytes 0-1',
        'bytes=',
        'bytes=x-1',
        'bytes=1-2-3',
        'bytes=0-1,x',
        'bytes=-',
        'bytes=--1',
      ]);
      return { text, specs: null };
    }
    const count = pick([1, 1, 1, 1, 2, 2, 3, 5, 16, 17, 40]);
    const specs = Array.from({ length: count }, () => spec(size));
    const comma = pick([',', ', ', ' ,', ',,']);
    return {
      text: `${pick(['bytes=', 'Bytes='])}${specs.map(([a, b]) => `${a ?? ''}-${b ?? ''}`).join(comma)}`,
      specs,
    };
  }

  /** Conditions, a range and encodings, with what they come to. */
  function wishes(file: PublishedFile, method: 'GET' | 'HEAD') {
    const fields: [string, string][] = [];
    // The whole of what is large is asked for now and then only: it takes as long as hundreds of others.
    const needsRange = file.bytes.length > 1_000_000 && !onceIn(20);
    const range = needsRange || onceIn(2) ? rangeOf(file.bytes.length) : null;
    if (range) fields.push(['Range', range.text]);
    const [accepted, takesGzip] = pick<readonly [string, boolean]>([
      ['', false],
      ['gzip', true],
      ['br, GZIP;q=0.3', true],
      ['*', true],
      ['gzip;q=0', false],
      ['gzip;q=0.2, identity', false],
      ['identity', false],
    ]);
    if (accepted) fields.push(['Accept-Encoding', accepted]);
    const plain = `"${file.sha256}"`;
    const encoded = `"${file.sha256}-gzip"`;
    const own = file.isPlaylist && takesGzip && !range ? encoded : plain;
    const other = own === plain ? encoded : plain;
    let isUnchanged = false;
    if (onceIn(4)) {
      const [tags, matches] = pick<readonly [string, boolean]>([
        [own, true],
        [`W/${own}`, true],
        [`"x,y", ${own}`, true],
        ['*', true],
        [other, false],
        ['"x"', false],
        [file.sha256, false],
      ]);
      fields.push(['If-None-Match', tags]);
      isUnchanged = matches;
      if (onceIn(2)) fields.push(['If-Modified-Since', modifiedAt]);
    } else if (onceIn(6)) {
      const [date, isSame] = pick<readonly [string, boolean]>([
        [modifiedAt, true],
        ['Fri, 20 Nov 2099 12:00:00 GMT', true],
        ['Fri, 20 Nov 2000 12:00:00 GMT', false],
        ['yesterday', false],
      ]);
      fields.push(['If-Modified-Since', date]);
      isUnchanged = isSame;
    }
    let ifRange: MediaRequest['ifRange'] = null;
    if (onceIn(5)) {
      const [text, stands] = pick<readonly [string, boolean]>([
        [plain, true],
        [modifiedAt, true],
        [`W/${plain}`, false],
        [encoded, false],
        ['"x"', false],
        ['Fri, 20 Nov 2099 12:00:00 GMT', false],
        ['x', false],
      ]);
      fields.push(['If-Range', text]);
      ifRange = stands ? 'stands' : 'falls';
    }
    const request: MediaRequest = { method, range: range && { specs: range.specs }, ifRange, isUnchanged, takesGzip };
    return { fields, request };
  }

  const fillers = (): (readonly [string, string])[] =>
    Array.from({ length: below(3) }, () =>
      pick<readonly [string, string]>([
        ['X-A', 'b'.repeat(below(300))],
        ['Accept', '*/*'],
        ['CDN-Loop', pick(['a', 'b;id=c'])],
        ['Authorization', `Bearer ${nextToken().text.slice(0, 900)}`],
        ['Origin', 'https://page.example'],
        ['X-Forwarded-Host', 'x/v/y'],
        // The lane leaves these to Node.
        ['TE', 'trailers'],
        ['If-Match', '"x"'],
      ]),
    ).filter(([name], at, all) => all.findIndex(([other]) => other === name) === at);

  function carried(token: Token, path: string): { readonly target: string; readonly cookie: string | null } {
    const decoy = onceIn(3) ? nextToken().text.slice(0, 2_000) : null;
    const cookie = decoy && `a=b; nf_token=${decoy}`;
    return pick([
      () => ({ target: `/t/${token.text}${path}${decoy ? `?token=${decoy}` : ''}`, cookie }),
      () => ({ target: `/t/${token.text}${path}`, cookie }),
      () => ({ target: `${path}?${pick(['', 'a=b&', 'tokens=1&'])}token=${encodeURIComponent(token.text)}`, cookie }),
      () => ({ target: `${path}${pick(['', '?a=b'])}`, cookie: `x=1; nf_token=${token.text}; y=2` }),
    ])();
  }

  function next(scheme: 'http' | 'https'): Probe {
    const token = nextToken();
    // Pulling large slices again and again takes most of the time otherwise.
    const path = onceIn(3) ? pick(paths) : pick(smallPaths);
    const file = published.get(path);
    const isWrong = onceIn(6) || !file;
    const { target, cookie } = carried(token, isWrong ? wrongPath() : `/v/${spelt(`${assetId}/${version}/${path}`)}`);
    const host = onceIn(40) ? pick(['a b', 'x/v/y', 'u@h', 'h?']) : 'fuzz.test';
    const method = pick(['GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', onceIn(6) ? 'DELETE' : 'GET']);
    const fields: (readonly [string, string])[] = [...fillers(), ...(cookie ? [['Cookie', cookie] as const] : [])];
    const body = onceIn(25) ? `GET /t/${token.text}${base}${path} HTTP/1.1\r\nHost: fuzz.test\r\n\r\n` : null;
    const made = { method, target, host, body };
    if (isWrong) return { ...made, kind: 'wrong address', fields, judge: refused(null) };
    if (method !== 'GET' && method !== 'HEAD')
      return { ...made, kind: 'wrong method', fields, judge: refused(host === 'fuzz.test' ? [405] : [400, 405]) };
    const { fields: wished, request } = wishes(file, method);
    const all = { ...made, fields: [...fields, ...wished] };
    if (host !== 'fuzz.test') return { ...all, kind: 'wrong host', judge: refused([400]) };
    if (!token.opens(path, `${scheme}://${host}${base}${path}`))
      return { ...all, kind: 'no right', judge: refused([400, 401, 403]) };
    return { ...all, kind: 'good', judge: (answer) => judgeMedia(request, file, answer) };
  }

  function garbled(): Buffer {
    const fields = fillers().map(([name, value]) => `${name}: ${value}\r\n`);
    const text = `GET /t/a${nextToken().text.slice(1, 900)}${base}${pick(paths)} HTTP/1.1\r\nHost: fuzz.test\r\n${fields.join('')}\r\n`;
    const bytes = Buffer.from(text, 'latin1');
    for (let i = 0; i <= below(4); i += 1) bytes[below(bytes.length)] = below(256);
    return bytes;
  }

  return { chance, next, garbled, leaks };
}
