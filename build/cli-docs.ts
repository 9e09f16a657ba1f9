/**
 * Writes `docs/cli.md` from the help texts of the program; with `--check` fails when the file is stale.
 * Usage: `npm run docs`, `npm run docs:check`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { program } from '../src/main.ts';

const file = join(import.meta.dirname, '../docs/cli.md');

/** The whole page. */
export function cliPage(): string {
  const root = program(new AbortController().signal);
  const sections = [root, ...root.commands].map((command) => `## ${path(command)}\n\n\`\`\`\n${helpOf(command)}\`\`\`\n`);
  return `# Commands\n\nGenerated from the program by \`npm run docs\`; edit the texts in \`src/commands/\`.\n\n${sections.join('\n')}`;
}

function path(command: Command): string {
  return command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
}

/** What `--help` prints, 100 columns wide whatever the terminal is. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}

if (import.meta.main) {
  const page = cliPage();
  if (!process.argv.includes('--check')) writeFileSync(file, page);
  else if (readFileSync(file, 'utf8') !== page) {
    process.stderr.write('error: docs/cli.md is stale; run `npm run docs`\n');
    process.exitCode = 1;
  }
}
