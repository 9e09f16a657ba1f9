/**
 * The post-renderer as a program, for both majors of helm: manifests from stdin to stdout, changed as the rule says that stands in the file
 * named by DIOLKOS_POST_RENDER. Whatever fails is told on stderr with exit code 1, and nothing is printed then.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { checkPostRendered, postRender } from './post-render.ts';
import { type PostRender, ruleVariable } from './post-render-rule.ts';

async function main(): Promise<string> {
  const file = process.env[ruleVariable];
  if (file === undefined) throw new BundleError('USAGE_INVALID', `${ruleVariable} names no file`);
  const rule = JSON.parse(await readFile(file, 'utf8')) as PostRender;
  const stream = await text(process.stdin);
  const rendered = postRender(stream, rule);
  checkPostRendered(rendered, rule);
  return rendered;
}

try {
  process.stdout.write(await main());
} catch (error) {
  process.stderr.write(`error: ${error instanceof BundleError ? `${error.message} [${error.code}]` : (error as Error).stack}\n`);
  process.exitCode = 1;
}
