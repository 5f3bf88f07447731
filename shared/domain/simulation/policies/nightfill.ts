/** What the product does, as a policy: the very code that decides in service, fed from the trace. */
import { advanceEveryS, makeForecastCache } from '../../caching/forecast-cache.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';

const answers = { hit, stored, passed } as const;

export const makeNightfill: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const cache = makeForecastCache({ capacityBytes, sizes, onPush: ledger.push, onEvict: ledger.evict });
  return {
    request: (object, timeS) => answers[cache.request(object, timeS)],
    observe: cache.observe,
    tick: { everyS: advanceEveryS, at: cache.advance },
  };
};
