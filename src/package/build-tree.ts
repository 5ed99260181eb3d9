import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { loadMaking } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { inPlace } from './build-sandbox.ts';

/** What every package's INSTALL may renew and no package can own: caches and indexes over all packages. */
const shared =
  /^(etc\/(ld\.so\.cache|\.pwd\.lock)|var\/cache\/.*|usr\/share\/info\/dir(\.old|\.gz)?|usr\/share\/(mime\/mime\.cache|applications\/mimeinfo\.cache)|usr\/share\/icons\/[^/]+\/icon-theme\.cache|usr\/share\/glib-2\.0\/schemas\/gschemas\.compiled|usr\/lib\/.*\/perllocal\.pod|.*\/__pycache__\/.*)$/;

/** What was done to the upper before it became a package, in sentences. */
export interface Gathered {
  readonly tree: string;
  readonly notes: readonly string[];
}

/**
 * Turns the sandbox's uppers into a tree that can be made an image: without overlayfs's own attributes, without what belongs to all packages.
 * Throws refused for files of the base that INSTALL removed, and where it wrote nothing.
 */
export async function gatherTree(
  ctx: Context,
  place: string,
  work: string,
  subject: string,
): Promise<Gathered> {
  const upper = join(place, inPlace.rootUpper);
  // Nothing runs in the stack any more: its two uppers become one tree.
  if (readdirSync(join(place, inPlace.usrUpper)).length > 0)
    renameSync(join(place, inPlace.usrUpper), join(upper, 'usr'));
  const survey = new Survey(upper);
  survey.directory('');
  if (survey.removed.length > 0)
    throw new NanolinError(
      'refused',
      `${subject}: INSTALL removed files of the base: ${some(survey.removed)}`,
      'a package only adds files: REPLACE says what it takes the place of',
    );
  if (survey.kept === 0)
    throw new NanolinError(
      'refused',
      `${subject}: INSTALL wrote nothing outside of the build folder`,
      'install to "$DESTDIR/usr/...": DESTDIR is empty, and what is written is the package',
    );
  const tree = join(work, 'tree');
  mkdirSync(tree, { mode: 0o755 });
  const { unpack } = await loadMaking();
  const attributes = ['--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.*', '--acls'];
  await unpack(
    ctx,
    {
      from: 'program',
      program: 'tar',
      args: ['--create', '--format=pax', '--sort=name', '--numeric-owner', ...attributes, '-C', upper, '.'],
    },
    tree,
    subject,
  );
  return { tree, notes: survey.notes() };
}

class Survey {
  readonly removed: string[] = [];
  kept = 0;
  readonly #dropped: string[] = [];
  readonly #over: string[] = [];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** True when it held something, and nothing of it is left. */
  directory(path: string): boolean {
    const names = readdirSync(join(this.#root, path));
    let left = names.length;
    for (const name of names) {
      const inside = path === '' ? name : `${path}/${name}`;
      const stat = lstatSync(join(this.#root, inside), { throwIfNoEntry: false });
      // A name that is not UTF-8: the next one who reads it does it byte by byte, and refuses what is no file.
      if (!stat) this.kept++;
      else if (stat.isDirectory()) {
        if (this.directory(inside)) {
          // It is here because of what was dropped only.
          rmSync(join(this.#root, inside), { recursive: true });
          left--;
        } else if (!lstatSync(`/${inside}`, { throwIfNoEntry: false })) this.kept++;
      } else if (stat.isCharacterDevice() && stat.rdev === 0) {
        // A whiteout over a file that is dropped anyhow says nothing.
        if (shared.test(inside)) left -= this.#drop(inside);
        else this.removed.push(`/${inside}`);
      } else if (shared.test(inside)) left -= this.#drop(inside);
      else {
        this.kept++;
        if (inside.startsWith('usr/') && lstatSync(`/${inside}`, { throwIfNoEntry: false }))
          this.#over.push(`/${inside}`);
      }
    }
    return names.length > 0 && left === 0;
  }

  #drop(path: string): 1 {
    rmSync(join(this.#root, path), { recursive: true, force: true });
    this.#dropped.push(`/${path}`);
    return 1;
  }

  notes(): string[] {
    return [
      ...(this.#dropped.length > 0 ? [`left out, as it belongs to no package: ${some(this.#dropped)}`] : []),
      ...(this.#over.length > 0
        ? [`this machine's base has files of the same name: ${some(this.#over)}`]
        : []),
    ];
  }
}

const some = (paths: readonly string[]): string =>
  paths.slice(0, 10).join(' ') + (paths.length > 10 ? ` and ${paths.length - 10} more` : '');
