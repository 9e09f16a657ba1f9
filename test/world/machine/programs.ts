/** The Go programs of the world, each at a version that was tried with the others. */

import type { GoProgram } from '../../../build/go-program.ts';
import { helm4 } from '../../../build/helm.ts';

/** A plain `go install` of helm 3 believes in Kubernetes 1.20: its Makefile sets what it renders for. */
export const helm3: GoProgram = {
  name: 'helm3',
  module: 'helm.sh/helm/v3',
  version: 'v3.21.4',
  sum: 'h1:T/GcIEXU/gNjJnkITlIZ3e9xqkZjhFTmISuStTZ6+Qg=',
  packages: ['cmd/helm'],
  ldflags: [
    '-X helm.sh/helm/v3/internal/version.version=v3.21.4',
    '-X helm.sh/helm/v3/internal/version.metadata=',
    '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1',
    '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36',
    '-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1',
    '-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36',
  ],
};

export const registry: GoProgram = {
  name: 'registry',
  module: 'github.com/distribution/distribution/v3',
  version: 'v3.1.2',
  sum: 'h1:/Bv2YIqqSR00HiO49FT93hovy6r9IlrzwUDsJjCN5qg=',
  packages: ['cmd/registry'],
};

export const crane: GoProgram = {
  name: 'crane',
  module: 'github.com/google/go-containerregistry',
  version: 'v0.22.1',
  sum: 'h1:RZuuSYhTvlDvtsK+NkutoCZ//C0X2ebLK8X8l3ULs84=',
  packages: ['cmd/crane'],
};

export const regctl: GoProgram = {
  name: 'regctl',
  module: 'github.com/regclient/regclient',
  version: 'v0.11.7',
  sum: 'h1:Jsjlnd0ZQ2Blh0vaJtxJ0pU549VajvZ6BTL/4R7noMo=',
  packages: ['cmd/regctl'],
};

/** podinfo 6.9.2 and the `podcli` that its probes run. */
export const podinfo: GoProgram = {
  name: 'podinfo',
  module: 'github.com/stefanprodan/podinfo',
  version: 'v1.8.1-0.20250910200901-e86405a8674e',
  sum: 'h1:ikpMMm5HbQT/1DehrPM+Lpwk3WAw/1Hg540eR+jsXus=',
  packages: ['cmd/podinfo', 'cmd/podcli'],
};

/** The module has every KMS and every way of keyless signing in it: some minutes of compiling, once. */
export const cosign: GoProgram = {
  name: 'cosign',
  module: 'github.com/sigstore/cosign/v3',
  version: 'v3.1.3',
  sum: 'h1:001JQRI/PJ/5T+g/kJ1KTvKFbb322+fomc+pHDZ/6sg=',
  packages: ['cmd/cosign'],
};

export const programs: readonly GoProgram[] = [helm4, helm3, registry, crane, podinfo, cosign];
