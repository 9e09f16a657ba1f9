import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

/** Longest that a parser may take over one input, in milliseconds; far more than any needs, far less than a hang. */
const patienceMs = 2000;

/** The seed of this run: `DIOLKOS_SEED`, or another one each time. fast-check prints it with a failure. */
export const seed = Number(process.env.DIOLKOS_SEED ?? Date.now() & 0x7fff_ffff);

/** How often each property is tried: in `test:full` more. */
export const runs = Number(process.env.DIOLKOS_FUZZ_RUNS ?? 1000);

/** `parse` takes every input, or refuses it with a BundleError of one of `codes`; soon, and without any other error. */
export function survivesAll<T>(inputs: fc.Arbitrary<T>, parse: (input: T) => unknown, codes: readonly string[] = []): void {
  const property = fc.property(inputs, (input) => {
    const begin = performance.now();
    try {
      parse(input);
    } catch (error) {
      refuses(error, codes);
    }
    assert.ok(performance.now() - begin < patienceMs, 'it took too long');
  });
  fc.assert(property, { seed, numRuns: runs });
}

/** As `survivesAll`. */
export async function survivesAllAsync<T>(
  inputs: fc.Arbitrary<T>,
  work: (input: T) => Promise<unknown>,
  codes: readonly string[],
  numRuns = runs,
): Promise<void> {
  const property = fc.asyncProperty(inputs, async (input) => {
    const begin = performance.now();
    await work(input).catch((error: unknown) => refuses(error, codes));
    assert.ok(performance.now() - begin < patienceMs, 'it took too long');
  });
  await fc.assert(property, { seed, numRuns });
}

function refuses(error: unknown, codes: readonly string[]): void {
  if (!(error instanceof BundleError) || !codes.includes(error.code)) throw error;
}

/** Honest bytes with some of them overwritten, cut out, doubled or cut off: what gets far into a parser. */
export function mutated(honest: readonly (Buffer | string)[]): fc.Arbitrary<Buffer> {
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('set', 'flip', 'cut', 'double', 'end', 'insert'),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes): Uint8Array => bytes),
      fc.constantFrom(...telling),
    ),
  });
  return fc
    .record({ base: fc.constantFrom(...honest), changes: fc.array(change, { maxLength: 6 }) })
    .map(({ base, changes }) => changes.reduce<Buffer>((bytes, one) => apply(bytes, one), Buffer.from(base)));
}

/** Bytes that mean something somewhere. */
const telling = [
  '\0',
  '/',
  '../',
  ':',
  '@',
  '"',
  '\\',
  '{',
  '[',
  ',',
  '=',
  ' ',
  '\r\n',
  '-1',
  '9'.repeat(20),
  '1e99',
  '\u{1f6a2}',
  'sha256:',
].map((text): Uint8Array => Buffer.from(text));

interface Change {
  /** 0 the beginning, 1 the end. */
  readonly at: number;
  readonly kind: 'set' | 'flip' | 'cut' | 'double' | 'end' | 'insert';
  readonly bytes: Uint8Array;
}

function apply(bytes: Buffer, { at, kind, bytes: put }: Change): Buffer {
  const place = Math.min(bytes.length, Math.floor(at * bytes.length));
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (kind) {
    case 'set':
      return Buffer.concat([before, put, after.subarray(put.length)]);
    case 'flip':
      return Buffer.concat([
        before,
        Buffer.from(after.subarray(0, 1).map((byte) => byte ^ (1 << ((put[0] ?? 0) % 8)))),
        after.subarray(1),
      ]);
    case 'cut':
      return Buffer.concat([before, after.subarray(put.length * 16)]);
    case 'double':
      return Buffer.concat([before, after, after]);
    case 'end':
      return Buffer.from(before);
    default:
      return Buffer.concat([before, put, after]);
  }
}
