import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ffmpeg, makeClipFolder } from '../../shared/testing/clips.ts';
import { makePackaging, smallProfile } from './testing/make-packaged.ts';

const folder = await makeClipFolder();
const make = makePackaging(folder.dir);
afterAll(() => folder.dispose());

/** Larger than any film here, which so keeps its own size. */
const profile = { ...smallProfile, rungs: [{ heightPx: 720, maxRateBps: 3_000_000 }] };

type Rgb = readonly [red: number, green: number, blue: number];
type Curve = 'smpte2084' | 'arib-std-b67';

/** BT.2100 table 4, from cd/m² to the signal. */
function pq(nits: number): number {
  const y = (nits / 10_000) ** (2610 / 16384);
  return ((3424 / 4096 + (2413 / 128) * y) / (1 + (2392 / 128) * y)) ** (2523 / 32);
}
/** BT.2100 table 5, of a display of 1,000 cd/m²; neutral colours only. */
function hlg(nits: number): number {
  const scene = (nits / 1_000) ** (1 / 1.2);
  return scene <= 1 / 12 ? Math.sqrt(3 * scene) : 0.17883277 * Math.log(12 * scene - 0.28466892) + 0.55991073;
}
const signals: Readonly<Record<Curve, (nits: number) => number>> = { smpte2084: pq, 'arib-std-b67': hlg };
const even = (nits: number): Rgb => [nits, nits, nits];

/** BT.2087: light of BT.709's primaries in those of BT.2020. */
const inBt2020 = ([r, g, b]: Rgb): Rgb => [
  0.6274 * r + 0.3293 * g + 0.0433 * b,
  0.0691 * r + 0.9195 * g + 0.0114 * b,
  0.0164 * r + 0.088 * g + 0.8956 * b,
];

const [patchPx, heightPx] = [32, 64];

/** Each colour, in cd/m² of BT.709's primaries, as a patch of an HDR film. */
async function filmOf(name: string, curve: Curve, colours: readonly Rgb[], hevc: readonly string[] = []) {
  const widthPx = colours.length * patchPx;
  const codes = colours.map((colour) => {
    const [r, g, b] = inBt2020(colour).map(signals[curve]);
    const y = 0.2627 * (r ?? 0) + 0.678 * (g ?? 0) + 0.0593 * (b ?? 0);
    const chroma = [((b ?? 0) - y) / 1.8814, ((r ?? 0) - y) / 1.4746];
    return [64 + 876 * y, ...chroma.map((value) => 512 + 896 * value)].map(Math.round);
  });
  const plane = (component: number, shrink: number): number[] =>
    Array.from({ length: (widthPx * heightPx) / shrink ** 2 }, (_, index) => {
      const x = (index % (widthPx / shrink)) * shrink;
      return codes[Math.floor(x / patchPx)]?.[component] ?? 0;
    });
  const raw = join(folder.dir, `${name}.yuv`);
  await writeFile(raw, Buffer.from(new Uint16Array([...plane(0, 1), ...plane(1, 2), ...plane(2, 2)]).buffer));
  const film = join(folder.dir, `${name}.mp4`);
  const colour = `colorprim=bt2020:transfer=${curve}:colormatrix=bt2020nc`;
  await ffmpeg([
    ...['-f', 'rawvideo', '-pix_fmt', 'yuv420p10le', '-s', `${widthPx}x${heightPx}`, '-r', '25', '-i', raw],
    ...['-vf', 'loop=4:1', '-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1'],
    ...['-x265-params', ['log-level=error:lossless=1', colour, ...hevc].join(':'), film],
  ]);
  return film;
}

/** What the H.264 rendition shows of each patch: R, G and B of the full-range signal, 0 … 100. */
async function shown(film: string, count: number): Promise<Rgb[]> {
  const { dir, packaged } = await make(film, { profile });
  const id = packaged.renditions[0]?.id ?? '';
  const raw = join(dir, 'frame.rgb');
  await ffmpeg(['-i', join(dir, id, 'index.m3u8'), '-frames:v', '1', '-pix_fmt', 'gbrp', '-f', 'rawvideo', raw]);
  const bytes = await readFile(raw);
  const plane = count * patchPx * heightPx;
  const at = (component: number, patch: number): number => {
    const row = component * plane + (heightPx / 2) * count * patchPx + patch * patchPx;
    const inner = bytes.subarray(row + 8, row + patchPx - 8);
    return inner.reduce((sum, value) => sum + value, 0) / inner.length / 2.55;
  };
  return Array.from({ length: count }, (_, patch): Rgb => [at(2, patch), at(0, patch), at(1, patch)]);
}

const greys = [1, 26, 100, 203, 300, 400, 600, 1_000] as const;
/** From the same light on a screen of 203 cd/m² and a gamma of 2.4, up to the knee. */
const sameLight = (nits: number): number => 100 * (nits / 203) ** (1 / 2.4);

it.each([
  { name: 'PQ that tells nothing of its light', curve: 'smpte2084', told: [] },
  { name: 'PQ with light levels', curve: 'smpte2084', told: ['max-cll=1000,400'] },
  {
    name: 'PQ with a mastering display',
    curve: 'smpte2084',
    told: ['master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)'],
  },
  { name: 'HLG', curve: 'arib-std-b67', told: [] },
] as const)('$name is as bright as its makers meant, and its highlights can be told apart', async (film) => {
  const path = await filmOf(film.name.replaceAll(' ', '-'), film.curve, greys.map(even), film.told);
  const levels = (await shown(path, greys.length)).map(([, green]) => green);
  const of = (nits: (typeof greys)[number]): number => levels[greys.indexOf(nits)] ?? Number.NaN;
  for (const nits of [1, 26, 100] as const) expect(Math.abs(of(nits) - sameLight(nits)), `${nits}`).toBeLessThan(2);
  expect(of(203)).toBeGreaterThan(88);
  expect(of(203)).toBeLessThan(95);
  const highlights = [of(203), of(300), of(400), of(600), of(1_000)];
  for (const [index, level] of highlights.slice(1).entries()) expect(level).toBeGreaterThan(highlights[index] ?? 0);
  expect(of(1_000)).toBeGreaterThan(97);
});

it('keeps hues, and a ramp without steps', async () => {
  const orange: Rgb = [1, 0.4, 0.1];
  const colours = [50, 150, 500].map((nits): Rgb => [orange[0] * nits, orange[1] * nits, orange[2] * nits]);
  const ramp = Array.from({ length: 29 }, (_, index) => even(2 ** (index / 3)));
  const all = await shown(await filmOf('colours', 'smpte2084', [...colours, ...ramp]), colours.length + ramp.length);
  for (const [red, green, blue] of all.slice(0, colours.length)) {
    expect((green / red) ** 2.4).toBeCloseTo(0.4, 1);
    expect((blue / red) ** 2.4).toBeCloseTo(0.1, 1);
  }
  const levels = all.slice(colours.length).map(([, green]) => green);
  for (const [index, level] of levels.slice(1).entries()) expect(level).toBeGreaterThan(levels[index] ?? 0);
});
