import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';

const hide = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * Brings a lower layer of an OCI image into the tree of the layers above it: what they have or hide is dropped, the rest moves over,
 * hiding names included, for the layers that are still to come (image-spec layer.md). Both trees are ours and on one file system.
 */
export function mergeUnder(upper: Buffer, lower: Buffer): void {
  const above = namesIn(upper);
  if (above.has(opaque)) return;
  for (const name of namesIn(lower)) {
    if (above.has(hide + name)) continue;
    const [from, to] = [inside(lower, name), inside(upper, name)];
    if (!above.has(name)) renameSync(from, to);
    else if (lstatSync(from).isDirectory() && lstatSync(to).isDirectory()) mergeUnder(to, from);
  }
}

/** Removes the hiding names once every layer is in. */
export function dropWhiteouts(tree: Buffer): void {
  for (const name of namesIn(tree)) {
    const path = inside(tree, name);
    if (name.startsWith(hide)) rmSync(path, { recursive: true });
    else if (lstatSync(path).isDirectory()) dropWhiteouts(path);
  }
}

/** One character for one byte. */
function namesIn(directory: Buffer): Set<string> {
  return new Set(readdirSync(directory, { encoding: 'buffer' }).map(name => name.toString('latin1')));
}

function inside(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), Buffer.from(name, 'latin1')]);
}
