import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launcher, plainEnvironment, run, start, until } from './testing/run.ts';

let folder: string;
/** A project of its own, with a tool and a Node in `.tools`. */
let project: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightfill-launcher-'));
  project = join(folder, 'project');
  await mkdir(join(project, 'scripts'), { recursive: true });
  await mkdir(join(project, 'node_modules', 'tool', 'bin'), { recursive: true });
  await mkdir(join(project, 'node_modules', '.bin'));
  await symlink('../tool/bin/tool.js', join(project, 'node_modules', '.bin', 'tool'));
  await mkdir(join(project, '.tools', 'node', 'bin'), { recursive: true });
  await copyFile(launcher, join(project, 'scripts', 'nightfill.mjs'));
  await writeFile(join(project, 'scripts', 'nightfill.ts'), `console.log('typescript' as string, process.version);\n`);
  await writeFile(
    join(project, 'node_modules', 'tool', 'bin', 'tool.js'),
    `const [what, ...rest] = process.argv.slice(2);
     if (what === 'print') console.log(process.version, process.cwd(), ...rest);
     if (what === 'exit') process.exit(Number(rest[0]));
     if (what === 'die') process.kill(process.pid, rest[0]);
     if (what === 'wait') {
       process.on('SIGTERM', () => process.exit(42));
       console.error('waiting');
       setInterval(() => {}, 1000);
     }`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

const inProject = {
  get launcher() {
    return join(project, 'scripts', 'nightfill.mjs');
  },
};

describe('the launcher', () => {
  it('works through a symbolic link from any folder', async () => {
    const link = join(folder, 'nightfill');
    await symlink(launcher, link);
    const ended = await run(['--version'], { launcher: link, cwd: folder });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
  });

  it('runs a tool of node_modules with its arguments in the caller’s folder', async () => {
    const ended = await run(['--exec', 'tool', 'print', 'a b', '--c'], { launcher: inProject.launcher, cwd: folder });
    expect(ended).toMatchObject({ code: 0, stdout: `${process.version} ${folder} a b --c\n` });
  });

  it('ends as the tool ends: with its code, or by its signal', async () => {
    expect(await run(['--exec', 'tool', 'exit', '7'], inProject)).toMatchObject({ code: 7 });
    expect(await run(['--exec', 'tool', 'die', 'SIGKILL'], inProject)).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('passes signals on', async () => {
    const running = start(['--exec', 'tool', 'wait'], inProject);
    await until(() => running.stderr().includes('waiting'), 'the tool runs');
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 42 });
  });

  it('says what to do when the tool is not there', async () => {
    expect(await run(['--exec', 'missing'], inProject)).toMatchObject({
      code: 1,
      stderr: 'nightfill: missing is not installed here: run npm start or npm test once\n',
    });
  });
});

const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  if (!existsSync(path)) return false;
  const [major = 0] = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number);
  return major >= 18 && major < 22;
});

describe.skipIf(!oldNode)('the launcher under a Node that cannot run TypeScript', () => {
  const underOldNode = (args: readonly string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(oldNode ?? '', [inProject.launcher, ...args], { env: plainEnvironment });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (bytes) => (stdout += bytes));
      child.stderr.on('data', (bytes) => (stderr += bytes));
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });

  it('says how to get a current one where there is none', async () => {
    expect(await underOldNode(['assets'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^nightfill: this Node is [\d.]+ .*run npm start once, it brings a current Node\n$/,
      ),
    });
  });

  it('takes the one that set-up brought', async () => {
    const brought = join(project, '.tools', 'node', 'bin', 'node');
    await writeFile(brought, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
    await chmod(brought, 0o755);
    expect(await underOldNode(['assets'])).toMatchObject({ code: 0, stdout: `typescript ${process.version}\n` });
    expect(await underOldNode(['--exec', 'tool', 'exit', '3'])).toMatchObject({ code: 3 });
  });
});
