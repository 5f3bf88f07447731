import type { Command } from 'commander';
import type { Fill } from '../../../shared/domain/fill.ts';
import { openCli } from '../cli.ts';
import type { Client } from '../client.ts';
import { withExamples } from '../help.ts';

interface FillOrder {
  readonly name: string;
  readonly description: string;
  readonly give: (client: Client, id: string) => Promise<Fill>;
}

const orders: readonly FillOrder[] = [
  {
    name: 'pause',
    description: 'hold a fill back until it is resumed; its window goes on',
    give: (client, id) => client.orderFill(id, 'pause'),
  },
  { name: 'resume', description: 'let a paused fill go on', give: (client, id) => client.orderFill(id, 'resume') },
  { name: 'cancel', description: 'stop a fill; what it pushed stays', give: (client, id) => client.cancelFill(id) },
];

/** `pause`, `resume` and `cancel` below a command. */
export function addFillOrders(parent: Command, path: string): void {
  for (const { name, description, give } of orders) {
    const command = parent
      .command(name)
      .description(description)
      .argument('<id>', 'id of a fill')
      .action(async (id: string, _flags: object, self: Command) => {
        const cli = openCli(self);
        const fill = await give(await cli.client(), id);
        if (cli.json) return cli.document(fill);
        const paused = name === 'pause' && fill.state !== 'paused' ? ', and will begin paused' : '';
        cli.say(`${fill.id} is ${fill.state}${paused}`);
      });
    withExamples(command, `${path} ${name} eu-berlin-2026-11-21`);
  }
}
