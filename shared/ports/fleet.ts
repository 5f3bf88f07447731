import type { Appliance, ApplianceStatus, ApplianceView, Region, Revocation } from '../domain/fleet.ts';

/**
 * Regions, appliances and revoked sessions. Documents are durable before a write returns; statuses are live and may be lost.
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

  /** All, ordered by id, those that expired included until they are removed. */
  listRevocations(): Promise<readonly Revocation[]>;
  putRevocation(revocation: Revocation): Promise<void>;
  /** Removing what is not there is success. */
  removeRevocation(id: string): Promise<void>;

  /** Records a heartbeat. */
  report(status: ApplianceStatus): Promise<void>;

  /** Makes the live copy anew from durable storage; returns how many documents it holds. */
  rebuild(): Promise<number>;
}
