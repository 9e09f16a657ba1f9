/**
 * Emits `dist/`: the published package and the image run it, because Node strips no types under `node_modules`.
 * Usage: `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
rmSync(join(root, 'dist'), { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['--project', join(root, 'build/tsconfig.json')], { stdio: 'inherit' });
chmodSync(join(root, 'dist/src/main.js'), 0o755);
