/** The command line; `nightfill.mjs` starts it under a Node that runs TypeScript. See docs/cli.md. */
import { main } from './cli/main.ts';

await main(process.argv.slice(2));
