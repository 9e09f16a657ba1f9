import type { TextEdit } from '../post-render/edit-source.ts';
import type { SourceMap, SourceMember } from '../post-render/yaml-source.ts';

/** The edit that puts a Secret into `imagePullSecrets` of the pod spec `spec` of `text`, in front of those that are there. */
export function pullSecretEdit(text: string, spec: SourceMap, name: string): TextEdit {
  const member = spec.members.get('imagePullSecrets');
  return member === undefined ? newMember(text, spec, name) : intoMember(text, member, name);
}

function newMember(text: string, { start, flow, members }: SourceMap, name: string): TextEdit {
  if (flow) return insert(start + 1, `"imagePullSecrets": [{"name": ${JSON.stringify(name)}}]${members.size === 0 ? '' : ', '}`);
  const margin = marginAt(text, start);
  return insert(start, `imagePullSecrets:\n${margin}- name: ${JSON.stringify(name)}\n${margin}`);
}

function intoMember(text: string, { node, keyEnd }: SourceMember, name: string): TextEdit {
  const item = `{"name": ${JSON.stringify(name)}}`;
  if (node.kind === 'list' && !node.flow) {
    return insert(node.start, `- name: ${JSON.stringify(name)}\n${marginAt(text, node.start)}`);
  }
  if (node.kind === 'list') return insert(node.start + 1, `${item}${node.items.length === 0 ? '' : ', '}`);
  if (node.kind === 'scalar' && node.start !== -1) return { start: node.start, end: node.end, text: `[${item}]` };
  return insert(text.indexOf(':', keyEnd) + 1, ` [${item}]`);
}

function insert(at: number, text: string): TextEdit {
  return { start: at, end: at, text };
}

/** Spaces up to the column of `at`. */
function marginAt(text: string, at: number): string {
  return ' '.repeat(at - text.lastIndexOf('\n', at - 1) - 1);
}
