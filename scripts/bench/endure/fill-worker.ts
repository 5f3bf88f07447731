/** Fills titles as fast as they are taken until the parent disconnects, and says how many bytes that were: a process of its own, so that making them does not delay the viewers who are measured. */
import { type Appliance, fillObject } from './appliance.ts';
import { fillTitle, makeTitle } from './content.ts';

const [port = '', parallel = '', first = ''] = process.argv.slice(2);
const fill: Appliance['fill'] = (key, bytes, sha256) => fillObject(Number(port), key, bytes, sha256);
let over = false;
process.on('message', () => {
  over = true;
});
let bytes = 0;
const startedMs = performance.now();
const pieces = Array.from({ length: 40 }, (_, at) => ({ path: `video/seg-${at}.m4s`, sizeBytes: 2_000_000 }));
for (let title = 0; !over; title += 1)
  bytes += await fillTitle({ fill }, makeTitle(`fill-${first}-${title}`, pieces), Number(parallel), () => over);
process.send?.((bytes * 1_000) / (performance.now() - startedMs));
process.disconnect();
