import { basename } from 'node:path';

/** What was meant by how the program was called. */
export interface Called {
  /** Null: there is nothing to do. */
  readonly words: readonly string[] | null;
  /** The exit code in the caller's own terms. */
  readonly exit: (code: number) => number;
}

/**
 * The program by its other names. `nanolin-union` stands where containers/storage expects fuse-overlayfs: its layers were unpacked with OCI's
 * marks (getWhiteoutFormat in drivers/overlay), and in a user namespace nobody has trusted.* attributes. `mount.fuse.nanolin` is a helper of
 * mount(8); without it mount.fuse of fuse3 calls what the type names, `nanolin SOURCE TARGET -o OPTIONS`.
 */
export function calledAs(
  path: string,
  words: readonly string[],
  verbs: readonly string[],
  privileged: () => boolean,
): Called {
  const name = basename(path);
  if (name === 'nanolin-union') {
    const more = ['whiteouts=oci', ...(privileged() ? [] : ['userxattr'])].join(',');
    const at = words.indexOf('-o') + 1;
    const given = words.map((word, index) => (at > 0 && index === at ? `${word},${more}` : word));
    return { words: ['union', '--quiet', '--backend', 'fuse', ...given], exit: code => code };
  }
  const [source = '', target, flag] = words;
  const byMountFuse = words.length === 4 && flag === '-o' && !verbs.includes(source);
  if (target !== undefined && (name.startsWith('mount.') || byMountFuse))
    return { words: helperWords(source, target, words.slice(2)), exit: mountCode };
  return { words, exit: code => code };
}

/** `SPEC DIR [-sfnv] [-N namespace] [-o options] [-t type.subtype]` of mount(8), "external helpers"; what is not known stays, and is refused. */
function helperWords(source: string, target: string, rest: readonly string[]): string[] | null {
  if (rest.includes('-f')) return null;
  const words = ['union', '--backend', 'fuse', ...(rest.includes('-v') ? [] : ['--quiet'])];
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? '';
    if (word === '-t') at++;
    else if (!['-n', '-s', '-v'].includes(word)) words.push(word);
  }
  return [...words, source || 'none', target];
}

/** mount(8): 1 is an incorrect invocation, 32 a mount failure; it hands the helper's code on. */
const mountCode = (code: number): number => (code === 0 ? 0 : code === 2 ? 1 : 32);
