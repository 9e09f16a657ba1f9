import { join } from 'node:path';
import { type Architecture, type GoProgram, goProgram } from './go-program.ts';

/** The helm that the installer image carries. It reads the Kubernetes version it renders for from its own modules. */
export const helm4: GoProgram = {
  name: 'helm4',
  module: 'helm.sh/helm/v4',
  version: 'v4.2.4',
  sum: 'h1:qIysMI0JpTC4WXf3AQ99V6rZGT0+gO0Ww8IOnnUnaZk=',
  packages: ['cmd/helm'],
  ldflags: ['-X helm.sh/helm/v4/internal/version.version=v4.2.4', '-X helm.sh/helm/v4/internal/version.metadata='],
};

/** The path of helm 4 for an architecture, built from its Go module when the cache lacks it. */
export async function helm4Binary(arch: Architecture, options: { signal?: AbortSignal } = {}): Promise<string> {
  return join(await goProgram(helm4, arch, options), helm4.name);
}
