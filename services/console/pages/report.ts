/** The report of one night and its day, as a page: what docs/reports.md defines, in the order in which it is asked for. */
import { type FillReport, fillSources } from '../../../shared/domain/fill.ts';
import { resample } from '../../../shared/domain/rate-curve.ts';
import { actionsOf } from '../../../shared/domain/reporting/failures.ts';
import { heldBefore } from '../../../shared/domain/reporting/fill-report.ts';
import { type FillScore, missClasses } from '../../../shared/domain/score.ts';
import { formatBitRate, formatBytes, formatPercent } from '../../../shared/domain/units.ts';
import { formatDuration, formatLocalTime, plural } from './format.ts';
import { type Html, html } from './html.ts';

export interface ReportPage {
  readonly report: FillReport;
  readonly timeZone: string;
  /** Dates that have a report, newest first. */
  readonly dates: readonly string[];
}

export const reportHtml = ({ report, timeZone, dates }: ReportPage): Html => html`
<h1>${report.regionId}, ${report.date}</h1>
${
  dates.length > 1 &&
  html`<nav aria-label="Days" class="days">${dates.map(
    (date) =>
      html`<a href="/reports/${report.regionId}/${date}"${date === report.date && html` aria-current="page"`}>${date}</a> `,
  )}</nav>`
}
<section aria-labelledby="night"><h2 id="night">The night</h2>
<div class="facts"><section><dl>
${fact('State', html`<span class="badge ${report.state === 'completed' ? 'good' : 'warn'}">${report.state}</span>`)}
${fact('Time', `${formatLocalTime(Date.parse(report.startedAt), timeZone)} to ${formatLocalTime(Date.parse(report.finishedAt), timeZone)}, ${formatDuration(report.durationS)}`)}
${fact('Planned', amount(report.planned))}
${fact('Pushed', amount(report.pushed))}
${fact('Held already', amount(heldBefore(report)))}
${fact('Failed', amount(report.failed))}
${fact('Rate', `${formatBitRate(report.meanRateBps)} mean, ${formatBitRate(report.peakRateBps)} peak`)}
${fact('From', sourcesOf(report))}
${fact('Forecast covered', formatPercent(report.forecastCoverage))}
</dl>${curveFigure(report, timeZone)}</section></div>
${applianceTable(report)}
${actionsOf(report).map(
  ({ reason, files, bytes, mend }) =>
    html`<p class="notice"><strong>${reason}</strong>, ${plural(files, 'file')}, ${formatBytes(bytes)}. ${mend}</p>`,
)}
</section>
<section aria-labelledby="day"><h2 id="day">The day</h2>
${report.score ? scoreHtml(report.score) : html`<p class="empty">Scored on the morning after the day.</p>`}
</section>`;

const fact = (label: string, value: string | Html | null): Html | null =>
  value === null ? null : html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
const amount = ({ files, bytes }: { readonly files: number; readonly bytes: number }): string =>
  `${formatBytes(bytes)} in ${plural(files, 'file')}`;
const share = (value: number | null | undefined): string =>
  typeof value === 'number' ? formatPercent(value) : 'unknown';

function sourcesOf({ appliances }: FillReport): string | null {
  const parts = fillSources.flatMap((source) => {
    const bytes = appliances.reduce((sum, { sources }) => sum + (sources?.[source]?.bytes ?? 0), 0);
    return bytes > 0 ? [`${formatBytes(bytes)} ${source}`] : [];
  });
  return parts.length > 0 ? parts.join(', ') : null;
}

const curve = { columns: 120, width: 600, height: 80 };
/** What takes less has no curve to speak of, and its ends have the same time. */
const shortestCurveS = 60;

/** Bars over the fill's time, the highest its best rate. */
function curveFigure({ rateCurve = [], startedAt, durationS }: FillReport, timeZone: string): Html | null {
  const rates = resample(rateCurve, durationS, curve.columns);
  if (rates.length === 0 || durationS < shortestCurveS) return null;
  const best = Math.max(...rates, 1);
  const step = curve.width / curve.columns;
  const path = rates.map((rate, at) => {
    const y = curve.height * (1 - rate / best);
    return `${at === 0 ? 'M0' : 'L'}${at === 0 ? ` ${curve.height}L0` : (at * step).toFixed(1)} ${y.toFixed(1)}H${((at + 1) * step).toFixed(1)}`;
  });
  const at = (share: number): string => formatLocalTime(Date.parse(startedAt) + share * durationS * 1_000, timeZone);
  return html`<figure class="rate"><figcaption>Rate, up to ${formatBitRate(best)}</figcaption>
<svg class="curve" viewBox="0 0 ${curve.width} ${curve.height}" role="img" aria-label="Rate over the fill’s time, up to ${formatBitRate(best)}" preserveAspectRatio="none"><path d="${path.join('')}V${curve.height}Z"/></svg>
<p class="times"><span>${at(0)}</span><span>${at(0.5)}</span><span>${at(1)}</span></p></figure>`;
}

const applianceTable = (report: FillReport): Html => html`<div class="table data"><table>
<thead><tr><th scope="col">Appliance</th><th scope="col" class="num">Planned</th><th scope="col" class="num">Pushed</th><th scope="col" class="num">Held</th><th scope="col" class="num">Failed</th><th scope="col" class="num">Covers</th><th scope="col" class="num">Hits</th></tr></thead>
<tbody>${report.appliances.map((one) => {
  const use = report.score?.use?.appliances.find(({ applianceId }) => applianceId === one.applianceId);
  return html`<tr><th scope="row">${one.applianceId}</th>${[one.planned, one.pushed, heldBefore(one), one.failed].map(
    ({ bytes }) => html`<td class="num">${formatBytes(bytes)}</td>`,
  )}<td class="num">${one.forecastCoverage === undefined ? '' : formatPercent(one.forecastCoverage)}</td><td class="num">${use ? share(use.byteHitRatio) : ''}</td></tr>`;
})}</tbody></table></div>`;

function scoreHtml(score: FillScore): Html {
  const { use, misses, regret, accuracy = [], calibration = [], savings } = score;
  return html`<div class="facts"><section><dl>
${fact('Served', score.servedBytes > 0 ? `${formatBytes(score.servedBytes)}, ${formatPercent(score.byteHitRatio)} from the edges’ own disks` : 'nothing')}
${use ? fact('From filled objects', `${share(use.filledShare)} of the bytes served`) : null}
${use ? fact('Wasted fill', `${formatBytes(use.unusedBytes)} of ${formatBytes(use.pushedBytes)} pushed were never asked for`) : null}
${fact('Forecast', `${formatBytes(score.forecastBytes)} expected, ${formatBytes(score.actualBytes)} came${score.wape === null ? '' : `, WAPE ${formatPercent(score.wape)}`}`)}
${calibration.map(({ level, share: held }) => fact('Intervals', `${share(held)} held, ${formatPercent(level)} should`))}
${regret ? fact('Regret', `${formatPercent(regret.regret)}: held ${formatPercent(regret.asHeld)}, clairvoyant ${formatPercent(regret.clairvoyant)}, yesterday’s ${formatPercent(regret.persistence)}, mean of 7 days ${formatPercent(regret.mean7)}`) : null}
${misses ? fact('Refused', plural(misses.refusedRequests, 'request')) : null}
${savings ? fact('Saved', `${savings.saved.toFixed(2)} ${savings.tariff.currency}`) : null}
</dl></section></div>
${
  misses &&
  misses.missedBytes > 0 &&
  html`<div class="table data"><table>
<thead><tr><th scope="col">Missed bytes</th><th scope="col" class="num">Bytes</th><th scope="col" class="num">Share</th></tr></thead>
<tbody>${missClasses
    .filter((name) => misses.classes[name] > 0)
    .map(
      (name) =>
        html`<tr><th scope="row">${name}</th><td class="num">${formatBytes(misses.classes[name])}</td><td class="num">${formatPercent(misses.classes[name] / misses.missedBytes)}</td></tr>`,
    )}</tbody></table></div>`
}
${
  accuracy.length > 0 &&
  html`<div class="table data"><table>
<thead><tr><th scope="col">Popularity</th><th scope="col" class="num">Titles</th><th scope="col" class="num">Expected</th><th scope="col" class="num">Came</th><th scope="col" class="num">WAPE</th><th scope="col" class="num">Bias</th></tr></thead>
<tbody>${accuracy.map(
    (one) =>
      html`<tr><th scope="row">${one.seriesClass}</th><td class="num">${one.assets}</td><td class="num">${formatBytes(one.forecastBytes)}</td><td class="num">${formatBytes(one.actualBytes)}</td><td class="num">${share(one.wape)}</td><td class="num">${share(one.bias)}</td></tr>`,
  )}</tbody></table></div>`
}`;
}
