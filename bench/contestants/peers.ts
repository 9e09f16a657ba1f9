import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../../build/command.ts';
import { goProgram, hostArchitecture } from '../../build/go-program.ts';
import { crane as craneProgram, regctl as regctlProgram } from '../../test/world/machine/programs.ts';
import { skopeoBinary } from '../../test/world/machine/skopeo.ts';
import { authority } from '../distribution.ts';
import type { Contestant } from './contestant.ts';
import { crane } from './crane.ts';
import { imgpkg } from './imgpkg.ts';
import { oras } from './oras.ts';
import { regctl } from './regctl.ts';
import { skopeo } from './skopeo.ts';

/** A tool of others that carries images in files: what it does, once its binary is there. */
export interface Peer extends Pick<Contestant, 'name' | 'build' | 'push' | 'repositoryOf'> {
  /** Says its version, in some line of what it prints. */
  readonly versionArguments: readonly string[];
}

interface Known {
  /** `undefined` when it is not on this machine and cannot be made here. */
  readonly find: (options: { readonly signal: AbortSignal }) => Promise<string | undefined>;
  readonly enter: (binary: string) => Peer;
}

const known: Readonly<Record<string, Known>> = {
  skopeo: { find: skopeoBinary, enter: skopeo },
  crane: { find: async (options) => join(await goProgram(craneProgram, hostArchitecture, options), 'crane'), enter: crane },
  regctl: { find: async (options) => join(await goProgram(regctlProgram, hostArchitecture, options), 'regctl'), enter: regctl },
  oras: { find: () => onPath('oras'), enter: oras },
  imgpkg: { find: () => onPath('imgpkg'), enter: imgpkg },
};

/** What `--peers` takes. */
export const peerNames: readonly string[] = Object.keys(known);

/** The tools of others that take part: those named, which must be there, or all that are. */
export async function peers(
  names: readonly string[] | undefined,
  options: { readonly signal: AbortSignal },
): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const [name, { find, enter }] of Object.entries(known)) {
    if (names !== undefined && !names.includes(name)) continue;
    const binary = await find(options);
    if (binary === undefined && names !== undefined) throw new Error(`${name} is not on the PATH`);
    if (binary !== undefined) contestants.push(await contestant(binary, enter(binary), options));
  }
  return contestants;
}

/** Go's programs take their trusted certificates from this variable. */
const env = { SSL_CERT_FILE: authority };

async function contestant(
  binary: string,
  { versionArguments, ...peer }: Peer,
  options: { readonly signal: AbortSignal },
): Promise<Contestant> {
  const { stdout } = await run([binary, ...versionArguments], options);
  const version = /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] ?? 'of no version';
  return { ...peer, version, env, pushesImages: true };
}

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}
