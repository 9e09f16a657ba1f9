import { after, suite, test } from 'node:test';
import { startMemoryClient } from './memory-client.ts';
import { loginQuirks } from './quirks/login-cases.ts';
import { manifestQuirks } from './quirks/manifest-cases.ts';
import { pullQuirks } from './quirks/pull-cases.ts';
import { pushQuirks } from './quirks/push-cases.ts';
import { transfers } from './quirks/quirk-case.ts';

after(() => transfers.close());

// Most of them wait for one another's pauses: together they take as long as the longest.
for (const [what, cases] of Object.entries({
  pull: pullQuirks,
  push: pushQuirks,
  login: loginQuirks,
  manifests: manifestQuirks,
})) {
  suite(`quirks of a registry at ${what}`, { concurrency: 8 }, () => {
    for (const { name, registry, work } of cases) {
      test(name, { timeout: 30_000 }, async (t) => work(await startMemoryClient(t, await registry(t)), t));
    }
  });
}
