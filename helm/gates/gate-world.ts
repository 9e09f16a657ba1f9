import type { Values } from '../../bundle-spec/values-layer.ts';
import { satisfiesRange } from '../charts/version-range.ts';
import { getAt } from '../values-path.ts';
import type { Condition } from './gate-condition.ts';
import { passes } from './value-test.ts';

/** What a chart is rendered with, and which conditions hold then. */
export class GateWorld {
  readonly values: Values;
  readonly apiVersions: ReadonlySet<string>;
  /** `1.36`. */
  readonly kubernetes: string;
  readonly #known = new Map<Condition, boolean | undefined>();

  constructor(values: Values, apiVersions: ReadonlySet<string> = new Set(), kubernetes = '1.36') {
    this.values = values;
    this.apiVersions = apiVersions;
    this.kubernetes = kubernetes;
  }

  /** Whether the condition holds; `undefined` where that cannot be told. */
  holds(condition: Condition): boolean | undefined {
    if (this.#known.has(condition)) return this.#known.get(condition);
    const answer = this.#ask(condition);
    this.#known.set(condition, answer);
    return answer;
  }

  #ask(condition: Condition): boolean | undefined {
    switch (condition.kind) {
      case 'always':
        return true;
      case 'never':
        return false;
      case 'unknown':
        return undefined;
      case 'not':
        return negated(this.holds(condition.of));
      case 'and':
        return this.#every(condition.all, true);
      case 'or':
        return negated(this.#every(condition.all, false));
      case 'value':
        return passes(condition.test, getAt(this.values, condition.path));
      case 'api':
        return this.apiVersions.has(condition.version) || builtIn.test(condition.version);
      case 'kubernetes':
        return satisfiesRange(`${this.kubernetes}.0`, condition.range);
      default:
        return condition satisfies never;
    }
  }

  /** Kleene's conjunction of all, each negated first when `wanted` is false. */
  #every(all: readonly Condition[], wanted: boolean): boolean | undefined {
    let answer: boolean | undefined = true;
    for (const condition of all) {
      const holds = this.holds(condition);
      if (holds === undefined) answer = undefined;
      else if (holds !== wanted) return false;
    }
    return answer;
  }
}

function negated(answer: boolean | undefined): boolean | undefined {
  return answer === undefined ? undefined : !answer;
}

/** API versions that every supported Kubernetes serves. */
const builtIn =
  /^(?:v1|apps\/v1|batch\/v1|autoscaling\/v[12]|policy\/v1|(?:networking|rbac\.authorization|storage|scheduling|node|certificates|coordination|discovery|events|admissionregistration)\.k8s\.io\/v1|api(?:extensions|registration)\.k8s\.io\/v1)(?:\/\w+)?$/;
