import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { installOrder } from '../../job/install-order.ts';
import { runSteps } from '../../job/main.ts';
import { Reporter } from '../../job/reporter.ts';
import type { Run } from '../../job/run.ts';
import { type Step, steps } from '../../job/steps.ts';

test('nothing is pushed before everything is proven and checked, nothing installed before it is pushed', () => {
  assert.deepEqual(
    steps.map(({ name }) => name),
    ['verify', 'rewrite', 'preflight', 'push', 'install', 'record'],
  );
});

async function newRun(
  t: TestContext,
): Promise<{ readonly run: Run; readonly events: Record<string, unknown>[]; message(): Promise<string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const messageFile = join(folder, 'termination-log');
  await writeFile(messageFile, '');
  const events: Record<string, unknown>[] = [];
  const reporter = new Reporter({ messageFile, writeLine: (line) => events.push(JSON.parse(line)) });
  reporter.bundle = { name: 'shop', version: '1.4.0' };
  const options = {
    bundleFile: '',
    siteFile: '',
    volumes: [],
    timeoutSeconds: 1,
    deadlineSeconds: undefined,
    tagConflict: 'error' as const,
    messageFile,
    holder: 'p',
    namespace: 'd',
  };
  return { run: { options, reporter, folder, signal: t.signal }, events, message: () => readFile(messageFile, 'utf8') };
}

const words = { state: ['nothing was changed'], next: ['run the Job again'] };
const step = (name: string, run: Step['run'] = async () => {}): Step => ({ name, words, run });

test('while a step works, the message says that the pod died in it', async (t) => {
  const { run, message } = await newRun(t);
  let during = '';
  await runSteps(run, [
    step('verify'),
    step('push', async () => {
      during = await message();
    }),
  ]);
  assert.match(during, /^DIED shop 1\.4\.0 phase=push: /);
  assert.match(during, /^state: nothing was changed$/m);
});

test('how far a step is goes into the message of a killed pod', async (t) => {
  const { run, message } = await newRun(t);
  let during = '';
  const working = step('push', async ({ reporter }) => {
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    reporter.progress({ ...words, state: ['5 of 9 bytes sent'] });
    await new Promise((resolve) => setTimeout(resolve, 100));
    during = await message();
  });
  await runSteps(run, [working]);
  assert.match(during, /^state: 5 of 9 bytes sent$/m);
});

test('success is OK and exit code 0', async (t) => {
  const { run, message, events } = await newRun(t);
  run.installed = [{ name: 'web', namespace: 'shop', revision: 1 }];
  assert.equal(await runSteps(run, [step('verify')]), 0);
  assert.match(await message(), /^OK shop 1\.4\.0: 1 release deployed, 0 images \(0 pushed, 0 present\) in 0s\n/);
  assert.equal(events.at(-1)?.event, 'done');
});

const failures = [
  {
    error: new BundleError('REGISTRY_DENIED', 'it said no', { hint: 'ask it' }),
    exit: 1,
    first: 'FAILED shop 1.4.0 phase=push after 0s: it said no [REGISTRY_DENIED]',
  },
  {
    error: new BundleError('INTERRUPTED', 'told to stop'),
    exit: 130,
    first: 'FAILED shop 1.4.0 phase=push after 0s: told to stop [INTERRUPTED]',
  },
  {
    error: new TypeError('x is undefined'),
    exit: 70,
    first: 'FAILED shop 1.4.0 phase=push after 0s: a bug in diolkos: TypeError: x is undefined',
  },
];
for (const { error, exit, first } of failures) {
  test(`"${error.message}" ends the steps with exit code ${exit}`, async (t) => {
    const { run, message } = await newRun(t);
    let later = false;
    const failing = step('push', () => Promise.reject(error));
    const after = step('install', async () => {
      later = true;
    });
    assert.equal(await runSteps(run, [failing, after]), exit);
    assert.equal((await message()).split('\n')[0], first);
    assert.equal(later, false);
  });
}

test('texts of Secrets are told nowhere', async (t) => {
  const { run, message, events } = await newRun(t);
  const failing = step('install', async ({ reporter }) => {
    reporter.keepSecret(['password: "s3cr3t\\"word"\n']);
    reporter.event('helm', { line: 'login with s3cr3t"word' });
    throw new BundleError('INSTALL_FAILED', 'helm said s3cr3t"word');
  });
  await runSteps(run, [failing]);
  assert.doesNotMatch((await message()) + JSON.stringify(events), /s3cr3t/);
  assert.match(await message(), /helm said \*\*\*/);
});

test('releases come after those they depend on, otherwise as given', () => {
  const release = (name: string, ...dependsOn: string[]) => ({ name, dependsOn });
  const ordered = installOrder([release('web', 'api', 'db'), release('api', 'db'), release('docs'), release('db')]);
  assert.deepEqual(
    ordered.map(({ name }) => name),
    ['db', 'api', 'web', 'docs'],
  );
});
