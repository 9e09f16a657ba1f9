import type { Finding } from '../../bundle-spec/finding.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { labelledTexts } from './foreign-registries.ts';
import { wordsOf } from './image-labels.ts';
import { pinOf } from './reference-text.ts';

/**
 * FOREIGN_TEXT, as a warning, for every name of an image without tag that a key, flag or variable still holds after a rewrite, where the
 * release uses that image: `RELATED_IMAGE_DB_NAME: db`, to which a program adds a version. `known` are references as the chart writes them.
 */
export function findForeignNames(objects: readonly RenderedObject[], known: readonly string[]): Finding[] {
  const names = new Set(known.map((text) => text.slice(0, text.length - pinOf(text).length)));
  return objects.flatMap(({ kind, name, template, value }) =>
    kind === 'CustomResourceDefinition'
      ? []
      : [...labelledTexts(value)].flatMap(({ text, label }) =>
          saysImageName(label) && names.has(text) ? [foreignName(text, label, `${kind}/${name}`, template)] : [],
        ),
  );
}

/** `mariadbImageName`, `RELATED_IMAGE_DB_NAME`. */
function saysImageName(label: string): boolean {
  const words = wordsOf(label);
  return words.at(-1) === 'name' && words.includes('image');
}

function foreignName(text: string, label: string, where: string, template: string): Finding {
  return {
    severity: 'warning',
    code: 'FOREIGN_TEXT',
    message: `${text} still stands in ${where} (${template}) after the rewrite, as ${label}: a program may add a tag to it and pull it`,
    where: `${where} ${label}`,
    fix: `set the value that holds it to the name at the site's registry, and add what is pulled to images.extra; if nothing is, add ${text} to images.ignore`,
  };
}
