/**
 * Registers the demo fleet of a composed installation through the public API, and ends.
 *
 *     node scripts/compose/register-fleet.ts APPLIANCE=PUBLIC_URL=INTERNAL_URL …
 */
import { readSettings } from '../../shared/platform/settings.ts';
import { makeTransport } from '../cli/transport.ts';
import { demoAppliances, demoRegions } from '../up/demo-fleet.ts';
import { ensureFleet } from '../up/ensure-fleet.ts';

const { api, apiKey } = readSettings(process.env, ['api', 'apiKey']);
const addresses = new Map(
  process.argv.slice(2).map((argument) => {
    const [id = '', publicUrl = '', internalUrl = ''] = argument.split('=');
    return [id, { publicUrl, internalUrl }] as const;
  }),
);
await ensureFleet(makeTransport({ apiUrl: api, apiKey, source: 'NIGHTFILL_API' }), {
  regions: demoRegions,
  appliances: demoAppliances.filter(({ id }) => addresses.has(id)),
  addressesOf: (id) => addresses.get(id) ?? { publicUrl: '', internalUrl: '' },
});
process.stdout.write(`registered: ${[...addresses.keys()].join(', ')}\n`);
