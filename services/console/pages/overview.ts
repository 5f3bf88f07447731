import type { Asset } from '../../../shared/domain/asset.ts';
import type { FillReport } from '../../../shared/domain/fill.ts';
import type { ApplianceView, Region } from '../../../shared/domain/fleet.ts';
import { heldBefore } from '../../../shared/domain/reporting/fill-report.ts';
import { formatBitRate, formatBytes, formatPercent } from '../../../shared/domain/units.ts';
import { formatDuration, formatLocalTime, formatUntil, plural } from './format.ts';
import { type Html, html } from './html.ts';

export interface RegionOverview {
  readonly region: Region & {
    readonly nextWindow: { readonly startsAt: string; readonly endsAt: string; readonly date: string };
  };
  readonly report: FillReport | null;
}

export interface Overview {
  readonly atMs: number;
  readonly assets: readonly Asset[];
  readonly regions: readonly RegionOverview[];
  readonly appliances: readonly ApplianceView[];
  /** What could not be asked, in words. */
  readonly gaps: readonly string[];
}

/** The part of the front page that changes; `/overview` answers it alone. */
export const overviewHtml = (overview: Overview): Html => html`
${overview.gaps.map((gap) => html`<p class="notice" role="status">${gap}</p>`)}
<section aria-labelledby="regions">
<h2 id="regions">Regions</h2>
${
  overview.regions.length === 0
    ? html`<p class="empty">No region yet. Add one with <code>npx nightfill regions add</code>.</p>`
    : html`<div class="cards">${overview.regions.map((region) => regionCard(region, overview.atMs))}</div>`
}
</section>
<section aria-labelledby="appliances">
<h2 id="appliances">Appliances</h2>
${
  overview.appliances.length === 0
    ? html`<p class="empty">No appliance yet. Add one with <code>npx nightfill appliances add</code>.</p>`
    : applianceTable(overview.appliances)
}
</section>
<section aria-labelledby="assets">
<h2 id="assets">Assets</h2>
${
  overview.assets.length === 0
    ? html`<p class="empty">Nothing uploaded yet. Try <code>npx nightfill upload FILE --wait</code>.</p>`
    : assetTable(overview.assets)
}
</section>`;

function regionCard({ region, report }: RegionOverview, atMs: number): Html {
  const startsMs = Date.parse(region.nextWindow.startsAt);
  const open = startsMs <= atMs;
  const [start, end] = [region.nextWindow.startsAt, region.nextWindow.endsAt].map((at) =>
    formatLocalTime(Date.parse(at), region.timeZone),
  );
  const when = open ? html`<strong>open now</strong>` : `opens ${formatUntil(startsMs - atMs)}`;
  return html`<article class="card">
<header><h3>${region.name}</h3><p class="clock"><time>${formatLocalTime(atMs, region.timeZone)}</time> <span>${region.timeZone}</span></p></header>
<dl>
<div><dt>Fill window</dt><dd>${start}–${end} <small>${region.fillEnabled ? when : 'nightly fill is off'}</small></dd></div>
<div><dt>Budget</dt><dd>${formatBytes(region.budget.bytesPerNight)} a night <small>at ${formatBitRate(region.budget.rateBps)}</small></dd></div>
</dl>
${report ? reportPart(report) : html`<p class="empty">No fill yet.</p>`}
</article>`;
}

const reportPart = (report: FillReport): Html => html`<div class="report">
<p class="line"><span>Last fill, for <a href="/reports/${report.regionId}/${report.date}">${report.date}</a></span> ${badge(report.state, report.state === 'completed' ? 'good' : 'warn')}</p>
<div class="counts">
${count('Planned', report.planned)}${count('Pushed', report.pushed)}${count('Held', heldBefore(report))}${count('Failed', report.failed, report.failed.files > 0)}
</div>
<label class="meter"><span>Forecast covered</span><strong>${formatPercent(report.forecastCoverage)}</strong>
<meter min="0" max="1" value="${report.forecastCoverage}">${formatPercent(report.forecastCoverage)}</meter></label>
${report.score && report.score.servedBytes > 0 && html`<p class="line"><span>Served from edge storage</span><strong>${formatPercent(report.score.byteHitRatio)}</strong></p>`}
</div>`;

const count = (
  label: string,
  { files, bytes }: { readonly files: number; readonly bytes: number },
  bad = false,
): Html =>
  html`<p${bad && html` class="bad"`}><span>${label}</span><strong>${plural(files, 'file')}</strong><small>${formatBytes(bytes)}</small></p>`;

const badge = (text: string, tone: 'good' | 'warn' | 'bad' | 'calm'): Html =>
  html`<span class="badge ${tone}">${text}</span>`;

const applianceTable = (appliances: readonly ApplianceView[]): Html => html`<div class="table data"><table>
<thead><tr><th scope="col">Appliance</th><th scope="col">Region</th><th scope="col">Role</th><th scope="col">Health</th><th scope="col">Stored</th><th scope="col" class="num">Serving</th></tr></thead>
<tbody>${appliances.map((appliance) => {
  const stored = appliance.status?.storedBytes ?? 0;
  return html`<tr>
<th scope="row">${appliance.id}</th><td>${appliance.regionId}</td><td>${appliance.role}</td><td>${healthBadge(appliance)}</td>
<td><meter min="0" max="${appliance.capacityBytes}" value="${stored}" aria-label="Stored"></meter> <span class="nowrap">${formatBytes(stored)} of ${formatBytes(appliance.capacityBytes)}</span></td>
<td class="num">${formatBitRate(appliance.status?.servedBps ?? 0)}</td></tr>`;
})}</tbody></table></div>`;

function healthBadge({ health, mode, status }: ApplianceView): Html {
  if (mode !== 'active') return badge(mode, 'calm');
  if (health === 'healthy' && status?.diskTrouble) return badge(status.diskTrouble, 'warn');
  const resting = status?.restingUpstreams ?? [];
  if (health === 'healthy' && resting.length > 0) return badge(`no answers from ${resting.join(', ')}`, 'warn');
  if (health === 'healthy') return badge('healthy', 'good');
  return badge(status?.unfitReason ? `unfit: ${status.unfitReason}` : health.replace('-', ' '), 'bad');
}

const assetTones = {
  published: 'good',
  failed: 'bad',
  deleted: 'calm',
  uploaded: 'calm',
  transcoding: 'warn',
} as const;

const assetTable = (assets: readonly Asset[]): Html => html`<div class="table data"><table>
<thead><tr><th scope="col">Title</th><th scope="col">State</th><th scope="col" class="num">Duration</th><th scope="col" class="num">Size</th><th scope="col"><span class="hidden">Watch</span></th></tr></thead>
<tbody>${assets.map(
  (asset) => html`<tr>
<th scope="row">${asset.title}<small class="id">${asset.id}</small></th><td>${badge(asset.state, assetTones[asset.state])}${asset.failure && html`<small class="why">${asset.failure.reason}</small>`}</td>
<td class="num">${asset.durationS !== null && formatDuration(asset.durationS)}</td><td class="num">${asset.sizeBytes !== null && formatBytes(asset.sizeBytes)}</td>
<td class="num">${(asset.version !== null || asset.early) && html`<a class="button" href="/watch/${asset.id}" aria-label="Watch ${asset.title}">Watch</a>`}</td></tr>`,
)}</tbody></table></div>`;
