import type { Entry } from '../formats/index.ts';

/** Why a package should not be taken as it is: one path, one reason. */
export interface Finding {
  /** Absolute. */
  readonly path: string;
  /** Of the rule, and the word by which a recipe allows it. */
  readonly rule: Rule;
  readonly why: string;
}

export type Rule = keyof typeof reasons;

const reasons = {
  setuid: 'runs as its owner, whoever starts it',
  setgid: 'runs as its group, whoever starts it',
  capability: 'has capabilities of its own',
  device: 'is a device',
  accounts: 'decides who the users are',
  preload: 'is loaded into every program',
  privilege: 'decides who becomes root',
  init: 'is what the kernel starts first',
  kernel: 'is loaded into the kernel',
  login: 'runs when somebody logs in, or lets somebody in',
  hidden: 'hides what lies below it',
  overlay: 'carries a mark that only the kernel may set',
} as const;

/** The words that PERMITS takes in a PACKAGE. */
export const rules = Object.keys(reasons);

const places: readonly (readonly [Rule, RegExp])[] = [
  ['accounts', /^etc\/(passwd|shadow|group|gshadow|subuid|subgid)-?$/],
  [
    'preload',
    /^etc\/ld\.so\.(preload|conf|cache)$|^etc\/ld\.so\.conf\.d\/|^(usr\/)?lib(32|64|x32)?\/ld-linux[^/]*$/,
  ],
  [
    'privilege',
    /^etc\/(sudoers(\.d)?|doas\.conf|polkit-1|pam\.d|pam\.conf|security)(\/|$)|^usr\/share\/polkit-1\/rules\.d\//,
  ],
  ['init', /^((usr\/)?s?bin\/init|(usr\/)?lib\/systemd\/systemd|init|linuxrc|etc\/inittab)$/],
  [
    'kernel',
    /^((usr\/)?lib\/modules|boot|etc\/modprobe\.d|etc\/modules(-load\.d)?|etc\/sysctl\.(d|conf))(\/|$)/,
  ],
  [
    'login',
    /^(root|home)\/|^etc\/(ssh\/|profile$|bash\.bashrc$|crontab$|cron\.[a-z]+\/.)|^var\/spool\/cron\//,
  ],
];

/**
 * What an application may not bring (HOSTILE 44 to 48), path by path. A recipe says what it needs with words in `allowed` (PERMITS); the
 * entries come from `walkTree` or a manifest. Directories alone do no harm: rules of place are for what lies in them.
 */
export function judgePackage(entries: readonly Entry[], allowed: ReadonlySet<string> = new Set()): Finding[] {
  return entries
    .flatMap(entry =>
      rulesOf(entry).map(rule => ({ path: `/${shown(entry.path)}`, rule, why: reasons[rule] })),
    )
    .filter(({ rule }) => !allowed.has(rule));
}

function rulesOf(entry: Entry): Rule[] {
  const { path, type, mode, device } = entry;
  const found: Rule[] = [];
  if (type === 'char' && device?.major === 0 && device.minor === 0) found.push('hidden');
  else if (type === 'char' || type === 'block') found.push('device');
  if (type === 'file' && (mode & 0o4000) !== 0) found.push('setuid');
  if (type === 'file' && (mode & 0o2000) !== 0) found.push('setgid');
  const attributes = Object.keys(entry.xattrs ?? {});
  if (attributes.includes('security.capability')) found.push('capability');
  if (attributes.some(name => /^(trusted|user)\.overlay\./.test(name))) found.push('overlay');
  if (type !== 'dir') found.push(...places.filter(([, place]) => place.test(path)).map(([rule]) => rule));
  return found;
}

const shown = (path: string): string => Buffer.from(path, 'latin1').toString('utf8').slice(0, 300);
