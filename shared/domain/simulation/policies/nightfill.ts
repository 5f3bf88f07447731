/** What the product does, as a policy: the very code that decides in service, fed from the trace. */
import { advanceEveryS, makeForecastCache } from '../../caching/forecast-cache.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';

export const makeNightfill: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const cache = makeForecastCache({
    capacityBytes,
    sizes: { cells: sizes },
    onPush: ledger.push,
    onEvict: ledger.evict,
  });
  return {
    request: (object, timeS) => {
      if (cache.ask(object, timeS)) return hit;
      return cache.offer(object, timeS) ? stored : passed;
    },
    observe: (object, timeS) => cache.observe(object, timeS),
    tick: {
      everyS: advanceEveryS,
      at: (timeS) => {
        const steps = cache.advance(timeS);
        while (!steps.next().done);
      },
    },
  };
};
