/**
 * Parses `time,object,size[,region]` from bytes as they come, a few tens of nanoseconds a row: fields are read as
 * numbers where they are, and text is made only of names that are not numbers.
 */
import type { Trace } from '../../shared/domain/simulation/trace.ts';
import { Column } from './columns.ts';

const newline = 10;
const carriageReturn = 13;
const comma = 44;
const quote = 34;
const dot = 46;
const zero = 48;
/** Digits that a double holds exactly. */
const exactDigits = 15;
const mostRegions = 65_535;
/** Longer rows are no rows of this table; the limit keeps a file that is something else from filling the memory. */
const longestRow = 65_536;

/** What is wrong with the table, and in which line. */
export class TraceError extends Error {
  readonly line: number;
  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
    this.name = 'TraceError';
    this.line = line;
  }
}

/** Numbers names by first appearance. A name of digits alone is looked up as a number, which is much faster. */
class Names {
  #ids = new Map<number | string, number>();
  get size(): number {
    return this.#ids.size;
  }
  idOf(bytes: Buffer, start: number, end: number): number {
    const key = readDigits(bytes, start, end);
    const isPlain = key >= 0 && (end - start === 1 || bytes[start] !== zero);
    return this.#numbered(isPlain ? key : bytes.toString('utf8', start, end));
  }
  names(): string[] {
    return [...this.#ids.keys()].map(String);
  }
  #numbered(key: number | string): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }
}

/** The number written in digits alone; -1 for anything else. */
function readDigits(bytes: Buffer, start: number, end: number): number {
  if (end === start || end - start > exactDigits) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - zero;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const decimal = /^\d{1,15}\.\d{1,9}$/;

export class RowParser {
  #times = new Column((length) => new Float64Array(length));
  #objects = new Column((length) => new Uint32Array(length));
  #regions = new Column((length) => new Uint16Array(length));
  #bytes = new Column((length) => new Float64Array(length));
  #sizes = new Column((length) => new Float64Array(length));
  #objectNames = new Names();
  #regionNames = new Names();
  #rest: Buffer = Buffer.alloc(0);
  #line = 0;
  #hasRegion = false;
  #isSorted = true;
  #isOneSize = true;
  #lastTimeS = Number.NEGATIVE_INFINITY;

  /** @throws TraceError */
  add(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      this.#row(bytes, start, end);
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length > longestRow) throw new TraceError(this.#line + 1, 'is longer than any row of a request log');
  }

  /** @throws TraceError for a table without a request. */
  finish(): Trace {
    if (this.#rest.length > 0) this.#row(this.#rest, 0, this.#rest.length);
    if (this.#times.length === 0) throw new TraceError(this.#line + 1, 'the file ends here and has no request');
    const columns = {
      times: this.#times.done(),
      objects: this.#objects.done(),
      regionOf: this.#regions.done(),
      bytes: this.#isOneSize ? null : this.#bytes.done(),
    };
    return {
      ...(this.#isSorted ? columns : sortByTime(columns)),
      sizes: this.#sizes.done(),
      regions: this.#hasRegion ? this.#regionNames.names() : [''],
    };
  }

  #row(bytes: Buffer, start: number, newlineAt: number): void {
    this.#line += 1;
    const end = bytes[newlineAt - 1] === carriageReturn && newlineAt > start ? newlineAt - 1 : newlineAt;
    if (end === start) return;
    if (this.#line === 1) {
      this.#header(bytes.toString('utf8', start, end));
      return;
    }
    const first = this.#fieldEnd(bytes, start, end);
    const second = this.#fieldEnd(bytes, first + 1, end);
    const third = this.#fieldEnd(bytes, second + 1, end);
    const fourth = this.#hasRegion ? this.#fieldEnd(bytes, third + 1, end) : third;
    if (first >= end || second >= end || fourth !== end || (this.#hasRegion && third >= end))
      throw new TraceError(this.#line, this.#shapeProblem(bytes.toString('utf8', start, end)));

    const timeS = this.#time(bytes, start, first);
    if (second === first + 1) throw new TraceError(this.#line, 'object is empty');
    const size = readDigits(bytes, second + 1, third);
    if (size < 0)
      throw new TraceError(this.#line, `size ${show(bytes, second + 1, third)} is not a whole number of bytes`);
    const object = this.#objectNames.idOf(bytes, first + 1, second);
    const region = this.#hasRegion ? this.#regionNames.idOf(bytes, third + 1, end) : 0;
    if (region > mostRegions) throw new TraceError(this.#line, `there are more than ${mostRegions} regions`);

    if (timeS < this.#lastTimeS) this.#isSorted = false;
    this.#lastTimeS = timeS;
    this.#times.push(timeS);
    this.#objects.push(object);
    this.#regions.push(region);
    this.#noteSize(object, size);
  }

  /** The answers' sizes are kept only once one differs from its object's. */
  #noteSize(object: number, size: number): void {
    const isNew = object === this.#sizes.length;
    const known = isNew ? size : this.#sizes.get(object);
    if (known !== size && this.#isOneSize) {
      this.#isOneSize = false;
      for (let place = 0; place < this.#times.length - 1; place += 1)
        this.#bytes.push(this.#sizes.get(this.#objects.get(place)));
    }
    if (!this.#isOneSize) this.#bytes.push(size);
    if (isNew) this.#sizes.push(size);
    else if (size > known) this.#sizes.set(object, size);
  }

  #header(text: string): void {
    const names = text.replace(/^\uFEFF/, '').trim();
    if (names !== 'time,object,size' && names !== 'time,object,size,region')
      throw new TraceError(1, `must be the header time,object,size or time,object,size,region, not ${shorten(names)}`);
    this.#hasRegion = names.endsWith('region');
  }

  #time(bytes: Buffer, start: number, end: number): number {
    const whole = readDigits(bytes, start, end);
    if (whole >= 0) return whole;
    const text = bytes.indexOf(dot, start) < end ? bytes.toString('latin1', start, end) : '';
    if (!decimal.test(text))
      throw new TraceError(this.#line, `time ${show(bytes, start, end)} is not a number of Unix seconds`);
    return Number(text);
  }

  #fieldEnd(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && bytes[at] !== comma) at += 1;
    return at;
  }

  #shapeProblem(row: string): string {
    if (row.charCodeAt(0) === quote || row.includes(',"')) return 'has quotes, which a request log must not use';
    const wanted = this.#hasRegion ? 4 : 3;
    return `has ${row.split(',').length} fields where ${wanted} are needed: ${shorten(row)}`;
  }
}

const shorten = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
const show = (bytes: Buffer, start: number, end: number): string => shorten(bytes.toString('utf8', start, end));

type RequestColumns = Pick<Trace, 'times' | 'objects' | 'regionOf' | 'bytes'>;

/** Requests of one time stay in the order of the file. */
function sortByTime({ times, objects, regionOf, bytes }: RequestColumns): RequestColumns {
  const order = Uint32Array.from(times.keys());
  order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
  return {
    times: Float64Array.from(order, (place) => times[place] ?? 0),
    objects: Uint32Array.from(order, (place) => objects[place] ?? 0),
    regionOf: Uint16Array.from(order, (place) => regionOf[place] ?? 0),
    bytes: bytes && Float64Array.from(order, (place) => bytes[place] ?? 0),
  };
}
