/**
 * Writes the sample bundle to the file named first, as a process of its own: to be killed, limited or starved by tests.
 * `slow` as the second argument makes the last blob never end; `fill <file>` fills the disk while a blob arrives; `other` writes a
 * bundle of fewer images.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { BlobSource } from '../../images/blob-source.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { memorySources, planShop, shopSamples } from './sample-bundle.ts';

const [output = '', mode, filler = ''] = process.argv.slice(2);
const all = await shopSamples();
const samples = mode === 'other' ? { ...all, images: all.images.slice(0, 3) } : all;
const sources = memorySources(samples);
const signal = new AbortController().signal;

function spoil(source: BlobSource): BlobSource {
  return {
    async pull(descriptor, sink, options) {
      await source.pull(descriptor, sink, options);
      if (mode === 'slow') {
        process.stdout.write('under way\n');
        await setTimeout(600_000);
      }
      if (mode === 'fill') fillDisk();
    },
  };
}

function fillDisk(): void {
  try {
    for (;;) appendFileSync(filler, Buffer.alloc(65_536, 1));
  } catch {
    process.stdout.write('the disk is full\n');
  }
}

try {
  const spoiled = new Map([...sources].map(([digest, source]) => [digest, spoil(source)]));
  await writeBundle(planShop(samples), output, {
    sources: mode === undefined ? sources : spoiled,
    signal,
    concurrency: 1,
    onEvent: ({ type }) => {
      if (type === 'planned') process.stdout.write('fetching\n');
      if (type === 'resumed') process.stdout.write('resumed\n');
    },
  });
} catch (error) {
  const { code, message, hint } = error as { code?: string; message?: string; hint?: string };
  process.stdout.write(`${JSON.stringify({ code, message, hint })}\n`);
  process.exitCode = 1;
}
