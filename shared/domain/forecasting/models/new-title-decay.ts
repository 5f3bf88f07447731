import type { AgeCurve } from '../age-curve.ts';
import type { Model } from './model.ts';

/** What a title brought the day before last counts so much of what it brought last, and so on: curves fit no title for long. */
const remembered = 0.5;

/**
 * For titles in their first weeks: what the title brought lately, set against what the curve of the region's titles
 * brings at the same ages, times what the curve brings at the next.
 */
export const newTitleDecay = (curve: AgeCurve): Model => ({
  name: 'new-title-decay/1',
  begin() {
    let first = -1;
    let seen = 0;
    let ofCurve = 0;
    return {
      expect: ({ number, factor }) => (ofCurve > 0 ? (seen / ofCurve) * curve(number - first) * factor : 0),
      observe({ number, factor }, bytes) {
        if (first < 0) first = number;
        seen = seen * remembered + bytes / factor;
        ofCurve = ofCurve * remembered + curve(number - first);
      },
    };
  },
});
