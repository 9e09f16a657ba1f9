import { open } from 'node:fs/promises';
import type { LogTail, Report } from './report.ts';
import { verdictLine } from './report.ts';

/**
 * Bytes a message may have. The kubelet reads 4,096 a container and keeps the tail of a longer file; the API shares 12,288 among
 * the pod's containers and keeps the head of each. Below both limits nothing is cut but by us.
 */
export const messageLimit = 4_000;

interface Section {
  readonly text: string;
  /** Smaller is more important: sections are given their bytes in this order. */
  readonly rank: number;
  /** Lines are dropped from here when the bytes do not suffice. */
  readonly cut: 'head' | 'tail';
  /** The part of the whole limit that this section may take at most, so that a long one leaves room for the others. */
  readonly share: number;
}

/**
 * The report as the pod's termination message: verdict first, then why, where, log, fix, helm, state, next, at most `limit` bytes
 * of UTF-8 (default 4,000). What does not fit is cut from the least important: helm's words, then the heads of logs, then objects.
 */
export function formatTerminationMessage(report: Report, limit: number = messageLimit): string {
  const sections = sectionsOf(report);
  const budgets = new Map<Section, string>();
  let left = limit;
  for (const section of [...sections].sort((a, b) => a.rank - b.rank)) {
    const text = fitLines(section, Math.min(left, Math.floor(limit * section.share)));
    if (text === '') continue;
    budgets.set(section, text);
    left -= Buffer.byteLength(text) + 1;
  }
  return sections.flatMap((section) => budgets.get(section) ?? []).join('\n');
}

/**
 * Rewrites the file in place: it is a bind mount, so a rename over it would only be seen in this container. A reader never finds
 * it empty, since the new text is written before the rest of the old one is cut off.
 */
export async function writeTerminationMessage(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.from(text);
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}

function sectionsOf(report: Report): readonly Section[] {
  const listed = (label: string, lines: readonly string[], rank: number, share: number): readonly Section[] =>
    lines.length === 0 ? [] : [{ text: labelled(label, lines), rank, cut: 'tail', share }];
  return [
    { text: verdictLine(report), rank: 0, cut: 'tail', share: 0.25 },
    ...listed('why', report.why, 1, 0.5),
    ...listed('where', report.where, 5, 0.2),
    ...report.logs.map((log, index): Section => ({ text: logText(log), rank: 6 + index, cut: 'head', share: 0.6 })),
    ...listed('fix', report.fix, 2, 0.3),
    ...listed('helm', report.helm, 100, 0.2),
    ...listed('state', report.state, 3, 0.2),
    ...listed('next', report.next, 4, 0.15),
  ];
}

function labelled(label: string, lines: readonly string[]): string {
  return lines
    .flatMap((line) => line.split('\n'))
    .reduce((text, line) => (text === '' ? `${label}: ${line}` : `${text}\n  ${line}`), '');
}

function logText({ pod, container, lines }: LogTail): string {
  const title = `log ${pod}/${container}:`;
  return lines.length === 0 ? `${title} no output` : [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** The section in at most `limit` bytes: whole lines as far as they go, the first line (a label or verdict) cut within if it must. */
function fitLines({ text, cut }: Section, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const [first = '', ...rest] = text.split('\n');
  if (Buffer.byteLength(first) > limit) return cutBytes(first, limit);
  const ordered = cut === 'tail' ? rest : rest.reverse();
  const kept: string[] = [];
  let left = limit - Buffer.byteLength(first) - Buffer.byteLength('\n  …');
  for (const line of ordered) {
    left -= Buffer.byteLength(line) + 1;
    if (left < 0) break;
    kept.push(line);
  }
  if (limit - Buffer.byteLength(first) < Buffer.byteLength('\n  …')) return first;
  return (cut === 'tail' ? [first, ...kept, '  …'] : [first, '  …', ...kept.reverse()]).join('\n');
}

/** The head of a text in at most `limit` bytes, never ending inside a character, with `…` where something is missing. */
export function cutBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  const ellipsis = Buffer.byteLength('…');
  if (limit < ellipsis) return '';
  let end = limit - ellipsis;
  // 10xxxxxx continues a character: step back to where one begins.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…`;
}
