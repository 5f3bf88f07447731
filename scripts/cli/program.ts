/** The command line as a whole: every command in one file each, and the options that all of them take. */
import { Command, Option } from 'commander';
import { addAppliances } from './commands/appliances.ts';
import { addAssets } from './commands/assets.ts';
import { addDemand } from './commands/demand.ts';
import { addDoctor } from './commands/doctor.ts';
import { addFill } from './commands/fill.ts';
import { addFills } from './commands/fills.ts';
import { addForecast } from './commands/forecast.ts';
import { addImport } from './commands/import.ts';
import { addLint } from './commands/lint.ts';
import { addPlan } from './commands/plan.ts';
import { addPlay } from './commands/play.ts';
import { addRebuild } from './commands/rebuild.ts';
import { addRegions } from './commands/regions.ts';
import { addReport } from './commands/report.ts';
import { addRevocations } from './commands/revocations.ts';
import { addRestore, addRm } from './commands/rm.ts';
import { addSimulate } from './commands/simulate.ts';
import { addSubtitles } from './commands/subtitles.ts';
import { addUp } from './commands/up.ts';
import { addUpload } from './commands/upload.ts';

const groups: readonly (readonly [heading: string, readonly ((program: Command) => void)[]])[] = [
  ['Installation:', [addUp, addDoctor, addRebuild]],
  ['Media:', [addUpload, addImport, addAssets, addSubtitles, addRm, addRestore, addPlay, addLint, addRevocations]],
  ['Fleet:', [addRegions, addAppliances]],
  ['Nightly loop:', [addDemand, addForecast, addPlan, addFill, addFills, addReport, addSimulate]],
];

/** A program that never ends the process itself: usage errors and `--help` are thrown as CommanderError. */
export function makeProgram(version: string): Command {
  const program = new Command('nightfill')
    .description('A content delivery network for video that fills its edges before the viewers come.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'nightfill: ')) })
    .enablePositionalOptions()
    .exitOverride();
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading);
    for (const add of commands) add(program);
  }
  complete(program);
  return program;
}

const sharedOptions: readonly (readonly [flags: string, description: string])[] = [
  ['--json', 'print JSON and nothing else on standard output'],
  ['--api <url>', 'address of the API (NIGHTFILL_API)'],
  ['--key <key>', 'API key (NIGHTFILL_API_KEY, which other users of this machine cannot see)'],
  ['--data <folder>', 'data folder of an installation on this machine'],
];

/**
 * Gives every command the shared options, and makes its usage errors name its own help.
 *
 * Options are positional, because `appliances --region` and `appliances add --region` are two; so an option of all
 * commands has to be one of each.
 */
function complete(command: Command, path = command.name()): void {
  for (const [flags, description] of sharedOptions)
    command.addOption(new Option(flags, description).helpGroup('Options of all commands:'));
  command.showHelpAfterError(`(${path} --help shows how)`);
  for (const child of command.commands) complete(child, `${path} ${child.name()}`);
}

/** Every command as it is typed, e.g. `appliances add`; those that only hold others are left out. */
export function commandPaths(command: Command, prefix = ''): string[] {
  return command.commands.flatMap((child) => {
    const path = `${prefix}${child.name()}`;
    const isGroup = ['demand', 'subtitles'].includes(child.name());
    return [...(isGroup ? [] : [path]), ...commandPaths(child, `${path} `)];
  });
}
