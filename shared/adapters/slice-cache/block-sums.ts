/**
 * CRC-32 of a slice and of each of its blocks, in one pass: sums of neighbours combine to the sum of both.
 *
 * Combining is multiplication by x^(8·length) over GF(2) modulo the polynomial of CRC-32 (as zlib's `crc32_combine`).
 */
import { crc32 } from 'node:zlib';

export const blockBytes = 64 * 1024;

export interface BlockSums {
  readonly whole: number;
  readonly blocks: Uint32Array;
}

/** A linear map of 32 bits: the image of each bit. */
type Operator = Uint32Array;

const apply = (operator: Operator, bits: number): number => {
  let result = 0;
  for (let at = 0, left = bits; left !== 0; at += 1, left >>>= 1) if (left & 1) result ^= operator[at] ?? 0;
  return result >>> 0;
};
const square = (operator: Operator): Operator => operator.map((image) => apply(operator, image));

/** The effect of one zero bit: a shift, and the polynomial where a bit fell out. */
const oneBit: Operator = Uint32Array.from({ length: 32 }, (_, at) => (at === 0 ? 0xedb88320 : 2 ** (at - 1)));

/** The effect of so many zero bytes. */
function zeros(lengthBytes: number): Operator {
  let operator: Operator = Uint32Array.from({ length: 32 }, (_, at) => 2 ** at);
  let power = square(square(square(oneBit)));
  for (let left = lengthBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      const current = operator;
      const step = power;
      operator = current.map((image) => apply(step, image));
    }
    power = square(power);
  }
  return operator;
}

const fullBlock = zeros(blockBytes);

export function sumBlocks(bytes: Uint8Array): BlockSums {
  const blocks = new Uint32Array(Math.max(1, Math.ceil(bytes.length / blockBytes)));
  let whole = 0;
  for (let at = 0; at < blocks.length; at += 1) {
    const block = bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
    const sum = crc32(block);
    blocks[at] = sum;
    // A block is summed once more only where it is the short one at the end, which is cheaper than its operator.
    whole = block.length === blockBytes ? (apply(fullBlock, whole) ^ sum) >>> 0 : crc32(block, whole);
  }
  return { whole, blocks };
}
