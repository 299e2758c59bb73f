/** Short names for the schemas that the screens speak of. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Account = Schemas['Account'];
export type Assigned = Schemas['Assigned'];
export type AuditItem = Schemas['AuditItem'];
export type AuditPage = Schemas['AuditPage'];
export type BrandSlug = Schemas['BrandSlug'];
export type Campaign = Schemas['Campaign'];
export type CampaignDocument = Schemas['CampaignDocument'];
export type CampaignGroup = Schemas['CampaignGroup'];
export type CampaignItem = Schemas['CampaignItem'];
export type CampaignPage = Schemas['CampaignPage'];
export type CampaignStatus = Schemas['CampaignStatus'];
export type CategorySlug = Schemas['CategorySlug'];
export type Facets = Schemas['Facets'];
export type FleetSummary = Schemas['FleetSummary'];
export type GrantSet = Schemas['GrantSet'];
export type HistoryColumn = Schemas['HistoryColumn'];
export type HistoryPage = Schemas['HistoryPage'];
export type LaneSlug = Schemas['LaneSlug'];
export type LeafItem = Schemas['LeafItem'];
export type OutcomeSlug = Schemas['OutcomeSlug'];
export type Position = Schemas['Position'];
export type PurposeSlug = Schemas['PurposeSlug'];
export type PutGrants = Schemas['PutGrants'];
export type Reduce = Schemas['Reduce'];
export type SignalItem = Schemas['SignalItem'];
export type Signals = Schemas['Signals'];
export type Unassigned = Schemas['Unassigned'];
export type Vehicle = Schemas['Vehicle'];
export type VehicleChoice = Schemas['VehicleChoice'];
export type VehicleItem = Schemas['VehicleItem'];
export type VehiclePage = Schemas['VehiclePage'];
export type VehicleState = Schemas['VehicleState'];
export type VehicleTwinState = Schemas['VehicleTwinState'];
