import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { FoundClass } from '../bundle-spec/found-image.ts';
import type { Place } from '../bundle-spec/lock.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { BaseRender } from './base-render.ts';
import type { ParsedDocuments } from './manifest-stream.ts';
import type { RewritePath } from './overrides.ts';
import type { HeldRegistries } from './references/foreign-registries.ts';

/** An image that a release needs, in canonical form, and how it was found. */
export interface FoundReference {
  /** `docker.io/library/redis:7.0.5`, with `@sha256:…` where the chart pins it. */
  readonly reference: string;
  /**
   * `used`: it renders as deployed, and a values path controls at least one of its places. `hard-coded`: it renders as deployed, and no value
   * controls it. `gated`: it renders when one of `gates` is open. `declared`: it stands in the values and no render shows it in use.
   */
  readonly class: FoundClass;
  /** What to set so that it renders, one entry a way, as `formatGate` writes it; empty unless `gated`. */
  readonly gates: readonly string[];
  /** Values paths that control it, in helm's `--set` syntax. */
  readonly valuesPaths: readonly string[];
  readonly places: readonly Place[];
}

/** A reference that is not, or not for certain, served by the target after the rewrite. */
export interface Leftover {
  readonly place: Place;
  readonly template: string;
  /** As written in the object; empty where the place is gone. */
  readonly reference: string;
  /**
   * `hard-coded`: no values path controls it. `not-local`: it stayed foreign. `unexpected`: it points below the target, but not to where the
   * image will be. `missing`: the object or the place is no longer rendered. `untagged`: a program will pull it by a tag of its own.
   */
  readonly reason: 'hard-coded' | 'not-local' | 'unexpected' | 'missing' | 'untagged';
  /** What to add to the spec if the image need not be rewritten. */
  readonly specLine: string;
}

/** What one release with one set of values needs, for all Kubernetes minors asked for. */
export interface Discovery {
  readonly references: readonly FoundReference[];
  /**
   * Class `declared`: what shows in nothing but a dump of all values, and whose values path nothing that renders names. It is rewritten like
   * any other, but nothing pulls it; `openGates` tells which of them a switch brings into use.
   */
  readonly dumped: readonly FoundReference[];
  /** Proven changes of the values, the same for every target. */
  readonly rewrite: readonly RewritePath[];
  /** Places that no values path controls; `rewriteRelease` finds these and any others again. */
  readonly leftovers: readonly Leftover[];
  /** Values paths proven to hold a registry, or an account there, that stands in the render alone. */
  readonly registries: HeldRegistries;
  readonly kinds: readonly RenderedKind[];
  /** How many times helm rendered. */
  readonly renders: number;
  /** The values that the templates see. */
  readonly values: Values;
  /** The unprobed renders, with every place that has to become local. */
  readonly bases: readonly BaseRender[];
  /** Documents parsed on the way, so that the proof parses only what the rewrite changed. */
  readonly documents: ParsedDocuments;
}
