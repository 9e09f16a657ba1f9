import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { signaturePlaces } from '../../images/signature/signature-place.ts';
import { openSigner } from '../../images/signature/signer.ts';
import { Reporter } from '../../job/reporter.ts';
import type { Run } from '../../job/run.ts';
import { verify } from '../../job/steps/verify.ts';
import { memorySources, planShop, tempDir, tinySamples } from '../images/sample-bundle.ts';
import { minisignSample } from '../images/sample-keys.ts';

const site = 'apiVersion: diolkos.dev/v1\nkind: Site\nregistry: { host: registry.internal }\n';

/** A run of the Job before its first step, with a bundle that is signed or has a place for it. */
async function newRun(t: TestContext, { signed, more }: { readonly signed: boolean; readonly more: string }) {
  const folder = await tempDir(t);
  const [bundleFile, siteFile, keyFile] = [join(folder, 'shop.tar'), join(folder, 'site.yaml'), join(folder, 'shop.key')];
  await writeFile(siteFile, `${site}${more}`);
  await writeFile(keyFile, minisignSample.secretKey);
  const { sign } = await openSigner({ minisign: { secretKey: keyFile } }, { folder, signal: t.signal });
  const samples = await tinySamples();
  const layout = planShop(samples, { signature: signaturePlaces.minisign });
  await writeBundle(layout, bundleFile, { sources: memorySources(samples), signal: t.signal, ...(signed && sign && { sign }) });
  const events: Record<string, unknown>[] = [];
  const messageFile = join(folder, 'message');
  const reporter = new Reporter({ messageFile, writeLine: (line) => events.push(JSON.parse(line)) });
  const options = {
    bundleFile,
    siteFile,
    volumes: [],
    timeoutSeconds: 1,
    deadlineSeconds: undefined,
    tagConflict: 'error' as const,
    messageFile,
    holder: 'p',
    namespace: 'd',
  };
  const run: Run = { options, reporter, folder, signal: t.signal };
  t.after(() => run.bundle?.close());
  return { run, events };
}

const ours = `signedBy: [{ inline: ${minisignSample.publicKey} }]\n`;
const theirs = 'signedBy: [{ inline: RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3 }]\n';

for (const { name, signed, more, proven } of [
  { name: 'proves a bundle by the key of the site', signed: true, more: ours, proven: true },
  { name: 'says by whom a bundle claims to be, to a site without keys', signed: true, more: '', proven: false },
]) {
  test(`the Job ${name}`, async (t) => {
    const { run, events } = await newRun(t, { signed, more });
    await verify(run);
    const { kind, keyId, proven: found } = events.find(({ event }) => event === 'signature') ?? {};
    assert.deepEqual({ kind, keyId, found }, { kind: 'minisign', keyId: minisignSample.id, found: proven });
    assert.ok(run.site !== undefined);
  });
}

for (const { name, signed, more, code, says } of [
  { name: 'that is not signed', signed: false, more: ours, code: 'SIGNATURE_INVALID', says: /is not signed yet/ },
  { name: 'that another key has signed', signed: true, more: theirs, code: 'SIGNATURE_INVALID', says: /by none of the keys/ },
  {
    name: 'whose site names a key by file',
    signed: true,
    more: 'signedBy: [{ file: shop.pub }]\n',
    code: 'SITE_INVALID',
    says: /shop\.pub.*not in the Job's pod/,
  },
]) {
  test(`the Job refuses a bundle ${name}, before anything else of it is looked at`, async (t) => {
    const { run, events } = await newRun(t, { signed, more });
    await assert.rejects(verify(run), { code, message: says });
    assert.ok(!events.some(({ event }) => event === 'verified'));
    assert.equal(run.site, undefined);
  });
}
