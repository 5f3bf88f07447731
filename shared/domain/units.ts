/**
 * Sizes, rates and shares as people read them, the same on every screen: sizes are binary (MiB), bit rates decimal
 * (Mbit/s), as on every other tool's.
 */

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const rateUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;

/** Three significant digits, in the largest unit that leaves at least 1. */
function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = Math.abs(value);
  let unit = 0;
  // 999.5 would be shown as 1000: the next unit says it better.
  while (unit < units.length - 1 && rest >= (base === 1000 ? 999.5 : 1023.5)) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  const sign = value < 0 ? '-' : '';
  return `${sign}${rest.toFixed(digits)} ${units[unit] ?? ''}`;
}

export const formatBytes = (bytes: number): string => scaled(bytes, 1024, sizeUnits);

/** Bits a second. */
export const formatBitRate = (bps: number): string => scaled(bps, 1000, rateUnits);

/** A share, 0 … 1. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  // Never says 100% of something that is not whole.
  if (percent > 99.9 && percent < 100) return '99.9%';
  return `${Number.isInteger(percent) || Math.abs(percent) >= 1000 ? percent.toFixed(0) : percent.toFixed(1)}%`;
}
