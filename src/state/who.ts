import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { NanolinError } from '../error/index.ts';

/** Who runs us, as far as it decides where things lie and whom to believe. */
export interface Who {
  readonly uid: number;
  /** Owner of `/`. */
  readonly rootOwner: number;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function whoAmI(): Who {
  return {
    uid: process.geteuid?.() ?? 0,
    rootOwner: statSync('/').uid,
    home: process.env.HOME?.startsWith('/') ? process.env.HOME : homedir(),
    env: process.env,
  };
}

/** Also root of a user namespace (`unshare -r`) where the system is not his: /etc and /var belong to nobody there. */
export function ordinaryUser({ uid, rootOwner }: Pick<Who, 'uid' | 'rootOwner'>): boolean {
  return uid !== 0 || rootOwner !== 0;
}

/** Why state of ours may not belong to this user, or null. It is root's or our own; root believes nobody but root. */
export function strangerOwns(owner: number): string | null {
  const uid = process.geteuid?.() ?? 0;
  if (owner === 0 || owner === uid) return null;
  return uid === 0
    ? `belongs to user ${owner}, not to root`
    : `belongs to user ${owner}, neither to you nor to root`;
}

/** Throws refused for a directory in which somebody else decides. */
export function requireOwn(directory: string): void {
  const { uid, mode } = statSync(directory);
  const why = strangerOwns(uid) ?? ((mode & 0o022) === 0 ? null : 'may be written by others');
  if (why === null) return;
  throw new NanolinError(
    'refused',
    `${directory} ${why}`,
    'name a directory of your own with --root, or make this one yours',
  );
}
