import type { Helm } from '../../helm/helm.ts';
import { type RenderedObject, readManifests } from '../../helm/manifest-stream.ts';
import { type HelmRelease, type RenderOptions, renderManifests } from '../../helm/render.ts';

/** The objects of a release as an install would create them. Throws as `renderManifests` does, and RENDER_UNREADABLE. */
export async function renderObjects(helm: Helm, release: HelmRelease, options: RenderOptions): Promise<RenderedObject[]> {
  return readManifests(await renderManifests(helm, release, options));
}
