import assert from 'node:assert/strict';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../build/command.ts';
import { blockSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { tempDir } from '../images/sample-bundle.ts';

/** What containerd, crane and docker read tars with: prints the name, the size and the first byte of each file. */
const reader = `package main

import (
	"archive/tar"
	"fmt"
	"os"
)

func main() {
	file, _ := os.Open(os.Args[1])
	entries := tar.NewReader(file)
	for {
		header, err := entries.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		first := make([]byte, 1)
		entries.Read(first)
		fmt.Println(header.Name, header.Size, first[0])
	}
}
`;

test("Go's archive/tar reads an entry over 8 GiB, and the one behind it", async (t) => {
  const folder = await tempDir(t);
  const size = 9 * 2 ** 30 + 1;
  const tar = await open(join(folder, 'large.tar'), 'wx');
  const behind = blockSize + paddedSize(size);
  await tar.write(tarHeader('large', size), 0, blockSize, 0);
  await tar.write(Buffer.from('A'), 0, 1, blockSize);
  await tar.write(tarHeader('behind', 1), 0, blockSize, behind);
  await tar.write(Buffer.from('B'), 0, 1, behind + blockSize);
  await tar.truncate(behind + 4 * blockSize); // sparse: nothing of it is on the disk
  await tar.close();
  await writeFile(join(folder, 'main.go'), reader);
  const { stdout } = await run(['go', 'run', join(folder, 'main.go'), join(folder, 'large.tar')]);
  assert.deepEqual(stdout.trim().split('\n'), [`large ${size} 65`, 'behind 1 66', 'EOF']);
});
