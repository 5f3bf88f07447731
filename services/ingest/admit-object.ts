import type { Asset } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { type AdmitSource, isFinalRefusal, refuseStore } from './admit-source.ts';
import type { ReceivedObject } from './receive-object.ts';
import { digestOfStored } from './stored-digest.ts';
import type { UploadDetails } from './upload-details.ts';

export type AdmitObject = (id: string, file: ReceivedObject, details: UploadDetails) => Promise<Asset>;

/**
 * Makes an asset of bytes that were received in one go, and removes what is refused. After a failure that is not the
 * file's fault the object stays, because the asset may have been written; the sweep removes it if it was not.
 */
export function makeAdmitObject(store: Pick<ObjectStore, 'get' | 'delete'>, admit: AdmitSource): AdmitObject {
  return async (id, file, details) => {
    try {
      await file.commit();
    } catch (error) {
      await file.discard();
      throw error;
    }
    const { sizeBytes } = file;
    const sha256 = file.sha256 ?? (await digestOfStored(store, storeKeys.upload(id)).catch(refuseStore));
    return admit({ id, sizeBytes, sha256, details }).catch(async (error: unknown) => {
      if (isFinalRefusal(error)) await store.delete(storeKeys.upload(id));
      throw error;
    });
  };
}
