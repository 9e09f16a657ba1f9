#!/usr/bin/env node
import { Command } from 'commander';
import { keepHeapSmall } from '../images/small-heap.ts';
import { addBuild } from './commands/build.ts';
import { addImages } from './commands/images.ts';
import { addInspect } from './commands/inspect.ts';
import { addLint } from './commands/lint.ts';
import { addManifest } from './commands/manifest.ts';
import { addMerge } from './commands/merge.ts';
import { addPush } from './commands/push.ts';
import { addRewrite } from './commands/rewrite.ts';
import { addSign } from './commands/sign.ts';
import { addVerify } from './commands/verify.ts';
import { guardOutput } from './guard-output.ts';
import { exitCodeOf, printError } from './print-error.ts';
import { version } from './version.ts';

/** The whole command line. Commands import what they do only when they run, so that `--help` answers at once. */
export function program(signal: AbortSignal): Command {
  const root = new Command('diolkos')
    .description(
      'Carries Helm applications across an air gap: every image found, proven, packed into one tar, installed by one Job.',
    )
    .version(version)
    .showHelpAfterError('(diolkos --help lists the commands)')
    .exitOverride()
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 differences found, 64 bad usage, 70 a bug in diolkos, 130 interrupted.',
    );
  root.hook('preAction', (_, command) => {
    if (command.opts().cache === false) process.env.DIOLKOS_CACHE = 'off';
  });
  for (const add of [addBuild, addImages, addLint, addRewrite, addInspect, addVerify, addMerge, addSign, addPush, addManifest])
    add(root, signal);
  for (const command of root.commands) command.showHelpAfterError(`(diolkos ${command.name()} --help shows how it is used)`);
  return root;
}

/** Runs one command line and gives the exit code. The only place that owns the root of all cancellation. */
async function main(): Promise<number> {
  const controller = new AbortController();
  keepHeapSmall();
  guardOutput();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new DOMException(`stopped by ${signal}`, 'AbortError')));
  }
  try {
    await program(controller.signal).parseAsync();
    return 0;
  } catch (error) {
    printError(error, controller.signal);
    return exitCodeOf(error, controller.signal);
  }
}

if (import.meta.main) process.exitCode = (await main()) || process.exitCode;
