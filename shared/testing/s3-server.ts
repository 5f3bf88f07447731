import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { startCeph } from './ceph.ts';

/** A real S3 server for tests. */
export interface TestS3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  stop(): Promise<void>;
}

export interface NoS3Server {
  /** Why there is none, in one line that says how to get one. */
  readonly unavailable: string;
}

const cephPrograms = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool'];

/**
 * The server that `NIGHTFILL_TEST_S3_URL` names (with `NIGHTFILL_TEST_S3_KEY`, `NIGHTFILL_TEST_S3_SECRET` and
 * `NIGHTFILL_TEST_S3_REGION`, `us-east-1` by default), else a Ceph gateway of the test's own where it is installed.
 *
 * @throws Error when a server is named or installed and does not work: tests then fail rather than be left out.
 */
export async function startS3Server(environment = process.env): Promise<TestS3Server | NoS3Server> {
  const endpoint = environment.NIGHTFILL_TEST_S3_URL;
  if (endpoint) return namedServer(endpoint, environment);
  const missing = await missingPrograms(environment.PATH ?? '');
  if (missing.length > 0) {
    const unavailable = `NIGHTFILL_TEST_S3_URL is not set and ${missing[0]} is not installed (apt-get install radosgw ceph-mon ceph-osd)`;
    return { unavailable };
  }
  const user = { accessKeyId: 'NIGHTFILLTEST', secretAccessKey: 'nightfill-test-secret' };
  // Its ports were free a moment before; where another process was quicker, the next ones will do.
  const ceph = await startCeph(user).catch(() => startCeph(user));
  return { ...user, region: 'us-east-1', ...ceph };
}

function namedServer(endpoint: string, environment: NodeJS.ProcessEnv): TestS3Server {
  const accessKeyId = environment.NIGHTFILL_TEST_S3_KEY;
  const secretAccessKey = environment.NIGHTFILL_TEST_S3_SECRET;
  if (!accessKeyId || !secretAccessKey) {
    throw new Error('NIGHTFILL_TEST_S3_URL needs NIGHTFILL_TEST_S3_KEY and NIGHTFILL_TEST_S3_SECRET beside it');
  }
  const region = environment.NIGHTFILL_TEST_S3_REGION || 'us-east-1';
  return { endpoint, accessKeyId, secretAccessKey, region, stop: async () => {} };
}

async function missingPrograms(path: string): Promise<string[]> {
  const found = await Promise.all(cephPrograms.map((program) => isOnPath(program, path)));
  return cephPrograms.filter((_program, index) => !found[index]);
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    const there = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}
