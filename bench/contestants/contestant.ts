import { imageHost } from '../image-set.ts';
import type { Stage } from '../measure.ts';
import type { SeededImage, SeededSet } from '../seed-registry.ts';

/** A tool that carries the set: from the source registry into files, and from these files alone into an empty registry. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** Variables it needs beside HOME, TMPDIR and their like. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the images themselves are in the target after the push, and not their blobs only. */
  readonly pushesImages: boolean;
  /** Where in the target an image is after the push. */
  repositoryOf(image: SeededImage): string;
  /** Writes what the tool is told by and says what to run. Nothing of this is measured. */
  build(set: SeededSet, folder: string): Promise<Stage>;
  push(set: SeededSet, folder: string, targetHost: string): Promise<Stage>;
}

/** Path below the target registry that every contestant pushes to. */
export const targetPrefix = 'mirror';

/** Where most contestants put an image: below the prefix, under its own host and path. */
export function mirrored({ repository }: SeededImage): string {
  return `${targetPrefix}/${imageHost}/${repository}`;
}
