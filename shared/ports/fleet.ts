import type { Appliance, ApplianceStatus, ApplianceView, Region } from '../domain/fleet.ts';

/**
 * Regions and appliances. Documents are durable before a write returns; statuses are live and may be lost.
 *
 * Writes replace whole documents: control is the only writer.
 */
export interface Fleet {
  listRegions(): Promise<readonly Region[]>;
  getRegion(id: string): Promise<Region | null>;
  putRegion(region: Region): Promise<void>;
  /** Removing what is not there is success. */
  removeRegion(id: string): Promise<void>;

  /** With health as of now; ordered by id. */
  listAppliances(filter?: { readonly regionId?: string }): Promise<readonly ApplianceView[]>;
  getAppliance(id: string): Promise<ApplianceView | null>;
  putAppliance(appliance: Appliance): Promise<void>;
  removeAppliance(id: string): Promise<void>;

  /** Records a heartbeat. */
  report(status: ApplianceStatus): Promise<void>;

  /** Makes the live copy anew from durable storage; returns how many documents it holds. */
  rebuild(): Promise<number>;
}
