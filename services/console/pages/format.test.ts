import { describe, expect, it } from 'vitest';
import { formatDuration, formatLocalTime, formatUntil } from './format.ts';
import { html } from './html.ts';

describe('format', () => {
  it('writes times as people read them', () => {
    expect([5, 65, 3_725].map(formatDuration)).toEqual(['0:05', '1:05', '1:02:05']);
    expect([10_000, 300_000, 3_900_000].map(formatUntil)).toEqual(['now', 'in 5 min', 'in 1 h 5 min']);
    expect(formatLocalTime(Date.parse('2026-11-20T15:02:00Z'), 'Europe/Berlin')).toBe('16:02');
  });
});

describe('html', () => {
  it('escapes every value that is not HTML already', () => {
    const title = '<script>"x" & \'y\'</script>';
    expect(html`<p title="${title}">${[title, html`<b>${1}</b>`]}${null}${false}</p>`.text).toBe(
      '<p title="&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;">' +
        '&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;<b>1</b></p>',
    );
  });
});
