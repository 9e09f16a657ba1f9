import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../build/command.ts';
import { freePort } from './free-port.ts';
import type { User } from './memory-auth.ts';

interface GiteaOptions {
  /** Its one user. The registry keeps everything below `/v2/<owner>/`. */
  readonly owner: User;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
}

const started = new Map<boolean, Promise<number>>();

/** The port of the one Gitea, or the one with TLS, of this process: it starts slowly, and ends with the process. */
export function sharedGitea(options: GiteaOptions): Promise<number> {
  const known = started.get(options.tls !== undefined) ?? startGitea(options);
  started.set(options.tls !== undefined, known);
  return known;
}

async function startGitea({ owner, tls }: GiteaOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-gitea-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const programs = process.env.DIOLKOS_TOOL_GITEA ?? (await (await import('../world/machine/gitea.ts')).giteaFolder());
  const gitea = [join(programs, 'gitea'), '--config', join(folder, 'app.ini')];
  const port = await freePort();
  await writeFile(join(folder, 'app.ini'), settings(folder, programs, port, tls));
  await run([...gitea, 'migrate']);
  const user = ['--admin', '--username', owner.username, '--password', owner.password, '--email', 'porter@gitea.test'];
  await run([...gitea, 'admin', 'user', 'create', ...user, '--must-change-password=false']);
  const log = join(folder, 'log.txt');
  const child = spawn('sh', ['-c', 'exec setpriv --pdeathsig KILL "$@" >"$0" 2>&1', log, ...gitea, 'web'], {
    cwd: folder,
    stdio: 'ignore',
  });
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  const listening = async (): Promise<boolean> => /Starting new Web server/.test(await readFile(log, 'utf8').catch(() => ''));
  for (let tries = 0; !(await listening()); tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error(`Gitea did not start:\n${await readFile(log, 'utf8')}`);
    await sleep(100);
  }
  await Promise.race([once(child, 'exit'), sleep(200)]); // it says so a moment before it listens
  return port;
}

/** Nothing that asks the network, sends mail, runs by the clock or hashes long. */
function settings(
  folder: string,
  programs: string,
  port: number,
  tls: { readonly certificate: string; readonly key: string } | undefined,
): string {
  const protocol = tls === undefined ? 'http' : 'https';
  return `
RUN_MODE = prod
RUN_USER = ${process.env.USER ?? 'root'}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = ${folder}
[server]
PROTOCOL = ${protocol}
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = ${protocol}://127.0.0.1:${port}/
${tls === undefined ? '' : `CERT_FILE = ${tls.certificate}\nKEY_FILE = ${tls.key}`}
STATIC_ROOT_PATH = ${join(programs, 'static')}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${join(folder, 'gitea.db')}
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2$1$10
[service]
REQUIRE_SIGNIN_VIEW = true
[packages]
ENABLED = true
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
MODE = console
LEVEL = info
`;
}
