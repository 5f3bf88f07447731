/** What an appliance must be, in words that name the mend. */
import type { Appliance } from '../../../shared/domain/fleet.ts';
import { idMistakes, type Mistake, positive, unless } from './mistakes.ts';

export function applianceMistakes(appliance: Appliance): Mistake[] {
  return [
    ...idMistakes(appliance.id),
    ...urlMistakes(appliance.publicUrl, 'publicUrl'),
    ...urlMistakes(appliance.internalUrl, 'internalUrl'),
    ...positive(appliance.capacityBytes, 'capacityBytes', 'bytes'),
    ...unless(Number.isSafeInteger(appliance.capacityBytes), 'capacityBytes', 'must be a whole number of bytes'),
    ...positive(appliance.weight, 'weight', 'relative share, 1 is normal; use mode "draining" to take load away'),
  ];
}

/** Media addresses are made by appending to it, so it has no query, no fragment and no credentials. */
function urlMistakes(text: string, at: string): Mistake[] {
  const url = URL.parse(text);
  const right =
    url !== null &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '';
  return unless(
    right,
    at,
    `must be an absolute http:// or https:// URL without user, query and fragment, such as https://edge-1.example.net (got ${JSON.stringify(text.slice(0, 120))})`,
  );
}

/** URLs are kept without trailing slashes. */
export const trimUrl = (url: string): string => url.replace(/\/+$/, '');
