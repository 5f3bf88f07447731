/**
 * A demand history for the demo regions. Made up, and said to be: four weeks of views with a weekend that is busier, a
 * slow rise, and noise that is the same on every machine.
 */

export interface HistorySpec {
  readonly regionId: string;
  /** Views on an ordinary weekday. */
  readonly views: number;
}

export const demoHistory: readonly HistorySpec[] = [
  { regionId: 'eu-berlin', views: 420 },
  { regionId: 'us-newyork', views: 260 },
  { regionId: 'ap-tokyo', views: 90 },
];

const days = 28;
const dayMs = 86_400_000;

/**
 * CSV for `POST /v1/demand`: the `days` UTC days before `nowMs`.
 *
 * @param bytesPerView what one view moves, on average.
 */
export function demandHistoryCsv(assetId: string, bytesPerView: number, nowMs: number): string {
  const rows = ['day,region,asset,views,bytes'];
  for (const { regionId, views } of demoHistory) {
    for (let age = days; age >= 1; age -= 1) {
      const at = new Date(nowMs - age * dayMs);
      const weekend = [0, 5, 6].includes(at.getUTCDay()) ? 1.4 : 1;
      const rise = 1 + (days - age) / (days * 4);
      const noise = 0.9 + 0.2 * fraction(`${regionId} ${age}`);
      const count = Math.round(views * weekend * rise * noise);
      rows.push([at.toISOString().slice(0, 10), regionId, assetId, count, Math.round(count * bytesPerView)].join(','));
    }
  }
  return `${rows.join('\n')}\n`;
}

/** 0 … 1 from a text, by FNV-1a. */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
