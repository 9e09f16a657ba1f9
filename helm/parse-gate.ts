import type { Gate } from './gate.ts';
import { parseSettings } from './parse-settings.ts';

/** A gate as `formatGate` wrote it. `undefined` for other text, such as `profile nightly`. */
export function parseGate(text: string): Omit<Gate, 'where'> | undefined {
  const flags = /(?:(?:^| )--(?:api-versions|kube-version)=\S+)*$/.exec(text)?.[0] ?? '';
  const settingsText = text.slice(0, text.length - flags.length);
  const settings = settingsText === '' ? [] : parseSettings(settingsText);
  if (settings === undefined || text === '') return undefined;
  const apiVersions = [...flags.matchAll(/--api-versions=(\S+)/g)].flatMap(([, version]) => version ?? []);
  const kubernetes = /--kube-version=(\S+)/.exec(flags)?.[1];
  return {
    settings,
    ...(apiVersions.length === 0 ? {} : { apiVersions }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
  };
}
