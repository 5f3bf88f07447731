import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeCoverageIndex } from './coverage.ts';
import { distanceKm } from './distance.ts';
import { parseAddress, parseNetwork } from './network.ts';

const region = (id: string, ...networks: string[]) => ({ id, coverage: { networks, location: null } });

describe('parseAddress', () => {
  it.each([
    ['10.0.0.1', 32, 0x0a000001n],
    ['255.255.255.255', 32, 0xffffffffn],
    ['::', 128, 0n],
    ['::1', 128, 1n],
    ['2001:db8::8:800:200c:417a', 128, 0x20010db80000000000080800200c417an],
    ['2001:DB8:0:0:8:800:200C:417A', 128, 0x20010db80000000000080800200c417an],
    ['64:ff9b::192.0.2.33', 128, 0x0064ff9b0000000000000000c0000221n],
    ['::ffff:192.0.2.33', 32, 0xc0000221n],
    ['::ffff:c000:221', 32, 0xc0000221n],
    ['1:2:3:4:5:6:7::', 128, 0x00010002000300040005000600070000n],
  ] as const)('reads %s', (text, bits, value) => {
    expect(parseAddress(text)).toEqual({ bits, value });
  });

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    '0x0a.0.0.1',
    ' 10.0.0.1',
    '10.0.0.1.',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::g',
    '::1.2.3',
    '1:2:3:4:5:6:7:8::',
    'localhost',
    '10.0.0.1/8',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('never throws, whatever the viewer sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcf:./%x ') }), (text) => {
        parseAddress(text);
        parseNetwork(text);
      }),
    );
  });

  it('reads every address that it could write', () => {
    fc.assert(fc.property(fc.ipV4(), (text) => parseAddress(text)?.bits === 32));
    fc.assert(fc.property(fc.ipV6(), (text) => parseAddress(text) !== null));
  });
});

describe('parseNetwork', () => {
  it('clears host bits, takes a lone address, unmaps IPv4', () => {
    expect(parseNetwork('10.1.2.3/8')).toEqual({ bits: 32, prefix: 8, value: 0x0a000000n });
    expect(parseNetwork('10.1.2.3')).toEqual({ bits: 32, prefix: 32, value: 0x0a010203n });
    expect(parseNetwork('::ffff:10.0.0.0/104')).toEqual({ bits: 32, prefix: 8, value: 0x0a000000n });
    expect(parseNetwork('0.0.0.0/0')).toEqual({ bits: 32, prefix: 0, value: 0n });
    expect(parseNetwork('2001:db8::/32')?.prefix).toBe(32);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8', 'x/8', '::ffff:10.0.0.0/95'])(
    'refuses %s',
    (text) => {
      expect(parseNetwork(text)).toBeNull();
    },
  );
});

describe('makeCoverageIndex', () => {
  const index = makeCoverageIndex([
    region('wide', '10.0.0.0/8', '2001:db8::/32'),
    region('narrow', '10.1.0.0/16', '2001:db8:1::/48', 'nonsense'),
    region('host', '10.1.2.3'),
  ]);

  it('lets the longest prefix win and names the rest behind it', () => {
    expect(index.match('10.1.2.3').map((m) => m.regionId)).toEqual(['host', 'narrow', 'wide']);
    expect(index.match('10.1.9.9').map((m) => m.regionId)).toEqual(['narrow', 'wide']);
    expect(index.match('10.9.9.9').map((m) => m.regionId)).toEqual(['wide']);
    expect(index.match('::ffff:10.1.9.9')[0]?.network).toBe('10.1.0.0/16');
    expect(index.match('2001:db8:1::5').map((m) => m.regionId)).toEqual(['narrow', 'wide']);
  });

  it('keeps IPv4 and IPv6 apart', () => {
    const everything = makeCoverageIndex([region('v4', '0.0.0.0/0'), region('v6', '::/0')]);
    expect(everything.match('1.2.3.4').map((m) => m.regionId)).toEqual(['v4']);
    expect(everything.match('::2').map((m) => m.regionId)).toEqual(['v6']);
  });

  it('matches nothing for what is no address, and names networks it could not read', () => {
    expect(index.match('nonsense')).toEqual([]);
    expect(index.match('192.0.2.1')).toEqual([]);
    expect(index.invalid).toEqual([{ regionId: 'narrow', network: 'nonsense' }]);
  });

  it('gives a network that two regions claim to the id that sorts first', () => {
    expect(
      makeCoverageIndex([region('b', '10.0.0.0/8'), region('a', '10.0.0.0/8')]).match('10.0.0.1')[0]?.regionId,
    ).toBe('a');
  });
});

describe('distanceKm', () => {
  it('agrees with known distances', () => {
    const berlin = { latitude: 52.52, longitude: 13.405 };
    const newYork = { latitude: 40.7128, longitude: -74.006 };
    expect(distanceKm(berlin, newYork)).toBeCloseTo(6385, -1);
    expect(distanceKm(berlin, berlin)).toBe(0);
    expect(distanceKm({ latitude: 0, longitude: 179.5 }, { latitude: 0, longitude: -179.5 })).toBeCloseTo(111.2, 1);
    expect(distanceKm({ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 0 })).toBeCloseTo(20015, 0);
  });
});
