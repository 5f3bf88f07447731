/** hls-parser in the one mode that we want: a playlist that is wrong throws instead of being logged. */
import HLS from 'hls-parser';

HLS.setOptions({ strictMode: true, silent: true });

export const { parse, stringify, types } = HLS;
