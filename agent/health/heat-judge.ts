import type { Watch } from '../alert/open-conditions.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { Heat } from './heat.ts';

/** Where a sensor states no limit of its own. */
const usualLimitCelsius = 95;
const marginCelsius = 10;
const overMarginCelsius = 15;
/** A processor that has just slowed down does so again within this, while the heat lasts. */
const throttledMs = 120_000;

/** Judges `overheating` by the sensor that is nearest to its limit. */
export function heatJudge(
  watch: Watch<'overheating'>,
  clock: Clock,
): { take(heat: Heat | undefined): void; reading(): { temperatureCelsius?: number } } {
  let hottest: number | undefined;
  let hot = false;
  let throttles: number | undefined;
  let throttledAt: MonotonicMs | undefined;
  return {
    take(heat) {
      const sensors = heat?.sensors ?? [];
      hottest = sensors.length === 0 ? undefined : Math.max(...sensors.map(({ celsius }) => celsius));
      const now = clock.monotonic();
      if (heat?.throttles !== undefined && throttles !== undefined && heat.throttles > throttles)
        throttledAt = now;
      throttles = heat?.throttles;
      const left = Math.min(
        ...sensors.map(({ celsius, limitCelsius = usualLimitCelsius }) => limitCelsius - celsius),
      );
      hot = left <= (hot ? overMarginCelsius : marginCelsius);
      const celsius = hottest === undefined ? '?' : Math.round(hottest);
      if (throttledAt !== undefined && now - throttledAt < throttledMs)
        watch.failing('throttled', { celsius });
      else if (hottest === undefined) watch.unknown();
      else if (hot) watch.failing('hot', { celsius });
      else watch.ok();
    },
    reading: () => (hottest === undefined ? {} : { temperatureCelsius: Math.round(hottest * 10) / 10 }),
  };
}
