/**
 * Requests and tokens that nobody should send, against an appliance as it is started in production: `--requests 100000`.
 *
 * Held against a model: without a good token no media at all; with one, exactly the published bytes of what was asked. The
 * process must live, answer properly afterwards, and hold nothing. The seed is printed, so that a failure can be had again.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeFuzzer, type Probe } from '../../../services/appliance/testing/fuzz-requests.ts';
import { startAppliance } from './appliance.ts';
import { assetId, publishContent, version } from './content.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '16' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const total = Number(values.requests);
const dir = mkdtempSync(join(tmpdir(), 'nightfill-fuzz-'));
const storeRoot = join(dir, 'store');
const content = publishContent(storeRoot, 9_000_000);
const home = join(dir, 'appliance');
mkdirSync(home, { recursive: true });
const appliance = await startAppliance({ name: 'appliance', dir: home, storeRoot, memoryTier: '16MiB' });
const paths = [...content.segments.slice(0, 2), ...content.playlists.slice(0, 4), content.single];
const published = new Map(
  paths.map((path) => [path, readFileSync(join(storeRoot, 'objects/assets', assetId, version, path))]),
);
const [goodTarget = ''] = await appliance.signed([paths[0] ?? ''], 1);
const fuzzer = makeFuzzer({
  assetId,
  version,
  seed: Number(values.seed),
  published,
  goodToken: goodTarget.split('/')[2] ?? '',
});
console.log(`seed ${values.seed}, ${total} requests`);

const counts = new Map<string, number>();
const failures: string[] = [];
let begun = 0;
await Promise.all(Array.from({ length: Number(values.connections) }, work));

const health = await fetch(`http://127.0.0.1:${appliance.port}/metrics`).then((response) => response.text());
const open = /^nightfill_media_open_requests\S* (\d+)/m.exec(health)?.[1];
await appliance.stop();
rmSync(dir, { recursive: true, force: true });
console.log(Object.fromEntries([...counts].sort()));
console.log(`${failures.length} failures; ${open} requests left open`);
for (const failure of failures.slice(0, 10)) console.log(failure);
process.exit(failures.length === 0 && open === '0' ? 0 : 1);

async function work(): Promise<void> {
  while (begun < total) {
    begun += 1;
    const probe = fuzzer.next();
    const answer = await exchange(probe.bytes);
    const verdict = probe.judge(answer);
    const status = answer.subarray(9, 12).toString('latin1') || 'closed';
    counts.set(`${probe.kind} ${status}`, (counts.get(`${probe.kind} ${status}`) ?? 0) + 1);
    if (verdict !== null) failures.push(describe(probe, answer, verdict));
  }
}

/** One request on a connection of its own, with everything that comes until the server closes it. */
function exchange(request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(appliance.port, '127.0.0.1', () => socket.end(request));
    socket.setTimeout(30_000, () => reject(new Error(`no end of an answer to ${JSON.stringify(request.toString())}`)));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

const describe = ({ kind, bytes }: Probe, answer: Buffer, verdict: string): string =>
  `${verdict} (${kind})\n  ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}\n  ${JSON.stringify(answer.toString('latin1').slice(0, 300))}`;
