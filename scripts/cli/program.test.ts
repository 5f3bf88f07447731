import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './access.ts';
import { exitCodes } from './exit.ts';
import { commandPaths, makeProgram } from './program.ts';

const page = await readFile(join(projectRoot, 'docs', 'cli.md'), 'utf8');
const program = makeProgram('1.2.3');

/** The help as it is shown, examples and all. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

const all = (command: Command): readonly Command[] => command.commands.flatMap((child) => [child, ...all(child)]);

describe('the program', () => {
  it('has the commands that docs/cli.md describes, in its order, each with an example', () => {
    const sections = page.split(/^### /m).slice(1);
    const documented = sections.map((section) => /^`(.+)`/.exec(section)?.[1]);
    expect(documented).toEqual(commandPaths(program));
    for (const [index, section] of sections.entries()) expect(section).toContain(`nightfill ${documented[index]}`);
  });

  it('has the exit codes that docs/cli.md lists', () => {
    const documented = [...page.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
    expect(documented).toEqual(Object.values(exitCodes));
  });

  it.each(all(program).map((command) => [command.name(), command] as const))(
    'shows an example and --json in the help of %s',
    (_name, command) => {
      const help = helpOf(command);
      expect(help).toMatch(/Examples?:\n {2}(.* \| )?nightfill /);
      expect(help).toContain('--json');
    },
  );

  it('mentions no option in docs/cli.md that is not there', () => {
    const known = new Set([program, ...all(program)].flatMap(({ options }) => options.map(({ long }) => long)));
    const mentioned = new Set([...page.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option));
    mentioned.delete('--exec');
    mentioned.delete('--help');
    expect([...mentioned].filter((option) => !known.has(option))).toEqual([]);
  });
});
