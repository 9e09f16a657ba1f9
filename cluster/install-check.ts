import type { SignaturePlace } from '../bundle-spec/bundle-json.ts';
import { kindOf } from '../images/signature/signature-place.ts';
import type { InstallableBundle } from './install-manifests.ts';

/** What is read, imported or applied before a program of ours has proven anything; bundle.json has the checksum of each. */
const checkedFiles = 'oci-layout index.json manifest.json install';

/** Section of README.md: how to see with everyone's tools that the file is whole, and whose it is, before anything of it is used. */
export function installCheck({ signature }: Pick<InstallableBundle, 'signature'>): string {
  const signed = signature === undefined ? '' : ` ${signature.name}`;
  const again = `
With the public key under \`signedBy\` in the site, the Job proves the signature once more before it uses anything.
`;
  return `## Before anything else: is it whole, and whose is it?

    tar xf shop.tar bundle.json bundle.json.sha256${signed} ${checkedFiles}
${signature === undefined ? notSigned : proofOf(signature)}
Then that \`bundle.json\`, and the files it names, are what was written:

    sha256sum --check bundle.json.sha256
    grep -o '"digest":"sha256:[0-9a-f]*","name":"[^"]*"' bundle.json |
      sed 's/.*sha256:\\([0-9a-f]*\\)","name":"\\(.*\\)"/\\1  \\2/' | sha256sum --check

Each blob is named by its own sha256: the Job, \`diolkos verify\` and every importer compare it.
${signature === undefined ? '' : again}`;
}

const notSigned = `
This bundle is not signed: its checksums show damage, and not who made it.
`;

/** Real programs are run with these commands in test/world/signature.test.ts. */
function proofOf(place: SignaturePlace): string {
  const wanted = `
\`bundle.json\` names every byte of the bundle, and \`${place.name}\` is its signature. Take the public key from whoever made
the bundle, by another way than the one the bundle came,`;
  if (kindOf(place) === 'minisign') {
    return `${wanted} and put it where PUBLIC_KEY stands (it begins with RW):

    minisign -V -m bundle.json -x ${place.name} -P PUBLIC_KEY
`;
  }
  return `${wanted} as the file \`cosign.pub\`; no network is asked:

    cosign verify-blob --key cosign.pub --bundle ${place.name} --insecure-ignore-tlog bundle.json
`;
}
