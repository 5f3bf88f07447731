/** HTTP dates of RFC 9110 §5.6.7: one form written, three read. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const fixdate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850 = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/** Two-digit years are read as 1970 … 2069: no header of this product means another century. */
const century = (year: string): string => `${Number(year) >= 70 ? '19' : '20'}${year}`;

/** IMF-fixdate; what HTTP cannot say (milliseconds) is cut off. */
export const formatHttpDate = (unixMs: number): string => new Date(unixMs).toUTCString();

/** Unix milliseconds, or null where the text is no HTTP date. */
export function parseHttpDate(text: string): number | null {
  const a = fixdate.exec(text);
  if (a) return toUnixMs(a[3], a[2], a[1], a.slice(4, 7));
  const b = rfc850.exec(text);
  if (b) return toUnixMs(century(b[3] ?? ''), b[2], b[1], b.slice(4, 7));
  const c = asctime.exec(text);
  return c ? toUnixMs(c[6], c[1], c[2], c.slice(3, 6)) : null;
}

function toUnixMs(year = '', monthName = '', day = '', time: readonly string[] = []): number | null {
  const month = months.indexOf(monthName);
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  const unixMs = Date.UTC(Number(year), month, Number(day), hours, minutes, Math.min(seconds, 59));
  const sound = month >= 0 && new Date(unixMs).getUTCDate() === Number(day) && hours < 24 && minutes < 60;
  // A leap second (60) is the only second that a clock here cannot show.
  return sound && seconds <= 60 ? unixMs : null;
}
