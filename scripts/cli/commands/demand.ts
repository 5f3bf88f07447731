import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { parse } from 'csv-parse';
import { openCli } from '../cli.ts';
import { usageError } from '../exit.ts';
import { formatNumberOf } from '../format.ts';
import { withExamples } from '../help.ts';
import { dateOption } from '../parse.ts';

interface ExportFlags {
  readonly region?: string;
  readonly from?: string;
  readonly to?: string;
}

export function addDemand(program: Command): void {
  const demand = program.command('demand').description('import and export what was watched').helpCommand(false);
  withExamples(demand, 'demand import history.csv.gz', 'demand export --region eu-berlin');

  const load = demand
    .command('import')
    .description('import a table hour|day,region,asset,views,bytes; again changes nothing')
    .argument('<file>', 'CSV file, plain or .gz; - for standard input')
    .action(async (file: string, _flags: object, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const imported = await client.importDemand(await openTable(file));
      if (cli.json) return cli.document(imported);
      cli.say(
        `imported ${formatNumberOf(imported.rows, 'row')}: ${formatNumberOf(imported.regions, 'region')}, ${formatNumberOf(imported.days, 'day')}`,
      );
    });
  withExamples(load, 'demand import history.csv', 'demand import - < history.csv');

  const save = demand
    .command('export')
    .description('print the same table as CSV; the last 56 days unless said otherwise')
    .option('--region <id>', 'only this region')
    .option('--from <date>', 'first day (UTC)', dateOption)
    .option('--to <date>', 'last day (UTC)', dateOption)
    .action(async (flags: ExportFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const response = await client.exportDemand({ region: flags.region, from: flags.from, to: flags.to });
      const csv = Readable.fromWeb(response.body ?? new ReadableStream());
      if (!cli.json) return pipeline(csv, process.stdout, { end: false });
      // One row a line: a long table is never held in memory.
      const rows = csv.pipe(parse({ columns: true }));
      csv.on('error', (error) => rows.destroy(error));
      for await (const { hour, region, asset, views, bytes } of rows as AsyncIterable<Record<string, string>>)
        cli.document({ hour, region, asset, views: Number(views), bytes: Number(bytes) });
    });
  withExamples(save, 'demand export --region eu-berlin --from 2026-11-01 > november.csv');
}

/** The table's bytes, unpacked where they begin as gzip does, whatever the file is called. */
async function openTable(file: string): Promise<ReadableStream<Uint8Array>> {
  const raw: Readable = file === '-' ? process.stdin : createReadStream(file);
  const bytes = raw[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await bytes.next().catch((error: unknown) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw usageError(isMissing ? `${file} does not exist` : `${file} cannot be read: ${(error as Error).message}`);
  });
  if (first.done) throw usageError(`${file === '-' ? 'standard input' : file} is empty`);
  const head = first.value;
  const whole = Readable.from(
    (async function* () {
      yield head;
      for (let next = await bytes.next(); !next.done; next = await bytes.next()) yield next.value;
    })(),
    { objectMode: false },
  );
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  if (!isGzip) return Readable.toWeb(whole) as ReadableStream<Uint8Array>;
  const unpacked = createGunzip();
  whole.on('error', (error) => unpacked.destroy(error));
  return Readable.toWeb(whole.pipe(unpacked)) as ReadableStream<Uint8Array>;
}
