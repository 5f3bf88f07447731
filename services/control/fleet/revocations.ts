/** Sessions that are refused before their tokens expire. */
import { type ApplianceView, type Revocation, sessionPattern } from '../../../shared/domain/fleet.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { sessionOfToken } from '../../../shared/tokens/playback.ts';
import type { NewRevocation, RevocationAnswer } from '../schemas/revocations.ts';
import type { FleetDeps } from './regions.ts';

export interface RevocationDeps extends FleetDeps {
  /** Has an appliance ask for its orders at once; throws when it cannot be reached soon. */
  readonly nudge: (appliance: Pick<ApplianceView, 'id' | 'internalUrl'>) => Promise<void>;
}

export type Revocations = ReturnType<typeof makeRevocations>;

const dayMs = 86_400_000;
/** The longest that a token lives, seven days, and the longest that renewal adds. */
const keptMs = 8 * dayMs;
/** All of them go out with every heartbeat. */
const most = 10_000;

export function makeRevocations({ fleet, clock, alone, nudge }: RevocationDeps) {
  const holds = ({ expiresAt }: Revocation): boolean => Date.parse(expiresAt) > clock.now();
  const list = async (): Promise<readonly Revocation[]> => (await fleet.listRevocations()).filter(holds);

  /** Those that cannot be reached hear of it with their next heartbeat, every two seconds. */
  async function tellAll(): Promise<Pick<RevocationAnswer, 'told' | 'notReached'>> {
    const appliances = (await fleet.listAppliances()).filter(({ health }) => health !== 'never-seen');
    const results = await Promise.allSettled(appliances.map(nudge));
    const idsOf = (status: PromiseSettledResult<void>['status']): string[] =>
      appliances.flatMap(({ id }, index) => (results[index]?.status === status ? [id] : []));
    return { told: idsOf('fulfilled'), notReached: idsOf('rejected') };
  }

  return {
    list,

    /** Revoking again is harmless. */
    add: (input: NewRevocation): Promise<RevocationAnswer> =>
      alone(async () => {
        const id = sessionOf(input);
        const revocations = await fleet.listRevocations();
        for (const old of revocations) if (!holds(old)) await fleet.removeRevocation(old.id);
        const live = revocations.filter(holds);
        if (live.length >= most && !live.some((one) => one.id === id)) {
          throw new Problem(
            'too-many-revocations',
            `${most} sessions are revoked already. Take the signing key out of NIGHTFILL_SIGNING_KEYS instead: that ends every session it signed.`,
          );
        }
        const now = clock.now();
        const revocation: Revocation = {
          id,
          reason: input.reason ?? null,
          createdAt: new Date(now).toISOString(),
          expiresAt: new Date(now + keptMs).toISOString(),
        };
        await fleet.putRevocation(revocation);
        return { ...revocation, ...(await tellAll()) };
      }),

    remove: (id: string): Promise<void> =>
      alone(async () => {
        if (!(await list()).some((one) => one.id === id))
          throw new Problem(
            'revocation-not-found',
            `Session ${id} is not revoked; GET /v1/revocations lists those that are.`,
          );
        await fleet.removeRevocation(id);
        await tellAll();
      }),
  };
}

function sessionOf({ session, url }: NewRevocation): string {
  if ((session === undefined) === (url === undefined))
    throw new Problem('invalid-request', 'Name the session, or a playback URL of it as `url`: one of the two.');
  if (session !== undefined) {
    if (sessionPattern.test(session)) return session;
    throw new Problem('invalid-request', 'session must be 1 to 100 letters, digits, hyphens and underscores.');
  }
  const token = /\/t\/([^/?#]+)\//.exec(url ?? '')?.[1] ?? /[?&]token=([^&#]+)/.exec(url ?? '')?.[1];
  const id = token === undefined ? null : sessionOfToken(token);
  if (id !== null && sessionPattern.test(id)) return id;
  throw new Problem(
    'invalid-request',
    'url must be a playback URL, with its token in it, as POST /v1/playback gives it.',
  );
}
