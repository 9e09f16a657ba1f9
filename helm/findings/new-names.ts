import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import type { RenderSession } from '../render-session.ts';
import { nameOf } from './words.ts';

/**
 * NAME_CHANGES: objects that have another name in each render, so that every upgrade makes new ones and deletes the old. A name may also differ
 * in a probe because it holds what was probed; one more render tells, where there is such a name. Throws RENDER_FAILED.
 */
export async function findNewNames(session: RenderSession, bases: readonly BaseRender[]): Promise<Finding[]> {
  const base = bases.find(({ newNames }) => newNames.size > 0);
  if (base === undefined) return [];
  const again = new Set(session.read(await session.print(base.kubernetes)).map(nameOf));
  const found = new Map<string, Finding>();
  for (const [object, name] of base.newNames) {
    if (again.has(nameOf(object))) continue;
    const where = `${object.kind}/${name}`;
    found.set(where, {
      // A hook is created anew in any case.
      severity: object.hook === undefined ? 'warning' : 'info',
      code: 'NAME_CHANGES',
      message: `${where} has another name in each render: an upgrade deletes it and creates another`,
      where: `${where} (${object.template})`,
      ...(object.hook === undefined ? { fix: 'set the value that names it, where the chart has one' } : {}),
    });
  }
  return [...found.values()];
}
