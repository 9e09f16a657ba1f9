/** Registries by their names: those many charts use, those whose name says registry, and anything with a port. */
const registryHost = new RegExp(
  [
    '^(?:(?:index|registry-1|mirror)\\.)?docker\\.io$',
    '^(?:[\\w-]+\\.)*(?:quay|gcr|ghcr|lscr|nvcr|icr|azurecr|jfrog|zotregistry)\\.io$',
    '^(?:[\\w-]+\\.)*(?:pkg\\.dev|ecr\\.aws|l5d\\.io|ocir\\.io|azurecr\\.cn|redhat\\.io|mcr\\.microsoft\\.com|docker\\.elastic\\.co)$',
    '\\.dkr\\.ecr[\\w.-]*\\.amazonaws\\.com(?:\\.cn)?$',
    '^(?:[\\w-]*registry[\\w-]*|cr|docker|harbor|xpkg)\\.[\\w.-]+$',
    '\\.(?:registry|cr|harbor)\\.[\\w.-]+$',
  ].join('|'),
  'i',
);

/** Hosts of code, charts and pages, whose paths look like references. */
const otherHost =
  /^(?:www|git|charts?|helm|docs?|raw|api|blog)\.|(?:^|\.)(?:github\.com|gitlab\.com|bitbucket\.org|githubusercontent\.com|golang\.org|github\.io)$/i;

/** True for hosts that serve images, by their name: `quay.io`, `registry.example.com:5000`. */
export function isRegistryHost(host: string): boolean {
  return !isOtherHost(host) && registryHost.test(host.replace(/:\d+$/, ''));
}

/** True for hosts that serve no images: `github.com`, `charts.example.com`. */
export function isOtherHost(host: string): boolean {
  return otherHost.test(host) && !/^registry\./i.test(host);
}

/** An account at a registry whose images all have one more name, also below a mirror: `quay.io/mongodb`. */
export function isAccount(text: string): boolean {
  return text.length < 256 && /(?:^|\/)(?:quay|ghcr)\.io\/[\w.-]+\/?$/.test(text);
}

/** A registry by its name, and no more. */
export function isHostAlone(text: string): boolean {
  return text.length < 256 && /^[\w-]+(?:\.[\w-]+)+(?::\d+)?$/.test(text) && isRegistryHost(text);
}
