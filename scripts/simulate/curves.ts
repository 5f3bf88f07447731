/** Draws byte-hit ratio over capacity as an SVG: a panel a region, a line a policy, the names at the lines' ends. */
import type { SimulationReport } from './simulate.ts';

const width = 760;
const panelHeight = 420;
const left = 62;
const right = 150;
const top = 44;
const bottom = 52;
const labelGap = 14;

/** Bounds, which nobody can reach in service, are dashed. */
const bounds: ReadonlySet<string> = new Set(['belady', 'push-oracle']);
const colours = ['#4477aa', '#66ccee', '#228833', '#ccbb44', '#ee6677', '#aa3377', '#997700', '#77aadd', '#999999'];
const ownColour = '#cc3311';

interface Point {
  readonly share: number;
  readonly ratio: number;
}

export function curvesSvg(reports: readonly SimulationReport[]): string {
  const regions = [...new Set(reports.map(({ region }) => region))];
  const height = panelHeight * regions.length;
  const panels = regions.map((region, index) =>
    panel(
      region ?? 'all requests',
      reports.filter((report) => report.region === region),
      index * panelHeight,
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function panel(title: string, reports: readonly SimulationReport[], offset: number): string {
  const shares = [...new Set(reports.map(shareOf))].sort((a, b) => a - b);
  const logs = shares.map(Math.log);
  const first = logs[0] ?? 0;
  const span = (logs.at(-1) ?? 0) - first || 1;
  const x = (share: number): number => left + ((Math.log(share) - first) / span) * (width - left - right);
  const y = (ratio: number): number => top + (1 - ratio) * (panelHeight - top - bottom);
  const names: readonly string[] = [
    ...new Set(reports.flatMap(({ policies }) => policies.map(({ policy }) => policy))),
  ];
  const lines = names.map((name, index) => ({
    name,
    colour: name === 'nightfill' ? ownColour : (colours[index % colours.length] ?? '#000'),
    points: reports
      .flatMap((report): Point[] => {
        const found = report.policies.find(({ policy }) => policy === name);
        return found ? [{ share: shareOf(report), ratio: found.byteHitRatio }] : [];
      })
      .sort((a, b) => a.share - b.share),
  }));
  const labels = spread(lines.map(({ points }) => y(points.at(-1)?.ratio ?? 0)));
  return [
    `<g transform="translate(0 ${offset})">`,
    `<text x="${left}" y="24" font-size="15">${escapeXml(title)}: byte-hit ratio over capacity</text>`,
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(
      (ratio) =>
        `<path d="M${left} ${fix(y(ratio))}H${width - right}" stroke="#ddd"/><text x="${left - 8}" y="${fix(y(ratio) + 4)}" text-anchor="end">${ratio * 100}%</text>`,
    ),
    ...shares.map(
      (share) =>
        `<text x="${fix(x(share))}" y="${panelHeight - bottom + 20}" text-anchor="middle">${percent(share)}</text>`,
    ),
    `<text x="${(left + width - right) / 2}" y="${panelHeight - 12}" text-anchor="middle">capacity as a share of the distinct bytes</text>`,
    ...lines.map(({ name, colour, points }, index) => {
      const at = points.map(({ share, ratio }) => `${fix(x(share))},${fix(y(ratio))}`).join(' ');
      const dash = bounds.has(name) ? ' stroke-dasharray="5 4"' : '';
      const label = `<text x="${width - right + 10}" y="${fix((labels[index] ?? 0) + 4)}" fill="${colour}">${escapeXml(name)}</text>`;
      const dots = points.map(
        ({ share, ratio }) =>
          `<circle cx="${fix(x(share))}" cy="${fix(y(ratio))}" r="2.5" fill="${colour}"><title>${escapeXml(name)} at ${percent(share)}: ${(ratio * 100).toFixed(1)}%</title></circle>`,
      );
      return `<polyline points="${at}" fill="none" stroke="${colour}" stroke-width="${name === 'nightfill' ? 2.5 : 1.5}"${dash}/>${dots.join('')}${label}`;
    }),
    '</g>',
  ].join('\n');
}

/** Moves labels apart, downwards, so that none covers another. */
function spread(wanted: readonly number[]): number[] {
  const order = [...wanted.keys()].sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const placed = [...wanted];
  let free = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    const at = Math.max(wanted[index] ?? 0, free);
    placed[index] = at;
    free = at + labelGap;
  }
  return placed;
}

const shareOf = ({ capacityBytes, distinctBytes }: SimulationReport): number => capacityBytes / distinctBytes;
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))}%`;
const fix = (value: number): string => value.toFixed(1);
const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`).replace(/\p{Cc}/gu, '');
