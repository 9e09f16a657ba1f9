/**
 * Keeps a broken stdout or stderr from ending the work with a stack. A reader that has seen enough (`diolkos inspect shop.tar | head`)
 * is no failure; anything else, such as a full disk behind `>`, is told and makes the exit code 1.
 */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      process.exitCode = 1;
      if (stream === process.stdout)
        process.stderr.write(`error: the output cannot be written: ${error.message} [FILE_UNWRITABLE]\n`);
    });
  }
}
