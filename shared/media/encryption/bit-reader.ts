/**
 * Reads the syntax elements of a NAL unit (ISO/IEC 14496-10 §7.2, §9.1), whose emulation prevention bytes it steps over
 * and still counts: what is told of positions is told of the bytes as they are stored.
 */
export class BitReader {
  readonly #bytes: Uint8Array;
  #next: number;
  #left = 0;
  #byte = 0;
  #zeros = 0;

  constructor(nal: Uint8Array, from: number) {
    this.#bytes = nal;
    this.#next = from;
  }

  /** Stored bytes up to and including the one that was read last. */
  get bytesRead(): number {
    return this.#next;
  }

  /** u(n), n up to 32. @throws RangeError behind the end. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.#bit();
    return value;
  }

  flag(): boolean {
    return this.#bit() === 1;
  }

  skip(count: number): void {
    for (let i = 0; i < count; i++) this.#bit();
  }

  /** ue(v) */
  unsigned(): number {
    let zeros = 0;
    while (this.#bit() === 0) if (++zeros > 32) throw new RangeError('an Exp-Golomb code is too long');
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** se(v) */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  #bit(): number {
    if (this.#left === 0) this.#load();
    this.#left -= 1;
    return (this.#byte >> this.#left) & 1;
  }

  #load(): void {
    if (this.#zeros >= 2 && this.#bytes[this.#next] === 3) {
      this.#next += 1;
      this.#zeros = 0;
    }
    const byte = this.#bytes[this.#next];
    if (byte === undefined) throw new RangeError('a NAL unit ends within its header');
    this.#next += 1;
    this.#zeros = byte === 0 ? this.#zeros + 1 : 0;
    this.#byte = byte;
    this.#left = 8;
  }
}
