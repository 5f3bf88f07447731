/** Numbers and times as people read them; decimal units, as bandwidth is sold. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Bits a second. */
export function formatRate(bps: number): string {
  if (bps <= 0) return '0 Mbit/s';
  const mbit = bps / 1e6;
  if (mbit >= 1000) return `${(mbit / 1000).toFixed(1)} Gbit/s`;
  return `${mbit >= 10 ? Math.round(mbit) : mbit.toFixed(mbit >= 1 ? 1 : 2)} Mbit/s`;
}

export const formatShare = (share: number): string => `${Math.round(share * 1000) / 10} %`;

/** `m:ss` or `h:mm:ss`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `in 9 h 58 min`; `now` for less than a minute. */
export function formatUntil(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'now';
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `in ${hours} h ${minutes % 60} min` : `in ${minutes} min`;
}

/** The clock of a zone, `16:02`. */
export const formatLocalTime = (ms: number, timeZone: string): string =>
  new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone }).format(ms);

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
