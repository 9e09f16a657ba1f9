import { createHash } from 'node:crypto';

/** Identity of a bundle: what names and labels are made of. */
export interface BundleName {
  readonly name: string;
  readonly version: string;
}

/** Names of what one bundle has in the Job's namespace and, for rights, elsewhere. */
export const siteConfigMapName = (bundle: BundleName): string => `diolkos-site-${bundle.name}`;
export const reportConfigMapName = (bundle: BundleName): string => `diolkos-report-${bundle.name}`;
export const recordConfigMapName = (bundle: BundleName): string => `diolkos-record-${bundle.name}`;
export const accountName = (bundle: BundleName): string => `diolkos-${bundle.name}`;
export const volumeName = (bundle: BundleName): string => `diolkos-${bundle.name}`;
export const leaseName = 'diolkos';

/** File name of the tar that the manifests in `install/` expect in the volume. */
export const bundleFileName = (bundle: BundleName): string => `${bundle.name}-${bundle.version}.tar`;

/** `diolkos-shop-1-4-0`: at most 63 characters, so that it also fits into the label that Kubernetes puts on the Job's pods. */
export function jobName(bundle: BundleName): string {
  const plain = `diolkos-${bundle.name}-${bundle.version}`;
  const name = plain
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/-+$/, '');
  const told = plain.replaceAll('.', '-');
  if (name === told && name.length <= 63) return name;
  // Something else than a dot was changed, or the end is cut: a hash keeps two versions apart.
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 8);
  return `${name.slice(0, 54).replace(/-+$/, '')}-${hash}`;
}

/** Labels on every object of ours. A version may hold characters that a label may not. */
export function bundleLabels(bundle: BundleName): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'diolkos',
    'app.kubernetes.io/managed-by': 'diolkos',
    'diolkos.dev/bundle': bundle.name,
    'diolkos.dev/version': labelValue(bundle.version),
  };
}

/** The text as a label value: `+` and other foreign characters become `_`. */
export function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
