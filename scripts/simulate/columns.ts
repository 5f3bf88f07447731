/** A column of numbers that grows: doubles its room when full, and gives the filled part without copying it. */
type Numbers = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

export class Column<T extends Numbers> {
  #cells: T;
  #make: (length: number) => T;
  length = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#cells = make(1 << 16);
  }

  push(value: number): void {
    if (this.length === this.#cells.length) {
      const larger = this.#make(this.length * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    this.#cells[this.length] = value;
    this.length += 1;
  }

  get(place: number): number {
    return this.#cells[place] ?? 0;
  }

  set(place: number, value: number): void {
    this.#cells[place] = value;
  }

  done(): T {
    return this.#cells.subarray(0, this.length) as T;
  }
}
