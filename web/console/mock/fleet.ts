import type {
  BrandSlug,
  Campaign,
  CampaignDocument,
  CampaignGroup,
  FleetSummary,
  LaneSlug,
  VehicleState,
} from '@marque/api';
import { BRANDS, MODELS } from './brands.ts';
import { Car } from './car.ts';
import { Random } from './random.ts';

/** Of which brands cars' batteries are watched. */
const ELECTRIC = new Set<BrandSlug>(['citroen', 'fiat', 'jeep', 'opel', 'peugeot']);

export interface Collecting {
  campaign: Campaign;
  vehicles: Set<string>;
  assignedAt: number;
  samples: number;
}

/** The mock's whole world. `step` moves it by a second and tells who listens. */
export class Fleet {
  readonly cars: Car[];
  readonly byId: Map<string, Car>;
  readonly campaigns: Collecting[] = [];
  readonly listeners = new Set<(now: number, changed: Car[]) => void>();
  #random = new Random(14);
  #samplesPerS = 0;
  #acksPerS = 0;

  constructor(vehicles: number, now = Date.now()) {
    const perBrand = new Map(
      BRANDS.map(([brand]) => [brand, MODELS.filter((model) => model.brand === brand)]),
    );
    this.cars = Array.from({ length: vehicles }, (_, index) => {
      // Every brand gets a share of its own before the weights decide.
      const brand = BRANDS[index % BRANDS.length]?.[0] ?? 'fiat';
      const models = index % 3 === 0 ? (perBrand.get(brand) ?? MODELS) : MODELS;
      return new Car(
        this.#random.pick(models, (model) => model.weight),
        this.#random,
        now,
      );
    });
    this.byId = new Map(this.cars.map((car) => [car.id, car]));
    this.#seedCampaigns(now);
    this.step(now);
  }

  step(now: number): void {
    const changed = this.cars.filter((car) => car.step(now));
    const moving = this.cars.filter((car) => car.state === 'moving').length;
    const connected = this.cars.filter((car) => car.connected).length;
    const wave = 1 + 0.06 * Math.sin(now / 9000) + 0.03 * this.#random.gauss();
    this.#samplesPerS = (connected * 11 + moving * 24) * wave;
    this.#acksPerS = connected * 1.1 * (1 + 0.04 * this.#random.gauss());
    for (const assigned of this.campaigns) assigned.samples += Math.round(assigned.vehicles.size * 9 * wave);
    for (const listener of this.listeners) listener(now, changed);
  }

  summary(now: number): FleetSummary {
    const states: Record<VehicleState, number> = {
      moving: 0,
      parked: 0,
      charging: 0,
      offline: 0,
      unknown: 0,
    };
    for (const car of this.cars) states[car.state] += 1;
    const by = <K extends string, V extends string>(key: K, of: (car: Car) => V) => {
      const counts = new Map<V, { vehicles: number; connected: number }>();
      for (const car of this.cars) {
        const count = counts.get(of(car)) ?? { vehicles: 0, connected: 0 };
        count.vehicles += 1;
        if (car.connected) count.connected += 1;
        counts.set(of(car), count);
      }
      return [...counts]
        .sort()
        .map(([name, count]) => ({ [key]: name, ...count }) as Record<K, V> & typeof count);
    };
    return {
      vehicles: this.cars.length,
      connected: this.cars.filter((car) => car.connected).length,
      by_brand: by('brand', (car) => car.model.brand),
      by_region: by('region', (car) => car.region),
      by_architecture: by('architecture', (car) => car.model.architecture),
      by_state: states,
      samples_per_s: this.#samplesPerS,
      acks_per_s: this.#acksPerS,
      at: new Date(now).toISOString(),
    };
  }

  assign(assigned: Collecting, cars: Car[], now: number): void {
    for (const car of cars) assigned.vehicles.add(car.id);
    assigned.assignedAt = now;
    assigned.campaign.assigned = assigned.vehicles.size;
  }

  unassign(assigned: Collecting, cars: Car[]): void {
    for (const car of cars) assigned.vehicles.delete(car.id);
    assigned.campaign.assigned = assigned.vehicles.size;
  }

  create(spec: CampaignDocument, now: number): Collecting {
    const campaign: Campaign = {
      ...spec,
      brands: spec.brands ?? [],
      campaign_id: this.campaigns.length + 1,
      version: 1,
      assigned: 0,
      ended_at: null,
      created_at: new Date(now).toISOString(),
      updated_at: new Date(now).toISOString(),
    };
    const assigned = { campaign, vehicles: new Set<string>(), assignedAt: now, samples: 0 };
    this.campaigns.push(assigned);
    return assigned;
  }

  #seedCampaigns(now: number): void {
    const live = [
      'Speed',
      'CurrentLocation.Latitude',
      'CurrentLocation.Longitude',
      'Powertrain.TractionBattery.StateOfCharge.Current',
    ];
    const bulk = [
      'Powertrain.CombustionEngine.ECT',
      'LowVoltageBattery.CurrentVoltage',
      'Exterior.AirTemperature',
      'Cabin.HVAC.AmbientAirTemperature',
      'Chassis.SteeringWheel.Angle',
    ];
    const group = (
      signals: string[],
      lane: LaneSlug,
      every_ms: number,
      flush_every_ms: number,
    ): CampaignGroup => ({
      signals: signals.map((path) => `Vehicle.${path}`),
      lane,
      every_ms,
      flush_every_ms,
    });
    const all = this.create(
      {
        name: 'Fleet basics',
        purpose: 'fleet-management',
        brands: BRANDS.map(([slug]) => slug),
        groups: [group(live, 'live', 1000, 1000), group(bulk, 'bulk', 1000, 10_000)],
      },
      now - 9e7,
    );
    this.assign(all, this.cars, now - 9e7);
    const battery = this.create(
      {
        name: 'Battery health, winter',
        purpose: 'maintenance',
        brands: [...ELECTRIC],
        groups: [group(live.slice(3), 'bulk', 5000, 60_000)],
      },
      now - 4e6,
    );
    this.assign(
      battery,
      this.cars.filter((car) => car.electric && ELECTRIC.has(car.model.brand)),
      now - 15_000,
    );
    all.samples = 48_211_904;
    battery.samples = 902_113;
  }
}
