/** The smallest Ceph that speaks S3: one monitor, one object daemon in memory and one gateway, as plain processes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Ceph {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface CephUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const run = promisify(execFile);
const readyWithinMs = 60_000;
const commandWithinMs = 60_000;
const storeBytes = 2 * 1024 ** 3;

/** Needs the Debian packages radosgw, ceph-mon and ceph-osd. Takes about 400 MB of memory. */
export async function startCeph(user: CephUser): Promise<Ceph> {
  const folder = await mkdtemp(join(tmpdir(), 'nightfill-ceph-'));
  const daemons: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(daemons.map(endGuard));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const endpoint = await startDaemons(folder, user, daemons);
    return { endpoint, stop };
  } catch (error) {
    const said = await lastLines(folder);
    await stop();
    throw new Error(`Ceph did not start\n${said}`, { cause: error });
  }
}

async function startDaemons(folder: string, user: CephUser, daemons: ChildProcess[]): Promise<string> {
  const [v2, v1, gateway] = await freePorts(3);
  const paths = { conf: join(folder, 'ceph.conf'), keyring: join(folder, 'keyring'), map: join(folder, 'monmap') };
  const fsid = randomUUID();
  const monitor = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`;
  for (const part of ['mon', 'osd', 'rgw', 'run']) await mkdir(join(folder, part));
  await writeFile(paths.conf, configuration(folder, fsid, monitor, gateway ?? 0));

  const command = (name: string, ...args: string[]) =>
    run(name, ['-c', paths.conf, ...args], { timeout: commandWithinMs });
  const daemon = (name: string, ...args: string[]) => {
    daemons.push(spawnGuarded(folder, name, ['-c', paths.conf, ...args, '-f']));
  };

  await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monitor, paths.map]);
  await writeKeyring(paths.keyring);
  await command('ceph-mon', '-i', 'a', '--mkfs', '--monmap', paths.map, '--keyring', paths.keyring);
  daemon('ceph-mon', '-i', 'a');
  const osdId = randomUUID();
  await command('ceph', '--connect-timeout', '30', 'osd', 'new', osdId);
  await command('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId);
  daemon('ceph-osd', '-i', '0');
  daemon('radosgw', '-n', 'client.rgw');
  const endpoint = `http://127.0.0.1:${gateway}`;
  await waitFor(endpoint);
  const keys = ['--access-key', user.accessKeyId, '--secret-key', user.secretAccessKey];
  await command('radosgw-admin', '-n', 'client.admin', 'user', 'create', '--uid=test', '--display-name=test', ...keys);
  return endpoint;
}

async function writeKeyring(path: string): Promise<void> {
  const owners = [
    ['mon.', 'mon', 'allow *'],
    ['client.admin', 'mon', 'allow *', 'osd', 'allow *'],
    ['client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx'],
    ['osd.0', 'mon', 'allow profile osd', 'osd', 'allow *'],
  ];
  for (const [index, [name = '', ...caps]] of owners.entries()) {
    const rights: string[] = [];
    for (let at = 0; at < caps.length; at += 2) rights.push('--cap', caps[at] ?? '', caps[at + 1] ?? '');
    const create = index === 0 ? ['--create-keyring'] : [];
    await run('ceph-authtool', [...create, path, '--gen-key', '-n', name, ...rights]);
  }
}

/** One copy of everything on one daemon, quick elections, few threads; it survives nothing, and need not. */
const configuration = (folder: string, fsid: string, monitor: string, gatewayPort: number): string => `[global]
fsid = ${fsid}
mon_host = ${monitor}
keyring = ${folder}/keyring
run_dir = ${folder}/run
log_file = ${folder}/run/$name.log
admin_socket = ${folder}/run/$name.$pid.asok
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pgp_num = 2
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = ${storeBytes}
osd_max_object_name_len = 2048
osd_op_num_shards = 1
osd_op_num_threads_per_shard = 2
mon_allow_pool_size_one = true
mon_data_avail_crit = 0
mon_data_avail_warn = 0
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
rgw_thread_pool_size = 32
[mon.a]
mon_data = ${folder}/mon
[osd.0]
osd_data = ${folder}/osd
[client.rgw]
rgw_data = ${folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort} tcp_nodelay=1
`;

/**
 * A daemon under a shell that kills it, and removes the folder, once its own standard input ends: at `stop`, and also
 * when the test process is killed and can do nothing any more.
 */
function spawnGuarded(folder: string, name: string, args: readonly string[]): ChildProcess {
  const guard = 'dir=$1; shift; "$@" </dev/null & child=$!; cat >/dev/null; kill -9 $child; wait $child; rm -rf "$dir"';
  const output = openSync(join(folder, 'run', `${name}.out`), 'a');
  // Detached: a Ctrl-C at the terminal must reach the test process only, else the guard dies before it has cleaned up.
  return spawn('sh', ['-c', guard, 'guard', folder, name, ...args], {
    stdio: ['pipe', output, output],
    detached: true,
  });
}

async function endGuard(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return;
  const ended = once(guard, 'exit');
  guard.stdin?.end();
  await ended;
}

async function waitFor(endpoint: string): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer) return;
    if (Date.now() > deadline) throw new Error(`${endpoint} did not answer within ${readyWithinMs / 1000} s`);
    await sleep(50);
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function lastLines(folder: string): Promise<string> {
  const names = ['ceph-mon', 'ceph-osd', 'radosgw'];
  const texts = names.map(async (name) => {
    const text = await readFile(join(folder, 'run', `${name}.out`), 'utf8').catch(() => '');
    return text.split('\n').slice(-5).join('\n');
  });
  return (await Promise.all(texts)).join('\n').trim();
}
