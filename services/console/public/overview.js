/** Keeps the front page fresh: fetches its changing part every few seconds and puts it in place when it differs. */
const everyMs = 5000;
const place = document.getElementById('overview');
let shown = '';

async function refresh() {
  if (document.hidden || !place) return;
  try {
    const response = await fetch('/overview', { headers: { accept: 'text/html' } });
    if (response.status === 401) return location.reload();
    if (!response.ok) return;
    const text = await response.text();
    if (text === shown) return;
    // Links are the only things that take focus there; the one with the same target takes it again.
    const target = place.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    place.innerHTML = text;
    shown = text;
    if (target) place.querySelector(`a[href="${CSS.escape(target)}"]`)?.focus();
  } catch {
    // The console restarts; the next round shows it.
  }
}

setInterval(refresh, everyMs);
document.addEventListener('visibilitychange', refresh);
