/**
 * The post-renderer as a program, for both majors of helm: manifests from stdin to stdout, changed as the rule says that stands in the file
 * named by DIOLKOS_POST_RENDER. Whatever fails is told on stderr with exit code 1, and in a file
 * beside the rule, because Helm 4 keeps to itself what a plugin says. Nothing is printed then.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { checkPostRendered, postRender } from './post-render.ts';
import { failureFile, type PostRender, ruleVariable } from './post-render-rule.ts';

const file = process.env[ruleVariable];

async function main(): Promise<string> {
  if (file === undefined) throw new BundleError('USAGE_INVALID', `${ruleVariable} names no file`);
  const rule = JSON.parse(await readFile(file, 'utf8')) as PostRender;
  const rendered = postRender(await text(process.stdin), rule);
  checkPostRendered(rendered, rule);
  return rendered;
}

try {
  process.stdout.write(await main());
} catch (error) {
  const told = error instanceof BundleError ? `${error.message} [${error.code}]` : (error as Error).stack;
  process.stderr.write(`error: ${told}\n`);
  if (file !== undefined) await writeFile(failureFile(file), `error: post-renderer: ${told}\n`, { mode: 0o600 });
  process.exitCode = 1;
}
