/** What cars collect, and for whom: a campaign is of brands, and everybody sees the share of the own ones. */
import type {
  Assigned,
  BrandSlug,
  Campaign,
  CampaignDocument,
  CampaignItem,
  CampaignStatus,
  Unassigned,
  VehicleChoice,
} from '@marque/api';
import { type Call, page, Refusal, type Route, wrong } from './call.ts';
import type { Car } from './car.ts';
import type { Collecting, Fleet } from './fleet.ts';

/** The brands in which whoever asks has an action. */
type BrandsOf = (call: Call, action: string) => BrandSlug[];

export function campaigns(fleet: Fleet, brandsOf: BrandsOf): Route[] {
  /** One of another brand is as one that is not there. */
  function campaignOf(id: string, brands: BrandSlug[]): Collecting {
    const found = fleet.campaigns.find(({ campaign }) => String(campaign.campaign_id) === id);
    if (!found || !meet(found, brands)) throw new Refusal('not-found', `there is no campaign ${id}`);
    return found;
  }

  /** One that is changed: all of its brands are in reach of whoever does it. */
  function held(call: Call, action: string): Collecting {
    const found = campaignOf(call.part(1), brandsOf(call, 'campaign.read'));
    const reached = brandsOf(call, action);
    if (!found.campaign.brands.every((brand) => reached.includes(brand)))
      throw new Refusal('forbidden', 'your function does not reach all brands of the campaign');
    return found;
  }

  function running(call: Call, action: string): Collecting {
    const found = held(call, action);
    if (!found.campaign.ended_at) return found;
    throw new Refusal('conflict', 'the campaign has ended; create another one');
  }

  function seen(found: Collecting, brands: BrandSlug[]): Campaign {
    return { ...found.campaign, assigned: share(found, brands) };
  }

  /** How many cars of these brands have it. */
  function share({ vehicles }: Collecting, brands: BrandSlug[]): number {
    return [...vehicles].filter((id) => brands.some((brand) => brand === fleet.byId.get(id)?.model.brand))
      .length;
  }

  function list(call: Call) {
    const brands = brandsOf(call, 'campaign.list');
    const items = fleet.campaigns
      .filter((found) => meet(found, brands))
      .map((found) => listed(seen(found, brands)));
    return page(items.reverse(), call.query);
  }

  function create(call: Call): Campaign {
    const spec = call.body as CampaignDocument;
    const errors = [];
    if (!spec.name?.trim()) errors.push({ place: 'name', detail: 'Give the campaign a name.' });
    if (!spec.brands?.length) errors.push({ place: 'brands', detail: 'Name at least one.' });
    if (!spec.groups?.some((group) => group.signals.length > 0))
      errors.push({ place: 'groups', detail: 'Pick at least one signal.' });
    if (errors.length > 0) throw new Refusal('unprocessable', 'correct what is named below', errors);
    const reached = brandsOf(call, 'campaign.create');
    if (!spec.brands?.every((brand) => reached.includes(brand)))
      throw new Refusal('forbidden', 'your function does not reach all of these brands; name fewer');
    return fleet.create(spec, call.now).campaign;
  }

  function assign(call: Call): Assigned {
    const found = running(call, 'campaign.assign');
    const { cars, unknown } = choose(call.body as VehicleChoice, found.campaign.brands);
    const before = found.vehicles.size;
    fleet.assign(found, cars, call.now);
    return { assigned: found.vehicles.size - before, matched: cars.length, ...unknown };
  }

  function unassign(call: Call): Unassigned {
    const found = running(call, 'campaign.unassign');
    const { cars, unknown } = choose(call.body as VehicleChoice, found.campaign.brands);
    const before = found.vehicles.size;
    fleet.unassign(found, cars);
    return { unassigned: before - found.vehicles.size, matched: cars.length, ...unknown };
  }

  /** The campaign's vehicles that a request means, and what of it names none. */
  function choose(choice: VehicleChoice, brands: BrandSlug[]) {
    if (![choice.brands, choice.regions, choice.models, choice.vehicle_ids].some((given) => given?.length))
      throw wrong('brands', 'give at least one of brands, regions, models and vehicle_ids');
    const other = choice.brands?.find((brand) => !brands.includes(brand));
    if (other) throw wrong('brands', `the campaign is not of ${other}`);
    const own = fleet.cars.filter((car) => brands.includes(car.model.brand));
    const within = (given: string[] | undefined, value: string) => !given?.length || given.includes(value);
    const cars = own.filter(
      (car) =>
        within(choice.brands, car.model.brand) &&
        within(choice.regions, car.region) &&
        within(choice.models, car.model.model) &&
        within(choice.vehicle_ids, car.id),
    );
    const none = (given: string[] | undefined, of: (car: Car) => string) =>
      (given ?? []).filter((value) => !own.some((car) => of(car) === value));
    const unknown = {
      unknown_models: none(choice.models, (car) => car.model.model),
      unknown_vehicle_ids: none(choice.vehicle_ids, (car) => car.id),
    };
    return { cars, unknown };
  }

  function end(call: Call): Campaign {
    const found = held(call, 'campaign.end');
    fleet.unassign(found, fleet.cars);
    found.campaign.ended_at ??= new Date(call.now).toISOString();
    return found.campaign;
  }

  function read(call: Call): Campaign {
    const brands = brandsOf(call, 'campaign.read');
    return seen(campaignOf(call.part(1), brands), brands);
  }

  function status(call: Call): CampaignStatus {
    const brands = brandsOf(call, 'campaign.status.read');
    const found = campaignOf(call.part(1), brands);
    const total = share(found, brands);
    const failed = Math.floor(total * 0.004);
    const applied = Math.min(total - failed, Math.floor((total * (call.now - found.assignedAt)) / 20_000));
    return {
      campaign_id: found.campaign.campaign_id,
      version: found.campaign.version,
      assigned: total,
      applied,
      failed,
      pending: total - applied - failed,
      // What has ended keeps what it counted.
      samples: Math.round(found.samples * (found.vehicles.size > 0 ? total / found.vehicles.size : 1)),
    };
  }

  return [
    ['GET', /^\/v1\/campaigns$/, list],
    ['POST', /^\/v1\/campaigns$/, create],
    ['GET', /^\/v1\/campaigns\/([^/]+)$/, read],
    ['GET', /^\/v1\/campaigns\/([^/]+)\/status$/, status],
    ['POST', /^\/v1\/campaigns\/([^/]+)\/assignments$/, assign],
    ['POST', /^\/v1\/campaigns\/([^/]+)\/unassignments$/, unassign],
    ['POST', /^\/v1\/campaigns\/([^/]+)\/end$/, end],
  ];
}

function meet({ campaign }: Collecting, brands: BrandSlug[]): boolean {
  return campaign.brands.some((brand) => brands.includes(brand));
}

function listed({ groups, samples_per_minute_max: _, ...campaign }: Campaign): CampaignItem {
  const signals = new Set(groups.flatMap((group) => group.signals)).size;
  return { ...campaign, ended_at: campaign.ended_at ?? null, signals };
}
