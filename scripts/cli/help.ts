import type { Command } from 'commander';

/** Ends a command's help with examples, so that nobody has to guess how it is written. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  nightfill ${example}`);
  return command.addHelpText('after', ['', examples.length > 1 ? 'Examples:' : 'Example:', ...lines].join('\n'));
}
