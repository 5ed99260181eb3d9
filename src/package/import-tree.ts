import { createHash } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { loadMaking } from '../layer/index.ts';
import type { Context } from '../state/index.ts';

/** A foreign package, unpacked where nobody else writes. */
export interface Staged {
  readonly tree: string;
  readonly name: string;
  readonly version: string;
  /** SHA-256 of what it came from, '' for a directory. */
  readonly digest: string;
  readonly control: { readonly scripts: readonly string[]; readonly conffiles: ReadonlySet<string> } | null;
  /** The fields of a .deb's control file, continuation lines with a newline between. */
  readonly fields: ReadonlyMap<string, string>;
}

interface Known {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
}

/** Unpacks a .deb, `deb:NAME`, a tar archive, a directory or an OCI layout below `work`. Every entry is judged on its way, as for a layer. */
export async function stageSource(ctx: Context, source: string, work: string, known: Known): Promise<Staged> {
  if (source.startsWith('deb:')) return stageDeb(ctx, await fromApt(ctx, source, work), work, known);
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory())
    return stageDirectory(ctx, realpathSync(source), work, known);
  const making = await loadMaking();
  const magic = () => {
    using file = making.openSource(source);
    return making.readHead(file.fd, 8).toString('latin1');
  };
  if (magic() === '!<arch>\n') return stageDeb(ctx, source, work, known);
  using file = making.openSource(source);
  const digest = await making.hashFile(ctx, file.fd, {
    task: 'hash',
    subject: basename(source),
    size: file.size,
  });
  const tree = freshTree(work, 'tree');
  await making.unpack(ctx, { from: 'archive', fd: file.fd }, tree, basename(source));
  return { tree, ...making.nameSource(file.path, known), digest, control: null, fields: new Map() };
}

async function fromApt(ctx: Context, source: string, work: string): Promise<string> {
  const { fetchDeb } = await import('./fetch-debian.ts');
  const [name = '', version] = source.slice('deb:'.length).split(/=(.*)/s);
  if (
    !/^[a-z0-9][a-z0-9+.-]*$/.test(name) ||
    (version !== undefined && !/^[A-Za-z0-9][A-Za-z0-9.+:~-]*$/.test(version))
  )
    throw new NanolinError(
      'usage',
      `${JSON.stringify(source.slice(0, 80))} names no Debian package`,
      'deb:NAME or deb:NAME=VERSION',
    );
  return fetchDeb(ctx, name, version ?? null, work);
}

async function stageDeb(ctx: Context, source: string, work: string, known: Known): Promise<Staged> {
  const making = await loadMaking();
  // dpkg-deb reads a path several times: it gets a copy that nobody else can change.
  const copy = join(work, 'package.copy');
  const to = openSync(copy, 'wx', 0o600);
  let digest: string;
  try {
    using file = making.openSource(source);
    digest = await making.hashFile(ctx, file.fd, {
      task: 'copy',
      subject: basename(source),
      size: file.size,
      to,
    });
  } finally {
    closeSync(to);
  }
  const control = await making.readControl(ctx, copy);
  const fields = parseControl(await making.run(ctx, 'dpkg-deb', ['-f', copy]));
  const tree = freshTree(work, 'tree');
  const program = { from: 'program', program: 'dpkg-deb', args: ['--fsys-tarfile', copy] } as const;
  await making.unpack(ctx, program, tree, control.name);
  making.mergeUsr(tree);
  const named = making.nameSource(source, {
    name: known.name ?? control.name,
    version: known.version ?? control.version,
  });
  return { tree, ...named, digest, control, fields };
}

async function stageDirectory(ctx: Context, path: string, work: string, known: Known): Promise<Staged> {
  const making = await loadMaking();
  const tree = freshTree(work, 'tree');
  const rest = { ...making.nameSource(path, known), control: null, fields: new Map<string, string>() };
  if (!making.isOciLayout(path)) {
    await making.unpack(ctx, { from: 'directory', path }, tree, basename(path));
    return { tree, ...rest, digest: '' };
  }
  const image = await making.readOciLayout(ctx, path);
  for (const [i, layer] of [...image.layers].reverse().entries()) {
    const under = i === 0 ? tree : freshTree(work, `layer${i}`);
    using blob = making.openSource(layer.path);
    await making.checkBlob(ctx, layer, blob.fd, blob.size);
    await making.unpack(ctx, { from: 'archive', fd: blob.fd }, under, layer.digest.slice(0, 19));
    if (under !== tree) making.mergeUnder(Buffer.from(tree), Buffer.from(under));
  }
  making.dropWhiteouts(Buffer.from(tree));
  const digest = createHash('sha256')
    .update(image.layers.map(layer => layer.digest).join('\n'))
    .digest('hex');
  return { tree, ...rest, digest };
}

function freshTree(work: string, name: string): string {
  const tree = join(work, name);
  mkdirSync(tree);
  chmodSync(tree, 0o755);
  return tree;
}

/** deb-control(5): `Field: value`, lines that go on begin with a space. */
export function parseControl(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      last = name;
      fields.set(name, value.trim());
    } else if (/^[ \t]/.test(line) && last !== '') fields.set(last, `${fields.get(last)}\n${line.trim()}`);
  }
  return fields;
}
