import { type FillReport, hitRatioOf } from '../../shared/domain/fill.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';

/** Gauges of the newest scored day of each region; a region that is not among the reports is shown no more. */
export function makeShowScores(metrics: Metrics): (reports: readonly FillReport[]) => void {
  const gauge = (name: string, help: string, labels: readonly string[] = ['region']) =>
    metrics.gauge(`nightfill_score_${name}`, help, labels);
  const day = gauge('day_seconds', 'Unix time of midnight UTC of the day that was scored last.');
  const hits = gauge('byte_hit_ratio', 'Share of the day’s bytes that appliances served from their own storage.');
  const filled = gauge('filled_share_ratio', 'Share of the day’s bytes served from what the fill brought.');
  const covered = gauge('forecast_coverage_ratio', 'Share of the forecast that was held when the fill ended.');
  const wape = gauge('wape_ratio', 'Weighted absolute percentage error of the forecast.');
  const bias = gauge('bias_ratio', '(forecast − actual) / actual.');
  const regret = gauge(
    'regret_ratio',
    'Share of demand that a clairvoyant placement would have served beyond what was held.',
  );
  const pushed = gauge('pushed_bytes', 'Bytes that the fill pushed.');
  const unused = gauge('unused_bytes', 'Pushed bytes that nobody asked for.');
  const missed = gauge('missed_bytes', 'Missed bytes by class.', ['region', 'class']);
  const saved = gauge('saved_money', 'What was saved at the region’s tariff.', ['region', 'currency']);
  const all = [day, hits, filled, covered, wape, bias, regret, pushed, unused, missed, saved];

  return (reports) => {
    for (const one of all) one.reset();
    for (const { regionId: region, date, forecastCoverage, score } of reports) {
      if (!score) continue;
      const set = (one: typeof day, value: number | null | undefined): void => {
        if (typeof value === 'number') one.set({ region }, value);
      };
      set(day, Date.parse(`${date}T00:00:00Z`) / 1_000);
      set(hits, hitRatioOf(score));
      set(filled, score.use?.filledShare);
      set(covered, forecastCoverage);
      set(wape, score.wape);
      set(bias, score.bias);
      set(regret, score.regret?.regret);
      set(pushed, score.use?.pushedBytes);
      set(unused, score.use?.unusedBytes);
      for (const [name, bytes] of Object.entries(score.misses?.classes ?? {}))
        missed.set({ region, class: name }, bytes);
      if (score.savings) saved.set({ region, currency: score.savings.tariff.currency }, score.savings.saved);
    }
  };
}
