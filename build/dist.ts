/**
 * Emits `dist/`: the published package and the image run it. Usage: `npm run build`.
 */
import { join } from 'node:path';
import { bundleProgram } from './bundle-program.ts';

await bundleProgram(join(import.meta.dirname, '../dist'));
