/**
 * Frozen plans. One with few lines is one document, which people can read; of one with many the lists are in parts beside it, and
 * the document (schema 2) says what each list comes to and which parts it is made of.
 */
import type { AppliancePlan, FillPlan, PlannedFile, PlanRejection } from '../../domain/fill.ts';
import { storeKeys } from '../../domain/keys.ts';
import { sliceOf } from '../../domain/planning/lines.ts';
import {
  applianceLists,
  listIn,
  outlineOf,
  type PlanListName,
  type PlanLists,
  type PlanOutline,
} from '../../domain/planning/outline.ts';
import { makePlannedFiles, makeRejected } from '../../domain/planning/planned-lines.ts';
import type { Documents, PlanName, PlanSpan } from '../../ports/documents.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { createDocument, readDocument, UnreadableDocumentError } from './store-json.ts';
import { linesIn, makeParts, type Part, type Parts, spanIn } from './store-parts.ts';

interface PlanInParts extends Omit<PlanOutline, 'schema'> {
  readonly schema: 2;
  readonly parts: readonly Part[];
}

export interface LongLists {
  /** A document with more lines has them in parts of their own. */
  readonly mostLines: number;
  readonly linesAPart: number;
}

const listOf = (list: PlanListName, applianceId: string | null): string =>
  applianceId === null ? list : `${list}/${applianceId}`;

type PlanStore = Pick<Documents, 'getPlan' | 'getPlanOutline' | 'getPlanLines' | 'putPlan'>;

export function makeStorePlans(store: ObjectStore, { mostLines, linesAPart }: LongLists): PlanStore {
  const keyOf = ({ regionId, date, run }: PlanName): string => storeKeys.plan(regionId, date, run);
  const partsOf = (name: PlanName) => makeParts(store, keyOf(name), linesAPart);
  const read = (name: PlanName) => readDocument<FillPlan | PlanInParts>(store, keyOf(name), [1, 2]);

  async function putPlan(plan: FillPlan): Promise<boolean> {
    if (linesOf(plan) <= mostLines) return createDocument(store, keyOf(plan), inline(plan));
    if (await store.head(keyOf(plan))) return false;
    const parts = partsOf(plan);
    const written: Part[] = [];
    for (const appliance of plan.appliances)
      for (const list of applianceLists)
        written.push(...(await parts.write(listOf(list, appliance.applianceId), appliance[list] ?? [])));
    written.push(...(await parts.write(listOf('rejected', null), plan.rejected)));
    const document: PlanInParts = { ...outlineOf(plan), schema: 2, parts: written };
    const isFirst = await createDocument(store, keyOf(plan), document);
    // Whoever comes second takes its parts away again.
    const stands = isFirst ? document : await read(plan);
    await parts.sweep(stands && 'parts' in stands ? stands.parts : []);
    return isFirst;
  }

  return {
    putPlan,

    async getPlan(regionId, date, run = 1, { withRejected = true } = {}) {
      const name = { regionId, date, run };
      const found = await read(name);
      if (!found || !('parts' in found)) return found;
      const parts = partsOf(name);
      const of = (list: PlanListName, applianceId: string | null): Part[] =>
        found.parts.filter((part) => part.list === listOf(list, applianceId));
      const appliances: AppliancePlan[] = [];
      for (const { applianceId, capacityBytes, fetch, keep, lend: lentFiles } of found.appliances) {
        const files = { fetch: makePlannedFiles(), keep: makePlannedFiles() };
        for (const list of ['fetch', 'keep'] as const)
          for await (const lines of linesIn<PlannedFile>(parts, of(list, applianceId)))
            for (const line of lines) files[list].add(line);
        const evict = await collect<PlanLists['evict']>(parts, of('evict', applianceId));
        const lend = await collect<PlanLists['lend']>(parts, of('lend', applianceId));
        if (files.fetch.lines.length !== fetch.files || files.keep.lines.length !== keep.files)
          throw new UnreadableDocumentError(keyOf(name), `a part of what ${applianceId} gets is missing`);
        appliances.push({
          applianceId,
          capacityBytes,
          fetch: files.fetch.lines,
          keep: files.keep.lines,
          evict,
          ...(lentFiles ? { lend } : {}),
        });
      }
      const rejected = makeRejected();
      if (withRejected)
        for await (const lines of linesIn<PlanRejection>(parts, of('rejected', null)))
          for (const line of lines) rejected.add(line);
      const { parts: _parts, copies: _copies, ...outline } = found;
      return { ...outline, schema: 1, appliances, rejected: rejected.lines };
    },

    async getPlanOutline(regionId, date, run = 1) {
      const found = await read({ regionId, date, run });
      if (!found) return null;
      if (!('parts' in found)) return outlineOf(found);
      const { parts: _parts, ...outline } = found;
      return { ...outline, schema: 1 };
    },

    async getPlanLines<L extends PlanListName>(
      name: PlanName,
      list: L,
      { applianceId, first, count }: PlanSpan,
    ): Promise<readonly PlanLists[L][]> {
      const found = await read(name);
      if (!found) return [];
      if (!('parts' in found)) return sliceOf(listIn(found, list, applianceId), first, count);
      const named = found.parts.filter((part) => part.list === listOf(list, applianceId));
      return spanIn(partsOf(name), named, { first, count });
    },
  };
}

async function collect<T>(parts: Parts, wanted: readonly Part[]): Promise<T[]> {
  const all: T[] = [];
  for await (const lines of linesIn<T>(parts, wanted)) for (const line of lines) all.push(line);
  return all;
}

const linesOf = ({ appliances, rejected }: FillPlan): number =>
  appliances.reduce(
    (sum, { fetch, keep, evict, lend }) => sum + fetch.length + keep.length + evict.length + (lend?.length ?? 0),
    rejected.length,
  );

const inline = (plan: FillPlan): FillPlan => ({
  ...plan,
  appliances: plan.appliances.map((part) => ({
    ...part,
    fetch: [...part.fetch],
    keep: [...part.keep],
    evict: [...part.evict],
    ...(part.lend ? { lend: [...part.lend] } : {}),
  })),
  rejected: [...plan.rejected],
});
