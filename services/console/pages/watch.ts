import type { Asset, TranscodeProgress } from '../../../shared/domain/asset.ts';
import { formatPercent } from '../../../shared/domain/units.ts';
import { type Html, html } from './html.ts';

/** As `POST /v1/playback` answers it. */
export interface PlaybackAnswer {
  readonly hls: string;
  readonly dash: string | null;
  readonly clearKey?: string | null;
  readonly state?: 'published' | 'growing';
  readonly region: { readonly id: string; readonly reason: string; readonly detail: string };
  readonly appliances: readonly { readonly id: string; readonly region: string; readonly reason: string }[];
  readonly expiresAt: string;
}

export const watchHtml = (asset: Pick<Asset, 'id' | 'title'>, playback: PlaybackAnswer): Html => {
  const [best] = playback.appliances;
  return html`<article class="watch">
<h1>${asset.title}</h1>
<div class="screen"><video id="player" controls playsinline muted autoplay data-hls="${playback.hls}" data-clear-key="${playback.clearKey ?? ''}" data-library="/static/hls/hls.min.mjs" data-worker="/static/hls/hls.worker.js"></video>
<p id="trouble" class="notice" role="alert" hidden></p></div>
${playback.state === 'growing' && html`<p class="notice" id="growing" role="status" data-asset="${asset.id}">It is still being prepared: what is there plays, and the rest follows by itself.</p>`}
<p class="captions" id="captions" hidden><label for="caption">Captions</label> <select id="caption"></select></p>
<noscript><p class="notice">This player needs scripts. Any HLS player takes this address: <a href="${playback.hls}">playlist</a>.</p></noscript>
<div class="facts">
<section aria-labelledby="from"><h2 id="from">Served by</h2>
<p class="big"><strong>${best?.id ?? ''}</strong> in ${playback.region.id}</p>
<p class="why">${playback.region.detail}.</p>
${
  playback.appliances.length > 1 &&
  html`<p class="why">Would take over: ${playback.appliances
    .slice(1)
    .map(({ id }) => id)
    .join(', ')}.</p>`
}
</section>
<section aria-labelledby="now"><h2 id="now">Playing</h2>
<p class="big" id="rendition">–</p>
<p class="why" id="totals">Waiting for the first segment.</p>
</section>
</div>
<section aria-labelledby="fetches"><h2 id="fetches">Segments</h2>
<p class="why">Each segment as the appliance answered it: <code>hit-…</code> came from its own storage, <code>pull-…</code> was fetched for this request, from a peer, the shield or the origin.</p>
<div class="table data"><table><thead><tr><th scope="col">Segment</th><th scope="col">Outcome</th><th scope="col" class="num">Size</th><th scope="col" class="num">Time</th></tr></thead>
<tbody id="log"></tbody></table></div>
</section>
</article>`;
};

/** The title is not published yet, or never will be. */
export const notYetHtml = (asset: Asset & { readonly progress?: TranscodeProgress | null }): Html => {
  const share = asset.progress?.fraction ?? 0;
  return html`<article class="narrow"><h1>${asset.title}</h1>
${
  asset.failure
    ? html`<p class="notice">It could not be made: ${asset.failure.reason}</p>`
    : html`<p>It is being made and plays by itself once it is ready.</p>
<label class="meter"><span>${asset.progress?.stage ?? asset.state}</span><strong>${formatPercent(share)}</strong><progress max="1" value="${share}"></progress></label>`
}</article>`;
};
