import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lexTemplate, TemplateSyntaxError } from '../../helm/templates/template-lexer.ts';
import { type Nodes, parseTemplate } from '../../helm/templates/template-syntax.ts';

/** The structure of a template in short: `if[a]else[b]`, texts trimmed, an action as `·`. */
function outline(nodes: Nodes): string {
  return nodes
    .map((node) => {
      if (node.kind === 'plain') return node.text.trim();
      if (node.kind === 'print') return '·';
      if (node.kind === 'template') return `<${node.name}>`;
      if (node.kind === 'leave') return 'leave';
      const otherwise = node.otherwise.length === 0 ? '' : `else[${outline(node.otherwise)}]`;
      return `${node.kind}[${outline(node.body)}]${otherwise}`;
    })
    .join('');
}

const templates = [
  { name: 'a comment with trim markers', source: 'a {{- /* if }} */ -}} b', expected: 'ab' },
  { name: 'an else-if chain', source: '{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}', expected: 'if[1]else[if[2]else[3]]' },
  { name: 'with and its else', source: '{{ with $x := .a }}1{{ else }}2{{ end }}', expected: 'with[1]else[2]' },
  {
    name: 'a loop with key and value that it leaves',
    source: '{{ range $k, $v := .a }}{{ break }}{{ end }}',
    expected: 'range[leave]',
  },
  { name: 'a raw text with braces', source: '{{ `{{ if }}` }}x', expected: '·x' },
  { name: 'a method with an argument', source: '{{ if .Capabilities.APIVersions.Has "a/v1" }}1{{ end }}', expected: 'if[1]' },
  { name: 'fields of a parenthesis', source: '{{ ((include "x" .) | fromYaml).a.b }}', expected: '·' },
  { name: 'numbers and characters', source: "{{ eq -1 .5 0x1f 1_000 'a' }}", expected: '·' },
  { name: 'an action over several lines', source: '{{ printf\n  "%s"\n  .a\n}}', expected: '·' },
  { name: 'a block, defined and called', source: '{{ block "b" . }}1{{ end }}', expected: '<b>' },
  { name: 'a variable that changes', source: '{{ $x := 1 }}{{ $x = 2 }}', expected: '··' },
];

for (const { name, source, expected } of templates) {
  test(`read: ${name}`, () => {
    assert.equal(outline(parseTemplate(source).body), expected);
  });
}

test('templates defined in a file are found by name, and render nothing where they stand', () => {
  const { body, defined } = parseTemplate('{{ define "a" }}1{{ end }}\n{{- define "b" }}2{{ end }}x');
  assert.equal(outline(body), 'x');
  assert.deepEqual(
    [...defined].map(([name, nodes]) => [name, outline(nodes)]),
    [
      ['a', '1'],
      ['b', '2'],
    ],
  );
});

test('a field after a space is an operand of its own', () => {
  const [piece] = lexTemplate('{{ .a.b .c }}');
  assert.equal(piece?.kind, 'action');
  assert.deepEqual(piece?.kind === 'action' && piece.tokens.map(({ text, spaced }) => [text, spaced]), [
    ['a', true],
    ['b', false],
    ['c', true],
  ]);
});

for (const source of ['{{ if .a }}', '{{ end }}', '{{ .a', '{{ ( .a }}', '{{ | }}', '{{ define x }}{{ end }}']) {
  test(`no template: ${source}`, () => {
    assert.throws(() => parseTemplate(source), TemplateSyntaxError);
  });
}
