import { describe, expect, it } from 'vitest';
import {
  dateOption,
  durationOption,
  idOption,
  listOption,
  locationOption,
  portOption,
  rateOption,
  sizeOption,
  tariffOption,
  weightOption,
  windowOption,
} from './parse.ts';

describe('option values', () => {
  it('reads what people write', () => {
    expect(sizeOption('200GB')).toBe(200e9);
    expect(durationOption('6h')).toBe(21_600_000);
    expect(dateOption('2028-02-29')).toBe('2028-02-29');
    expect(idOption('eu-berlin')).toBe('eu-berlin');
    expect(windowOption('23:30-05:00')).toEqual({ start: '23:30', end: '05:00' });
    expect(locationOption('52.5, 13.4')).toEqual({ latitude: 52.5, longitude: 13.4 });
    expect(locationOption('-33.9,-151')).toEqual({ latitude: -33.9, longitude: -151 });
    expect(portOption('1')).toBe(1);
    expect(weightOption('0.5')).toBe(0.5);
  });

  it('tells bits from bytes in rates', () => {
    const rates = ['1000000', '100Mbit/s', '100Mbit', '1.5Gbps', '100M', '12.5MB/s', '12.5Mb/s'];
    expect(rates.map((text) => rateOption(text))).toEqual([1e6, 1e8, 1e8, 1.5e9, 1e8, 1e8, 12.5e6]);
  });

  it('gathers repeated and comma separated values', () => {
    expect(['a', 'b, c', ''].reduce<readonly string[]>((before, text) => listOption(text, before), [])).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it.each([
    [dateOption, '2026-02-30'],
    [dateOption, '20.11.2026'],
    [dateOption, '2026-1-2'],
    [idOption, 'EU_Berlin'],
    [idOption, '../x'],
    [windowOption, '25:00-05:00'],
    [windowOption, '01:00'],
    [locationOption, '91,0'],
    [locationOption, '52.5'],
    [locationOption, '1,2,3'],
    [locationOption, ','],
    [rateOption, '0'],
    [rateOption, 'fast'],
    [rateOption, '10 MiB/s'],
    [portOption, '0'],
    [portOption, '65536'],
    [portOption, ''],
    [weightOption, '0'],
    [sizeOption, 'big'],
    [durationOption, '6'],
  ] as const)('refuses what it cannot read, and says how to write it (%#)', (read: (text: string) => unknown, text) => {
    expect(() => read(text)).toThrow(/^must be .+\.$/);
  });
});

describe('tariffs', () => {
  it('are a currency and a price, or two by day and night, or none', () => {
    expect(tariffOption('eur:2.50')).toEqual({ currency: 'EUR', perGb: 2.5 });
    expect(tariffOption('USD:2/0.4')).toEqual({ currency: 'USD', perGb: 2, nightPerGb: 0.4 });
    expect(tariffOption('none')).toBeNull();
    for (const wrong of ['2.50', 'EURO:1', 'EUR:', 'EUR:-1']) expect(() => tariffOption(wrong)).toThrow(/EUR:2\.50/);
  });
});
