import type { Radio } from './sample.ts';

/**
 * Columns and scalars of radio bridges by vendor, the first row of a column being asked for. From the vendors' MIB
 * files; untried on devices.
 */
export const radioModels = {
  /** UBNT-AirMAX-MIB ubntWlStatTable. Rates in bit/s. */
  'ubiquiti-airmax': {
    signalDbm: { oid: '1.3.6.1.4.1.41112.1.4.5.1.5' },
    noiseDbm: { oid: '1.3.6.1.4.1.41112.1.4.5.1.8' },
    capacityMbit: { oid: '1.3.6.1.4.1.41112.1.4.5.1.10', scale: 1e-6 },
  },
  /** UBNT-AirFIBER-MIB airFiberStatus: rxPower0, rxCapacity in bit/s. */
  'ubiquiti-airfiber': {
    signalDbm: { oid: '1.3.6.1.4.1.41112.1.3.2.1.11' },
    capacityMbit: { oid: '1.3.6.1.4.1.41112.1.3.2.1.5', scale: 1e-6 },
  },
  /** MIKROTIK-MIB mtxrWlStatTable (station). Rates in bit/s. */
  mikrotik: {
    signalDbm: { oid: '1.3.6.1.4.1.14988.1.1.1.1.1.4' },
    capacityMbit: { oid: '1.3.6.1.4.1.14988.1.1.1.1.1.3', scale: 1e-6 },
  },
  /** MIKROTIK-MIB mtxrWlRtabTable and mtxrWlApTable: the end that others register with. Rates in bit/s. */
  'mikrotik-ap': {
    signalDbm: { oid: '1.3.6.1.4.1.14988.1.1.1.2.1.3' },
    noiseDbm: { oid: '1.3.6.1.4.1.14988.1.1.1.3.1.9' },
    capacityMbit: { oid: '1.3.6.1.4.1.14988.1.1.1.2.1.8', scale: 1e-6 },
  },
  /** MIKROTIK-MIB mtxrWl60GTable: RSSI, PHY rate in Mbit/s. */
  'mikrotik-60g': {
    signalDbm: { oid: '1.3.6.1.4.1.14988.1.1.1.8.1.12' },
    capacityMbit: { oid: '1.3.6.1.4.1.14988.1.1.1.8.1.13' },
  },
} as const satisfies Record<string, Partial<Record<keyof Radio, RadioObject>>>;

export interface RadioObject {
  oid: string;
  /** What the value is multiplied by. */
  scale?: number;
}
export type RadioModel = keyof typeof radioModels;

/** SNMPv2-MIB sysUpTime, hundredths of a second: every device has it. */
export const uptimeObject: RadioObject = { oid: '1.3.6.1.2.1.1.3', scale: 0.01 };

/** What is asked of a device: its model's objects, or those of every model when none is given; `own` go before them. */
export function objectsOf(
  model: RadioModel | undefined,
  own: Partial<Record<keyof Radio, string | undefined>>,
): { name: keyof Radio; object: RadioObject }[] {
  const models = model === undefined ? (Object.keys(radioModels) as RadioModel[]) : [model];
  const rows = models.flatMap((each) =>
    Object.entries<RadioObject>(radioModels[each]).map(([name, object]) => ({
      name: name as keyof Radio,
      object,
    })),
  );
  const ours = Object.entries(own).flatMap(([name, oid]) =>
    oid === undefined ? [] : [{ name: name as keyof Radio, object: { oid } }],
  );
  const asked = ours.length > 0 && model === undefined ? ours : [...ours, ...rows];
  return [...asked, { name: 'uptimeSeconds', object: uptimeObject }];
}

/** Of several objects of one name the first that the device has counts; a value out of range is none. */
export function radioOf(
  asked: readonly { name: keyof Radio; object: RadioObject }[],
  values: readonly (number | undefined)[],
): Radio {
  const radio: Radio = {};
  asked.forEach(({ name, object: { scale = 1 } }, index) => {
    const value = values[index];
    if (value === undefined || radio[name] !== undefined) return;
    const scaled = value * scale;
    const [least, most] = ranges[name];
    if (scaled >= least && scaled <= most) radio[name] = scaled;
  });
  return radio;
}

/** A radio without a partner reports a signal of 0 or of its noise floor. */
const ranges: Record<keyof Radio, [number, number]> = {
  signalDbm: [-120, -1],
  noiseDbm: [-130, -1],
  capacityMbit: [0, 100_000],
  uptimeSeconds: [0, 50_000_000],
};
