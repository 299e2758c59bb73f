import type { CategorySlug, Position, Quarantine, SignalItem, VehicleState } from '@marque/api';
import { type Model, placesOf } from './brands.ts';
import type { Random } from './random.ts';

/** One simulated car: moves, charges, parks, and tells its signals. */
export class Car {
  readonly id: string;
  readonly vin: string;
  readonly year: number;
  readonly region: string;
  readonly electric: boolean;
  sharesLocation: boolean;
  sharesDriving: boolean;
  /** Told when the owner's grants change. */
  readonly granted = new Set<() => void>();
  connectedAt: number;
  lastSeen: number;
  state: VehicleState;
  /** Since when, why, and where its two connections came from. */
  quarantine: Pick<Quarantine, 'since' | 'reason' | 'networks'> | null = null;
  latitude: number;
  longitude: number;
  heading: number;
  speed = 0;
  charge: number;
  odometer: number;
  #target = 0;
  #home: [number, number];
  #random: Random;

  constructor(
    readonly model: Model,
    random: Random,
    now: number,
  ) {
    this.#random = random;
    this.id = random.hex(32);
    this.vin = `VR3${random.hex(6).toUpperCase()}${Math.floor(random.between(1e7, 9.9e7))}`;
    this.year = Math.floor(random.between(2016, 2027));
    this.electric = random.next() < model.electric;
    this.sharesLocation = random.next() < 0.86;
    this.sharesDriving = random.next() < 0.95;
    const { region, places } = random.pick(placesOf(model.brand));
    const [latitude, longitude] = random.pick(places, (place) => place[2]);
    const spread = random.next() < 0.35 ? 0.9 : 0.22;
    this.region = region;
    this.latitude = latitude + random.gauss() * spread * 0.6;
    this.longitude = longitude + random.gauss() * spread;
    this.#home = [this.latitude, this.longitude];
    this.heading = random.between(0, 360);
    this.charge = random.between(14, 98);
    this.odometer = Math.floor(random.between(2_000_000, 160_000_000));
    const roll = random.next();
    this.state =
      roll < 0.035
        ? 'offline'
        : roll < 0.58
          ? 'moving'
          : roll < 0.72 && this.electric
            ? 'charging'
            : 'parked';
    this.connectedAt = now - random.between(20_000, 14_400_000);
    this.lastSeen = this.state === 'offline' ? now - random.between(3_600_000, 9e8) : now;
    if (this.state === 'moving') this.speed = this.#target = random.between(20, 125);
  }

  get connected(): boolean {
    return this.state !== 'offline';
  }

  /** Gives true when the state changed. */
  step(now: number): boolean {
    const before = this.state;
    if (this.connected) this.lastSeen = now;
    if (this.#random.next() < (this.connected ? 0.0015 : 0.008)) this.#change(now);
    if (this.state === 'moving') this.#drive();
    else this.speed = 0;
    if (this.state === 'charging') this.charge = Math.min(100, this.charge + 0.02);
    return before !== this.state;
  }

  #change(now: number): void {
    const next: VehicleState[] = [
      'moving',
      'moving',
      'parked',
      this.electric ? 'charging' : 'parked',
      'offline',
    ];
    const state = this.#random.pick(next);
    if (this.state === 'offline' && state !== 'offline') this.connectedAt = now;
    this.state = state;
  }

  #drive(): void {
    if (this.#random.next() < 0.04) this.#target = Math.max(0, this.#random.between(-15, 130));
    this.speed = Math.max(0, this.speed + (this.#target - this.speed) * 0.12 + this.#random.gauss() * 0.7);
    const home = (Math.atan2(this.#home[1] - this.longitude, this.#home[0] - this.latitude) * 180) / Math.PI;
    const away = Math.hypot(this.#home[0] - this.latitude, this.#home[1] - this.longitude) > 0.3;
    const turn = away ? (((home - this.heading + 540) % 360) - 180) * 0.05 : this.#random.gauss() * 5;
    this.heading = (this.heading + turn + 360) % 360;
    const metres = this.speed / 3.6;
    const radians = (this.heading * Math.PI) / 180;
    this.latitude += (Math.cos(radians) * metres) / 111_320;
    this.longitude += (Math.sin(radians) * metres) / (111_320 * Math.cos((this.latitude * Math.PI) / 180));
    this.odometer += metres;
    this.charge = Math.max(3, this.charge - metres * 0.0000035);
  }

  position(now: number): Position {
    return {
      vehicle_id: this.id,
      brand: this.model.brand,
      model: this.model.model,
      latitude: round(this.latitude, 6),
      longitude: round(this.longitude, 6),
      heading: round(this.heading, 1),
      speed: round(this.speed, 1),
      state: this.state,
      at: new Date(now).toISOString(),
    };
  }

  signals(now: number): SignalItem[] {
    return [...this.#values()].map(([path, unit, data_type, category, value, quality = 'good']) => ({
      path: `Vehicle.${path}`,
      unit,
      data_type,
      category,
      value,
      quality,
      source_time: new Date(now - 180).toISOString(),
      receive_time: new Date(now).toISOString(),
    }));
  }

  *#values(): Generator<
    [string, string | null, string, CategorySlug, SignalItem['value'], SignalItem['quality']?]
  > {
    const noise = (size: number) => this.#random.gauss() * size;
    const moving = this.state === 'moving';
    if (this.sharesDriving) {
      yield ['Speed', 'km/h', 'float', 'driving', round(this.speed, 2)];
      yield ['Acceleration.Longitudinal', 'm/s^2', 'float', 'driving', moving ? round(noise(0.6), 3) : 0];
      yield ['Acceleration.Lateral', 'm/s^2', 'float', 'driving', moving ? round(noise(0.4), 3) : 0];
      yield ['Chassis.SteeringWheel.Angle', 'degrees', 'float', 'driving', moving ? round(noise(9), 1) : 0];
      yield [
        'Chassis.Accelerator.PedalPosition',
        'percent',
        'uint8',
        'driving',
        moving ? Math.round(18 + noise(6)) : 0,
      ];
      yield ['Chassis.Brake.PedalPosition', 'percent', 'uint8', 'driving', 0];
      yield [
        'Powertrain.Transmission.CurrentGear',
        null,
        'int8',
        'driving',
        moving ? 1 + Math.floor(this.speed / 28) : 0,
      ];
      yield ['TraveledDistance', 'm', 'uint32', 'driving', Math.round(this.odometer)];
    }
    if (this.sharesLocation) {
      yield ['CurrentLocation.Latitude', 'degrees', 'double', 'location', round(this.latitude, 6)];
      yield ['CurrentLocation.Longitude', 'degrees', 'double', 'location', round(this.longitude, 6)];
      yield ['CurrentLocation.Heading', 'degrees', 'double', 'location', round(this.heading, 1)];
      yield ['CurrentLocation.Altitude', 'm', 'double', 'location', round(212 + noise(0.4), 1)];
    }
    if (this.electric) {
      const power = moving ? 14 + noise(3) : this.state === 'charging' ? -48 : 0.3;
      yield [
        'Powertrain.TractionBattery.StateOfCharge.Current',
        'percent',
        'float',
        'charging',
        round(this.charge, 2),
      ];
      yield ['Powertrain.TractionBattery.Range', 'm', 'uint32', 'charging', Math.round(this.charge * 4100)];
      yield ['Powertrain.TractionBattery.CurrentPower', 'W', 'float', 'charging', Math.round(power * -1000)];
      yield [
        'Powertrain.TractionBattery.CurrentVoltage',
        'V',
        'float',
        'charging',
        round(392 + noise(0.4), 1),
      ];
      yield [
        'Powertrain.TractionBattery.Temperature.Average',
        'celsius',
        'float',
        'charging',
        round(27 + noise(0.1), 1),
      ];
      yield [
        'Powertrain.TractionBattery.Charging.IsCharging',
        null,
        'boolean',
        'charging',
        this.state === 'charging',
      ];
      yield ['Powertrain.TractionBattery.Charging.ChargeLimit', 'percent', 'uint8', 'charging', 80];
      yield ['Powertrain.ElectricMotor.Speed', 'rpm', 'float', 'driving', Math.round(this.speed * 74)];
    } else {
      yield [
        'Powertrain.CombustionEngine.Speed',
        'rpm',
        'float',
        'driving',
        moving ? Math.round(900 + this.speed * 14 + noise(30)) : 0,
      ];
      yield ['Powertrain.CombustionEngine.ECT', 'celsius', 'float', 'diagnostics', round(89 + noise(0.3), 1)];
      yield ['Powertrain.CombustionEngine.EngineOil.Level', null, 'string', 'diagnostics', 'NORMAL'];
      yield [
        'Powertrain.FuelSystem.RelativeLevel',
        'percent',
        'uint8',
        'diagnostics',
        Math.round(this.charge),
      ];
      yield ['Powertrain.FuelSystem.Range', 'm', 'uint32', 'diagnostics', Math.round(this.charge * 7600)];
    }
    yield ['Exterior.AirTemperature', 'celsius', 'float', 'body', round(11.5 + noise(0.05), 1)];
    for (const [axle, wheel] of [
      ['Row1', 'Left'],
      ['Row1', 'Right'],
      ['Row2', 'Left'],
      ['Row2', 'Right'],
    ]) {
      yield [
        `Chassis.Axle.${axle}.Wheel.${wheel}.Tire.Pressure`,
        'kPa',
        'uint16',
        'tyres',
        234,
        wheel === 'Right' && axle === 'Row2' && this.year < 2018 ? 'stale' : 'good',
      ];
    }
    for (const side of ['DriverSide', 'PassengerSide']) {
      yield [`Cabin.Door.Row1.${side}.IsOpen`, null, 'boolean', 'body', false];
      yield [`Cabin.Door.Row1.${side}.IsLocked`, null, 'boolean', 'body', !moving];
      yield [`Cabin.Door.Row1.${side}.Window.Position`, 'percent', 'uint8', 'body', 0];
    }
    yield ['Body.Lights.Beam.Low.IsOn', null, 'boolean', 'body', moving];
    yield ['Body.Windshield.Front.Wiping.Mode', null, 'string', 'body', 'OFF'];
    yield ['Cabin.HVAC.AmbientAirTemperature', 'celsius', 'float', 'cabin', round(21.2 + noise(0.04), 1)];
    yield ['Cabin.HVAC.Station.Row1.Driver.Temperature', 'celsius', 'float', 'cabin', 21];
    yield ['Cabin.HVAC.IsAirConditioningActive', null, 'boolean', 'cabin', moving];
    yield ['Cabin.Infotainment.Media.Volume', 'percent', 'uint8', 'media', 34];
    yield ['LowVoltageBattery.CurrentVoltage', 'V', 'float', 'diagnostics', round(13.9 + noise(0.03), 2)];
    yield ['OBD.DTCList', null, 'string[]', 'diagnostics', this.year < 2019 ? ['P0420'] : []];
    yield [
      'LowVoltageSystemState',
      null,
      'string',
      'equipment',
      moving ? 'ON' : 'LOCK',
      this.state === 'offline' ? 'stale' : 'good',
    ];
  }

  withheld(): CategorySlug[] {
    const withheld: CategorySlug[] = ['identity'];
    if (!this.sharesDriving) withheld.unshift('driving');
    if (!this.sharesLocation) withheld.unshift('location');
    return withheld;
  }
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
