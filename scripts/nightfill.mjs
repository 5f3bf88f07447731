#!/usr/bin/env node
/**
 * Starts Nightfill's command line under a Node that can run it, from any folder and through a symbolic link.
 *
 *     nightfill COMMAND …            the command line
 *     nightfill --exec TOOL ARGS…    a tool of node_modules/.bin or a script of this project, under the same Node
 *
 * This file itself must run on Node 18: Debian's own Node is older than what runs TypeScript directly. In order, it
 * takes the Node that runs it, if that is new enough, then the one that set-up put into `.tools`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const needed = [22, 18];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** @param {string} version as `process.versions.node` */
function isRecent(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`nightfill: ${message}\n`);
  process.exit(1);
}

/** Path of a Node that is new enough; ends the process when there is none. */
function findNode() {
  if (isRecent(process.versions.node)) return process.execPath;
  const own = join(root, '.tools', 'node', 'bin', 'node');
  const probe = existsSync(own) ? spawnSync(own, ['--version'], { encoding: 'utf8' }) : null;
  if (probe && probe.status === 0 && isRecent(probe.stdout.trim())) return own;
  return fail(
    `this Node is ${process.versions.node} and ${needed.join('.')} or newer is needed: run npm start once, it brings a current Node`,
  );
}

/** The script behind a tool's name, or a script of this project by its path. @param {string} tool */
function findTool(tool) {
  const own = join(root, tool);
  if (/\.(ts|mjs)$/.test(tool) && existsSync(own)) return own;
  const link = join(root, 'node_modules', '.bin', tool);
  return existsSync(link) ? realpathSync(link) : fail(`${tool} is not installed here: run npm start or npm test once`);
}

/**
 * Runs a child in this process's place: its streams, its exit code, or the signal that ended it.
 *
 * A terminal sends Ctrl-C and its own end to the whole process group, so the child has them already; passing them on
 * would be the second Ctrl-C, which means "at once".
 *
 * @param {string} node @param {string[]} args
 */
function become(node, args) {
  const fromTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH || ''}` },
  });
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGUSR2'])
    process.on(signal, () => {
      if (!fromTerminal || (signal !== 'SIGINT' && signal !== 'SIGHUP')) child.kill(signal);
    });
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // Some signals are ignored by default: end in any case, with the code that a shell would show.
    setTimeout(() => process.exit(128 + (constants.signals[signal] || 0)), 1000);
  });
}

const args = process.argv.slice(2);
const main = join(root, 'scripts', 'nightfill.ts');
if (args[0] === '--exec') {
  if (!args[1]) fail('--exec needs the name of a tool, e.g. --exec vitest run');
  become(findNode(), [findTool(args[1]), ...args.slice(2)]);
} else {
  const node = findNode();
  if (node === process.execPath) {
    // Two thirds of what a short command costs is reading TypeScript; a folder that cannot be written is no harm.
    nodeModule.enableCompileCache?.(join(root, '.tools', 'compile-cache'));
    await import(pathToFileURL(main).href);
  } else {
    become(node, [main, ...args]);
  }
}
