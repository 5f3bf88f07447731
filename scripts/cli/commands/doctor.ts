import type { Command } from 'commander';
import { type Cli, openCli } from '../cli.ts';
import { apiFindings } from '../doctor/api.ts';
import type { Finding } from '../doctor/finding.ts';
import { machineFindings } from '../doctor/machine.ts';
import { exitCodes } from '../exit.ts';
import { withExamples } from '../help.ts';

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('check the installation and say what to mend; ends with 1 when something fails')
    .action(async (_flags: object, self: Command) => {
      const cli = openCli(self);
      const findings = [...(await machineFindings(cli.dataDir, process.env)), ...(await apiFindings(cli))];
      process.exitCode = findings.some(({ verdict }) => verdict === 'fail') ? exitCodes.failed : exitCodes.ok;
      if (cli.json) cli.document({ ok: process.exitCode === exitCodes.ok, findings });
      else show(cli, findings);
    });
  withExamples(command, 'doctor');
}

function show(cli: Cli, findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { verdict, check, detail, mend } of findings) {
    cli.say(`${verdict.padEnd(4)}  ${check.padEnd(width)}  ${detail}`);
    if (mend) cli.say(`${' '.repeat(width + 8)}→ ${mend}`);
  }
  const bad = findings.filter(({ verdict }) => verdict !== 'ok').length;
  cli.say(bad === 0 ? 'all is well' : `${bad} of ${findings.length} checks need a look`);
}
