import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatLocalTime, formatRate, formatUntil } from './format.ts';
import { html } from './html.ts';

describe('format', () => {
  it('writes sizes, rates and times as people read them', () => {
    expect([0, 999, 1000, 999_600, 12_345_678, 5e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.0 MB',
      '12.3 MB',
      '5.0 TB',
    ]);
    expect([0, 40_000, 2_500_000, 80e6, 2.5e9].map(formatRate)).toEqual([
      '0 Mbit/s',
      '0.04 Mbit/s',
      '2.5 Mbit/s',
      '80 Mbit/s',
      '2.5 Gbit/s',
    ]);
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
