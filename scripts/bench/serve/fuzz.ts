/**
 * Requests and tokens that nobody should send, among others that are right, against an appliance as it is started in
 * production: `--requests 100000`.
 *
 * Over HTTP/1.1 in both its lanes, TLS and HTTP/2, held against a model: without a good token no media at all; with one,
 * exactly the published bytes of what was asked. The disk is smaller than the title, so that slices come and go. The process
 * must live, answer properly afterwards, and hold nothing. The seed is printed, so that a run can be had again.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { firstCertificate } from '../../../services/appliance/testing/certificates.ts';
import { publish } from '../../../services/appliance/testing/fleet.ts';
import { makeDrive, type Tally } from '../../../services/appliance/testing/fuzz/drive.ts';
import { makeSetting } from '../../../services/appliance/testing/fuzz/setting.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { startAppliance } from './appliance.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const total = Number(values.requests);
const dir = mkdtempSync(join(tmpdir(), 'nightfill-fuzz-'));
const storeRoot = join(dir, 'store');
const home = join(dir, 'appliance');
mkdirSync(home, { recursive: true });
const certificate = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
writeFileSync(certificate.cert, firstCertificate.cert);
writeFileSync(certificate.key, firstCertificate.key);

const setting = await makeSetting();
const store = makeFolderObjectStore({ root: storeRoot });
await publish(store, setting.title);
const appliance = await startAppliance({
  name: 'appliance',
  dir: home,
  storeRoot,
  memoryTier: '2MiB',
  certificate,
  orders: { ...setting.orders, capacityBytes: 7_000_000 },
  unpinned: true,
});
const target = { port: appliance.port, tlsPort: appliance.tlsPort ?? 0, ca: firstCertificate.cert };
const tally: Tally = { counts: new Map(), failures: [] };
console.log(`seed ${values.seed}, ${total} requests`);

const startedMs = Date.now();
let sent = 0;
let told = 0;
await Promise.all(
  Array.from({ length: Number(values.connections) }, (_, at) => work(Number(values.seed) + at * 7_919)),
);

const metrics = async () => (await fetch(`http://127.0.0.1:${appliance.port}/metrics`)).text();
const openNow = async () => /^nightfill_media_open_requests\S* (\d+)/m.exec(await metrics())?.[1];
const deadlineMs = Date.now() + 20_000;
while ((await openNow()) !== '0' && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 100));
const open = await openNow();
const residentBytes = Number(/^\S*process_resident_memory_bytes\S* (\d+)/m.exec(await metrics())?.[1] ?? 0);
await appliance.stop();
await store.close();
rmSync(dir, { recursive: true, force: true });
console.log(Object.fromEntries([...tally.counts].sort()));
const seconds = Math.round((Date.now() - startedMs) / 1_000);
console.log(`${sent} requests in ${seconds} s, ${tally.failures.length} failures, ${open} requests left open`);
console.log(`the process held ${Math.round(residentBytes / 1e6)} MB at the end`);
for (const failure of tally.failures.slice(0, 20)) console.log(failure);
process.exit(tally.failures.length === 0 && open === '0' ? 0 : 1);

/** Chance of its own, so that what it does depends on nobody else's pace. */
async function work(seed: number): Promise<void> {
  const drive = makeDrive(await setting.fuzzer(seed), target, tally);
  while (sent < total && tally.failures.length < 20) {
    const more = await drive.some();
    sent += more;
    if (sent - told < 50_000) continue;
    told = sent;
    console.log(`${sent} requests, ${tally.failures.length} failures`);
  }
}
