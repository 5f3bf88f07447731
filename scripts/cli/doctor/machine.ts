/** Checks of this machine: what `nightfill up` needs here. For an API elsewhere its lacks are only worth a warning. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { availableEncoders } from '../../../shared/media/encoders.ts';
import { codecsOfProfile, encoderNames, type Profile, profiles } from '../../../shared/media/profiles.ts';
import { unknownSettings } from '../../../shared/platform/settings.ts';
import type { Environment } from '../access.ts';
import { formatBytes, formatPercent } from '../format.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const run = promisify(execFile);

const programs = [
  { name: 'ffmpeg', args: ['-version'], version: /^ffmpeg version (\S+)/, leastMajor: 5, package: 'ffmpeg' },
  { name: 'ffprobe', args: ['-version'], version: /^ffprobe version (\S+)/, leastMajor: 5, package: 'ffmpeg' },
  { name: 'redis-server', args: ['--version'], version: /\bv=(\S+)/, leastMajor: 6, package: 'redis-server' },
] as const;

const lowBytes = 5 * 2 ** 30;
const fullBytes = 2 ** 30;

export async function machineFindings(dataDir: string, env: Environment): Promise<Finding[]> {
  const worst = env.NIGHTFILL_API ? warn : fail;
  return [
    nodeFinding(process.versions.node),
    ...(await Promise.all(programs.map((program) => programFinding(program, worst)))),
    ...(await encoderFindings(worst)),
    await diskFinding(dataDir, worst),
    ...unknownSettings(env).map((name) =>
      warn('settings', `${name} is set and nothing reads it`, 'see docs/configuration.md for the names'),
    ),
  ];
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return ok('node', version);
  return fail('node', `${version} cannot run Nightfill`, 'run npm start once, it brings a current Node');
}

async function programFinding(program: (typeof programs)[number], worst: typeof warn): Promise<Finding> {
  const mend = `run npm start once as root, or apt-get install ${program.package}`;
  try {
    const { stdout } = await run(program.name, program.args, { timeout: 10_000 });
    const version = program.version.exec(stdout)?.[1];
    if (!version) return warn(program.name, 'does not say its version', mend);
    const major = Number.parseInt(version.replace(/^n/, ''), 10);
    // A build from source names a commit instead of a version: it is taken as it is.
    if (major < program.leastMajor)
      return worst(program.name, `${version} is too old`, `bring ${program.leastMajor}.0 or newer`);
    return ok(program.name, version);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return worst(program.name, isMissing ? 'is not installed' : `does not run: ${(error as Error).message}`, mend);
  }
}

/** Nothing where ffmpeg does not run: that is told already. */
async function encoderFindings(worst: typeof warn): Promise<Finding[]> {
  const has = await availableEncoders('ffmpeg').catch(() => null);
  if (!has) return [];
  const lacking = (names: readonly string[]) => names.filter((name) => !has.has(name)).join(' and ');
  const mend = "install an ffmpeg built with it, as Debian's is";
  return Object.entries<Profile>(profiles)
    .filter(([name, { beside }]) => beside || name === 'default')
    .map(([name, profile]) => {
      const missing = lacking([...codecsOfProfile(profile).map((codec) => encoderNames[codec]), 'aac']);
      const check = `profile ${name}`;
      if (missing === '') return ok(check, 'can be made');
      return (profile.beside ? warn : worst)(check, `cannot be made: ffmpeg has no ${missing}`, mend);
    });
}

async function diskFinding(dataDir: string, worst: typeof warn): Promise<Finding> {
  let folder = dataDir;
  for (;;) {
    try {
      const { bavail, blocks, bsize } = await statfs(folder);
      const free = bavail * bsize;
      const detail = `${formatBytes(free)} free (${formatPercent(bavail / blocks)}) for ${dataDir}`;
      const mend = 'delete assets with nightfill rm, or put the data elsewhere with nightfill up --data';
      if (free < fullBytes) return worst('disk', detail, mend);
      return free < lowBytes ? warn('disk', detail, mend) : ok('disk', detail);
    } catch (error) {
      const parent = dirname(folder);
      if (parent === folder) return worst('disk', `${dataDir}: ${(error as Error).message}`, 'see that it can be read');
      folder = parent;
    }
  }
}
