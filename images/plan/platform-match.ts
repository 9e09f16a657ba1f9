import type { Platform } from '../../bundle-spec/names.ts';
import type { Descriptor } from '../descriptor.ts';

/** `os/architecture[/variant]` in the shortest form that containerd gives it: `linux/arm64/v8` is `linux/arm64`. */
export function formatPlatform(platform: NonNullable<Descriptor['platform']>): Platform {
  return normal(`${platform.os}/${platform.architecture}${platform.variant ? `/${platform.variant}` : ''}`);
}

/**
 * The platforms whose images run on `wanted`, best first, as containerd chooses: `linux/arm/v7` also runs v6 and v5, and
 * `linux/amd64/v3` also v2 and plain amd64.
 */
export function runnablePlatforms(wanted: Platform): readonly Platform[] {
  const [, base = '', family = '', version = ''] = /^(\w+\/(arm|amd64))(?:\/v(\d))?$/.exec(normal(wanted)) ?? [];
  if (family === 'arm') return below(Number(version || 7), 5).map((level) => normal(`${base}/v${level}`));
  if (family === 'amd64' && version !== '') return below(Number(version), 1).map((level) => normal(`${base}/v${level}`));
  return [normal(wanted)];
}

// Variants that are the default of their architecture (containerd, platforms/database.go).
function normal(platform: Platform): Platform {
  return platform
    .replace(/^(\w+)\/(?:arm64\/v8|arm64)$/, '$1/arm64')
    .replace(/^(\w+)\/amd64\/v1$/, '$1/amd64')
    .replace(/^(\w+)\/arm$/, '$1/arm/v7');
}

function below(from: number, to: number): number[] {
  return Array.from({ length: Math.max(1, from - to + 1) }, (_, step) => from - step);
}
