import type { Place } from '../bundle-spec/lock.ts';
import type { Format } from './commands/format-option.ts';
import type { DiscoveredBundle, DiscoveredImage } from './discover-bundle.ts';
import { count, printJson } from './print-table.ts';

/** Prints every image with how it is controlled and every place where it was found. */
export function printDiscovered(found: DiscoveredBundle, format: Format): void {
  if (format === 'json') {
    printJson({ images: found.images, renders: found.renders });
    return;
  }
  for (const image of found.images) process.stdout.write(describe(image));
  process.stderr.write(
    `${count(found.images.length, 'image')} in ${count(found.releases.length, 'release')}, ${count(found.renders, 'render')}; every rewrite proven\n`,
  );
}

function describe(image: DiscoveredImage): string {
  const places = image.places.map((place) => `    ${describePlace(place)}\n`);
  return `${image.reference}  (${howControlled(image)})\n${places.join('')}`;
}

function howControlled({ class: found, valuesPaths }: DiscoveredImage): string {
  return valuesPaths.length > 0 ? `values: ${valuesPaths.join(', ')}` : found;
}

/** `shop: Deployment/shop-web spec.template.spec.containers[0].image`, with the hook and the scan profile if any. */
function describePlace({ release, profile, kind, name, path, hook }: Place): string {
  const notes = [hook === undefined ? '' : `hook ${hook}`, profile === undefined ? '' : `scan profile ${profile}`];
  const note = notes.filter((text) => text !== '').join(', ');
  return `${release}: ${kind}/${name} ${path}${note === '' ? '' : ` (${note})`}`;
}
