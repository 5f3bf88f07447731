/** The player: hls.js, or the browser's own HLS where there is no Media Source. Shows what each segment's answer says. */
const video = document.getElementById('player');
const { default: Hls } = await import(video.dataset.library);
const rendition = document.getElementById('rendition');
const totals = document.getElementById('totals');
const log = document.getElementById('log');
const trouble = document.getElementById('trouble');
const source = video.dataset.hls;
const rowsShown = 50;
const counts = new Map();
let bytesFromStorage = 0;
let bytesInAll = 0;

/** The reason of `Cache-Status: <who>; …; detail=<reason>` (RFC 9211 §2.8). */
function outcomeOf(header) {
  if (!header) return 'not told';
  const detail = /;\s*detail="?([\w-]+)"?/.exec(header);
  return detail ? detail[1] : /;\s*hit\b/.test(header) ? 'hit' : header;
}

/** Rendition and file: segments of picture and sound have the same numbers. */
const nameOf = (url) => new URL(url).pathname.split('/').slice(-2).join('/');

function cell(row, text, className) {
  const td = row.insertCell();
  td.textContent = text;
  if (className) td.className = className;
  return td;
}

function showFetch(name, header, bytes, ms) {
  const outcome = outcomeOf(header);
  const isHit = outcome.startsWith('hit');
  counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  bytesInAll += bytes;
  if (isHit) bytesFromStorage += bytes;
  const row = log.insertRow(0);
  cell(row, name);
  const td = cell(row, '');
  const badge = document.createElement('span');
  badge.className = `badge ${isHit ? 'good' : 'warn'}`;
  badge.textContent = outcome;
  badge.title = header ?? '';
  td.append(badge);
  cell(row, `${Math.ceil(bytes / 1024)} KiB`, 'num');
  cell(row, `${Math.round(ms)} ms`, 'num');
  while (log.rows.length > rowsShown) log.deleteRow(-1);
  const parts = [...counts].map(([reason, count]) => `${count} × ${reason}`);
  const share = bytesInAll > 0 ? Math.round((bytesFromStorage / bytesInAll) * 100) : 0;
  totals.textContent = `${parts.join(', ')}. ${share}% of the bytes from the appliance’s storage.`;
}

/** A new page brings a new appliance and a new token; a few tries, then the reason. */
function recover(reason) {
  const tries = Number(sessionStorage.getItem('tries') ?? '0');
  if (tries < 3) {
    sessionStorage.setItem('tries', String(tries + 1));
    sessionStorage.setItem('position', JSON.stringify({ page: location.pathname, at: video.currentTime }));
    setTimeout(() => location.reload(), 1000 * 2 ** tries);
    return;
  }
  sessionStorage.removeItem('tries');
  trouble.textContent = `Playback stopped: ${reason}. Load the page again to ask for another appliance.`;
  trouble.hidden = false;
}

/** Until the playlist says that it has ended; text, previews and the last quality figures come with a new page. */
function watchGrowth(hls) {
  const note = document.getElementById('growing');
  if (!note) return;
  hls.on(Hls.Events.LEVEL_UPDATED, (_event, { details }) => {
    if (details.live) return;
    note.textContent = 'All of it is there now.';
    setTimeout(() => {
      note.hidden = true;
    }, 5000);
  });
}

/**
 * ClearKey by Encrypted Media Extensions, which browsers have on HTTPS and on localhost only. Playlists name each key twice;
 * hls.js would take the first form (`identity`), which it knows for MPEG-TS alone, so it does not get to see it.
 */
function drmOptions(licenseUrl) {
  if (!licenseUrl) return {};
  class PlaylistLoader extends Hls.DefaultConfig.loader {
    load(context, config, callbacks) {
      const onSuccess = (response, ...rest) => {
        response.data = response.data.replace(/^#EXT-X-(SESSION-)?KEY:.*KEYFORMAT="identity".*\n/gm, '');
        callbacks.onSuccess(response, ...rest);
      };
      super.load(context, config, { ...callbacks, onSuccess });
    }
  }
  return { pLoader: PlaylistLoader, emeEnabled: true, drmSystems: { 'org.w3.clearkey': { licenseUrl } } };
}

const saved = JSON.parse(sessionStorage.getItem('position') ?? 'null');
sessionStorage.removeItem('position');
/** What is still being prepared begins at its beginning, not at what was encoded last. */
const beginning = document.getElementById('growing') ? 0 : -1;
const startPosition = saved?.page === location.pathname ? saved.at : beginning;
video.addEventListener('timeupdate', () => {
  if (video.currentTime > startPosition + 5) sessionStorage.removeItem('tries');
});

const captions = document.getElementById('captions');
const captionChoice = document.getElementById('caption');
const captionKey = 'caption';

/** A choice of the stream's text tracks; the last one made is made again for the next film. */
function offerCaptions(hls) {
  const describe = ({ name, lang, forced }) => (forced ? null : { name: name || lang, key: `${lang}|${name}` });
  hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, () => {
    const offered = hls.subtitleTracks.map(describe);
    captionChoice.replaceChildren(new Option('Off', '-1'));
    for (const [index, track] of offered.entries()) if (track) captionChoice.add(new Option(track.name, String(index)));
    captions.hidden = captionChoice.length < 2;
    const wanted = localStorage.getItem(captionKey);
    const found = offered.findIndex((track) => track?.key === wanted);
    // hls.js makes its own choice right after this event.
    queueMicrotask(() => {
      if (wanted === 'off' || found >= 0) hls.subtitleTrack = found;
      captionChoice.value = String(hls.subtitleTrack);
    });
  });
  hls.on(Hls.Events.SUBTITLE_TRACK_SWITCH, (_event, { id }) => {
    captionChoice.value = String(id);
  });
  captionChoice.addEventListener('change', () => {
    const index = Number(captionChoice.value);
    hls.subtitleDisplay = true;
    hls.subtitleTrack = index;
    const track = hls.subtitleTracks[index];
    localStorage.setItem(captionKey, track ? describe(track).key : 'off');
  });
}

if (Hls.isSupported()) {
  const hls = new Hls({ workerPath: video.dataset.worker, startPosition, ...drmOptions(video.dataset.clearKey) });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => {
    const { height, width, bitrate } = hls.levels[level];
    rendition.textContent = `${height ? `${width} × ${height}, ` : ''}${(bitrate / 1e6).toFixed(1)} Mbit/s`;
  });
  hls.on(Hls.Events.FRAG_LOADED, (_event, { frag, networkDetails }) => {
    const { loading, loaded } = frag.stats;
    const header = networkDetails?.getResponseHeader?.('cache-status') ?? null;
    showFetch(nameOf(frag.url), header, loaded, loading.end - loading.start);
  });
  hls.on(Hls.Events.ERROR, (_event, { fatal, details, response }) => {
    if (!fatal) return;
    hls.destroy();
    recover(response?.code ? `${details} (${response.code})` : details);
  });
  offerCaptions(hls);
  watchGrowth(hls);
  hls.loadSource(source);
  hls.attachMedia(video);
} else if (video.canPlayType('application/vnd.apple.mpegurl')) {
  totals.textContent = 'This browser plays HLS by itself and does not show its requests.';
  video.src = source;
  if (startPosition > 0) video.currentTime = startPosition;
  video.addEventListener('resize', () => {
    rendition.textContent = `${video.videoWidth} × ${video.videoHeight}`;
  });
  video.addEventListener('error', () => recover(video.error?.message || 'the video cannot be played'));
} else {
  trouble.textContent = 'This browser cannot play HLS.';
  trouble.hidden = false;
}
