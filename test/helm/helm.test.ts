import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findHelm, openHelm } from '../../helm/helm.ts';
import { anyHelm } from './helms.ts';
import { tempFolder } from './packed-chart.ts';

/** A program that does what `script` says and is called helm. */
async function programOf(t: TestContext, script: string): Promise<string> {
  const path = join(await tempFolder(t), 'helm');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const versions: readonly { readonly prints: string; readonly major: number | undefined }[] = [
  { prints: 'v4.2.3', major: 4 },
  { prints: 'v4.3', major: 4 },
  { prints: 'v3.21.0', major: 3 },
  { prints: 'v3.20.2', major: undefined },
  { prints: 'v4.1.4', major: undefined },
  { prints: 'v5.0.0', major: undefined },
  { prints: 'v2.17.0', major: undefined },
  { prints: '', major: undefined },
];
for (const { prints, major } of versions) {
  test(`a helm that calls itself "${prints}" is ${major === undefined ? 'refused' : 'taken'}`, async (t) => {
    const opened = openHelm(await programOf(t, `echo ${prints}`), { signal: t.signal });
    if (major === undefined) await assert.rejects(opened, { code: 'HELM_MISSING', hint: /4\.2 or newer/ });
    else assert.equal((await opened).major, major);
  });
}

test('DIOLKOS_HELM goes before the PATH, empty counts as unset, and without either the error says what to install', async (t) => {
  const { PATH, DIOLKOS_HELM } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
    if (DIOLKOS_HELM === undefined) delete process.env.DIOLKOS_HELM;
    else process.env.DIOLKOS_HELM = DIOLKOS_HELM;
  });
  const [named, onPath] = [await anyHelm(), await programOf(t, 'echo v3.21.1')];
  process.env.PATH = `${join(onPath, '..')}:${PATH}`;
  for (const unset of [() => delete process.env.DIOLKOS_HELM, () => (process.env.DIOLKOS_HELM = '')]) {
    unset();
    assert.equal((await findHelm({ signal: t.signal })).path, onPath);
  }
  process.env.DIOLKOS_HELM = named;
  assert.equal((await findHelm({ signal: t.signal })).path, named);
  process.env.DIOLKOS_HELM = '/no/such/helm';
  await assert.rejects(findHelm({ signal: t.signal }), { code: 'HELM_MISSING', message: /cannot be started/ });
  delete process.env.DIOLKOS_HELM;
  process.env.PATH = await tempFolder(t);
  await assert.rejects(findHelm({ signal: t.signal }), { code: 'HELM_MISSING', hint: /DIOLKOS_HELM/ });
});

test('a run gives exit code, both streams and every line, and passes stdin and variables on', async (t) => {
  const path = await programOf(
    t,
    'case $1 in version) echo v4.2.0;; *) read line; echo "got $line $KUBECONFIG"; echo oops >&2; exit 3;; esac',
  );
  const helm = await openHelm(path, { signal: t.signal });
  const lines: string[] = [];
  const onLine = (line: string, stream: string): number => lines.push(`${stream}: ${line}`);
  const result = await helm.run(['x'], { signal: t.signal, input: 'this\n', env: { KUBECONFIG: 'mine' }, onLine });
  assert.deepEqual(result, { exitCode: 3, stdout: 'got this mine\n', stderr: 'oops\n' });
  assert.deepEqual(lines.sort(), ['stderr: oops', 'stdout: got this mine']);
});

test('a helm that a signal ends has 128 and its number as exit code', async (t) => {
  const helm = await openHelm(await programOf(t, 'case $1 in version) echo v4.2.0;; *) kill -9 $$;; esac'), { signal: t.signal });
  assert.equal((await helm.run(['x'], { signal: t.signal })).exitCode, 137);
});
