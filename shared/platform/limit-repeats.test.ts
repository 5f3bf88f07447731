import { expect, it } from 'vitest';
import { limitRepeats } from './limit-repeats.ts';

it('passes an error on once, another one at once, and the first again after the quiet time', async () => {
  const told: string[] = [];
  const tell = limitRepeats(({ message }) => told.push(message), { quietMs: 30 });
  for (const message of ['away', 'away', 'full', 'away']) tell(new Error(message));
  expect(told).toEqual(['away', 'full']);
  await expect
    .poll(() => {
      tell(new Error('away'));
      return told;
    })
    .toEqual(['away', 'full', 'away']);
});
