import type { PlannedFile } from '../../shared/domain/fill.ts';
import { manifestName } from '../../shared/domain/keys.ts';

export const isManifest = ({ key }: Pick<PlannedFile, 'key'>): boolean =>
  key.endsWith(`/${manifestName}`) && key.split('/').length === 3;

/** `<assetId>/<version>` */
export const versionOf = ({ key }: Pick<PlannedFile, 'key'>): string => key.split('/', 2).join('/');
