/**
 * Longest-prefix match of a viewer's address over the coverage networks of all regions.
 *
 * One table per prefix length: a look-up costs one probe per length in use, however many networks there are. Where two
 * regions claim the same network, the one whose id sorts first has it.
 */
import type { Region } from '../fleet.ts';
import { networkPart, parseAddress, parseNetwork } from './network.ts';

export interface CoverageMatch {
  readonly regionId: string;
  /** As the operator wrote it. */
  readonly network: string;
  readonly prefix: number;
}

export interface CoverageIndex {
  /** Matches of different regions, the longest prefix first; empty for an address nobody covers. */
  match(address: string): readonly CoverageMatch[];
  /** Networks that could not be read, to show to the operator. */
  readonly invalid: readonly { readonly regionId: string; readonly network: string }[];
}

export function makeCoverageIndex(regions: readonly Pick<Region, 'id' | 'coverage'>[]): CoverageIndex {
  const tables = new Map<string, { bits: number; prefix: number; entries: Map<bigint, CoverageMatch> }>();
  const invalid: { regionId: string; network: string }[] = [];
  for (const region of [...regions].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    for (const text of region.coverage.networks) {
      const network = parseNetwork(text);
      if (!network) {
        invalid.push({ regionId: region.id, network: text });
        continue;
      }
      const name = `${network.bits}/${network.prefix}`;
      const table = tables.get(name) ?? { bits: network.bits, prefix: network.prefix, entries: new Map() };
      tables.set(name, table);
      if (!table.entries.has(network.value)) {
        table.entries.set(network.value, { regionId: region.id, network: text, prefix: network.prefix });
      }
    }
  }
  const longestFirst = [...tables.values()].sort((a, b) => b.prefix - a.prefix);

  return {
    invalid,
    match(text) {
      const address = parseAddress(text);
      if (!address) return [];
      const found = new Map<string, CoverageMatch>();
      for (const { bits, prefix, entries } of longestFirst) {
        const entry = bits === address.bits ? entries.get(networkPart(address, prefix)) : undefined;
        if (entry && !found.has(entry.regionId)) found.set(entry.regionId, entry);
      }
      return [...found.values()];
    },
  };
}
