import type { Figures } from './measure.ts';
import type { Round } from './rounds.ts';

/** Everything a contestant did, one entry a round. */
export interface Score {
  readonly name: string;
  readonly version: string;
  readonly rounds: readonly Round[];
}

export interface Report {
  readonly machine: Readonly<Record<string, string>>;
  readonly images: number;
  readonly blobs: number;
  /** Of the distinct blobs. */
  readonly bytes: number;
  readonly scores: readonly Score[];
}

const stages = ['build', 'push', 'pushAgain'] as const;

/** The report as Markdown tables: every figure of a row is of its quickest round. */
export function formatReport(report: Report): string {
  const set = `${report.images} images, ${report.blobs} blobs, ${(report.bytes / 1e9).toFixed(2)} GB`;
  const facts = Object.entries({ ...report.machine, set }).map(([name, value]) => `- ${name}: ${value}`);
  return `${[facts.join('\n'), ...stages.map((stage) => stageTable(report, stage))].join('\n\n')}\n`;
}

function stageTable({ scores, bytes, images }: Report, stage: (typeof stages)[number]): string {
  const best = scores.flatMap((score) => {
    const round = quickest(score, stage);
    const figures = round?.[stage];
    return round === undefined || figures === undefined ? [] : [{ score, round, figures }];
  });
  const floorMs = best.find(({ score }) => score.name === 'floor')?.figures.wallMs;
  const head = [
    stage === 'pushAgain' ? 'push again' : stage,
    'wall s',
    'x floor',
    'all rounds s',
    ...figureHeads,
    ...tailHead(stage),
  ];
  const rows = best.map(({ score, round, figures }) => [
    score.name,
    seconds(figures.wallMs),
    ratio(figures.wallMs, floorMs),
    score.rounds.map((each) => seconds(each[stage]?.wallMs ?? 0)).join(' '),
    ...figureCells(figures, bytes),
    ...tailCell(stage, round, bytes, images),
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const figureHeads = ['CPU s', 'CPU s/GB', 'registry CPU s', 'written', 'peak disk', 'RSS MB', 'foreign cores'];

/** Written and peak disk as multiples of the set's bytes. */
function figureCells(figures: Figures, bytes: number): string[] {
  return [
    seconds(figures.cpuMs),
    (figures.cpuMs / 1e3 / (bytes / 1e9)).toFixed(2),
    seconds(figures.registryCpuMs),
    `${(figures.writtenBytes / bytes).toFixed(2)}`,
    `${(figures.peakDiskBytes / bytes).toFixed(2)}`,
    (figures.peakMemoryBytes / 1e6).toFixed(0),
    figures.foreignCores.toFixed(2),
  ];
}

function tailHead(stage: (typeof stages)[number]): string[] {
  if (stage === 'build') return ['archive'];
  return stage === 'push' ? ['images held'] : [];
}

function tailCell(stage: (typeof stages)[number], round: Round, bytes: number, images: number): string[] {
  if (stage === 'build') return [(round.archiveBytes / bytes).toFixed(2)];
  if (stage === 'pushAgain') return [];
  return [round.imagesHeld === undefined ? 'blobs only' : `${round.imagesHeld}/${images}`];
}

function quickest({ rounds }: Score, stage: (typeof stages)[number]): Round | undefined {
  const wall = (round: Round) => round[stage]?.wallMs ?? Number.POSITIVE_INFINITY;
  return rounds.toSorted((a, b) => wall(a) - wall(b))[0];
}

function ratio(wallMs: number, reference: number | undefined): string {
  return reference === undefined ? '' : (wallMs / reference).toFixed(2);
}

function seconds(ms: number): string {
  return (ms / 1e3).toFixed(2);
}
