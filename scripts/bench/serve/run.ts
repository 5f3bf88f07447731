/**
 * Serving compared with nginx and Varnish: `node scripts/bench/serve/run.ts --help`.
 *
 * Servers are pinned to one core, the client to another; rounds alternate between the servers, and medians count. Only
 * the loopback is used.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publishContent } from './content.ts';
import { measure, type RowName, rowNames } from './rows.ts';
import { printTable } from './table.ts';

const help = `node scripts/bench/serve/run.ts [options]
  --rows a,b       of: ${rowNames.join(', ')} (default: all)
  --rounds 5       alternating rounds
  --seconds 4      of each load
  --single-gib 2   size of the single file
  --only name,…    servers: appliance, varnish, nginx
  --dir DIR        keep content and work here (default: a temporary folder)
  --profile DIR    write a --cpu-prof of the appliance there
  --json           the numbers of every round
Needs nginx, varnish, wrk and h2load: apt-get install --no-install-recommends nginx-light varnish wrk nghttp2-client openssl`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: rowNames.join(',') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    'single-gib': { type: 'string', default: '2' },
    only: { type: 'string', default: 'appliance,varnish,nginx' },
    dir: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

const only = values.only.split(',');
const needed = ['taskset', 'wrk', 'h2load', 'openssl', ...only.map((name) => (name === 'varnish' ? 'varnishd' : name))];
const missing = needed.filter((name) => name !== 'appliance' && !isInstalled(name));
if (missing.length > 0) {
  console.error(`Not installed: ${missing.join(', ')}.\n${help.split('\n').at(-1)}`);
  process.exit(1);
}

const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'nightfill-bench-'));
mkdirSync(dir, { recursive: true });
try {
  const storeRoot = join(dir, 'store');
  const content = publishContent(storeRoot, Math.round(Number(values['single-gib']) * 2 ** 30));
  for (const row of values.rows.split(',') as RowName[]) {
    const results = await measure(row, {
      dir,
      storeRoot,
      content,
      only,
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      profileDir: values.profile ?? null,
    });
    if (values.json) console.log(JSON.stringify({ row, results }));
    else printTable(row, results);
  }
} finally {
  if (!values.dir) rmSync(dir, { recursive: true, force: true });
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    return true;
  } catch {
    return false;
  }
}
