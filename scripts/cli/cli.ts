/** What every command gets: the options that all commands share, the API, and ways to say things. */
import type { Command } from 'commander';
import { type Access, dataFolder, findAccess } from './access.ts';
import { type Client, makeClient } from './client.ts';

import { makeProgressLine, type ProgressLine } from './progress.ts';
import { type Column, factLines, tableLines } from './table.ts';
import { makeTransport } from './transport.ts';

interface GlobalOptions {
  readonly json?: boolean;
  readonly api?: string;
  readonly key?: string;
  readonly data?: string;
}

export interface Cli {
  /** True: standard output holds JSON and nothing else. */
  readonly json: boolean;
  readonly dataDir: string;
  access(): Promise<Access>;
  /** @throws CliError when it is not known where the API is. */
  client(): Promise<Client>;
  /** One JSON document in one line; several make NDJSON. */
  document(value: unknown): void;
  /** A line of the answer; nothing with `--json`. */
  say(line?: string): void;
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  facts(facts: readonly (readonly [name: string, value: string | null])[]): void;
  /** A line about what goes on, on standard error. */
  note(line: string): void;
  /** Progress on standard error; silent with `--json` unless a person watches it on a terminal. */
  progress(): ProgressLine;
}

const silent: ProgressLine = { show: () => {}, keep: () => {}, clear: () => {} };

export function openCli(command: Command): Cli {
  const options = command.optsWithGlobals<GlobalOptions>();
  const json = options.json === true;
  const { stdout, stderr } = process;
  const write = (line: string): void => {
    stdout.write(`${line}\n`);
  };
  let client: Promise<Client> | null = null;
  const access = (): Promise<Access> => findAccess(options, process.env);
  return {
    json,
    dataDir: dataFolder(options),
    access,
    client: () => {
      client ??= access().then((found) => makeClient(makeTransport(found)));
      return client;
    },
    document: (value) => write(JSON.stringify(value)),
    say: (line = '') => {
      if (!json) write(line);
    },
    table: (columns, rows) => {
      if (json) return;
      for (const line of tableLines(columns, rows, stdout.isTTY ? stdout.columns : null)) write(line);
    },
    facts: (facts) => {
      if (json) return;
      for (const line of factLines(facts)) write(line);
    },
    note: (line) => {
      stderr.write(`${line}\n`);
    },
    progress: () => (json && !stderr.isTTY ? silent : makeProgressLine(stderr)),
  };
}
