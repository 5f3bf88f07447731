import type { AgeCurve } from '../age-curve.ts';
import type { Model } from './model.ts';

/**
 * For titles in their first weeks: what the title brought so far, set against what the curve of the region's titles
 * brings up to the same age, times what the curve brings at the next.
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
        seen += bytes / factor;
        ofCurve += curve(number - first);
      },
    };
  },
});
