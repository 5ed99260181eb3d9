import { NanolinError } from '../error/index.ts';
import type { OpenOptions } from '../index.ts';
import type { Forced } from '../state/context.ts';
import type { Flags, Request } from './command.ts';
import { faultAt } from './faults.ts';

/** Flags that every command takes; NANOLIN_ROOT and the like mirror them. */
export const globals: Flags = {
  root: {
    value: 'DIR',
    names: 'file',
    about:
      "etc/nanolin, var/lib/nanolin and run/nanolin are below it; default /, or a user's own directories",
  },
  profiles: {
    value: 'DIR',
    names: 'file',
    about: 'directory of NAME.rcp instead of ROOT/etc/nanolin/profiles',
  },
  backend: { value: 'NAME', choices: ['auto', 'kernel', 'fuse'], about: 'who mounts; default auto' },
  json: { about: 'one JSON document on standard output' },
  yes: { about: 'do not ask' },
  verbose: { short: 'v', about: 'log to standard error' },
  quiet: { short: 'q', about: 'say nothing about what went well, show no progress' },
  'no-daemon': { about: 'do it in this process, also where a daemon runs' },
};

type Environment = Readonly<Record<string, string | undefined>>;

const forcible: readonly Forced[] = [
  'no-file-backed',
  'no-detached-layers',
  'no-lowerdir-plus',
  'no-beneath',
  'no-unique-ids',
  'no-image-mounts',
  'no-image-fuse',
];

/** The request with the globals that the environment gives and the command line does not. */
export function withEnvironment(request: Request, env: Environment): Request {
  const flags = { ...request.flags };
  for (const [name, flag] of Object.entries(globals)) {
    const variable = `NANOLIN_${name.toUpperCase().replaceAll('-', '_')}`;
    const given = env[variable];
    if (!given || name in flags) continue;
    if (!flag.value) {
      if (given !== '0') flags[name] = true;
    } else if (flag.choices && !flag.choices.includes(given)) {
      throw new NanolinError('usage', `${variable} is ${given}`, `one of: ${flag.choices.join(', ')}`);
    } else flags[name] = given;
  }
  return { ...request, flags };
}

/** What the library is opened with. NANOLIN_FORCE and NANOLIN_FAULT are test switches and have no flag. */
export function openOptions({ flags }: Request, env: Environment): OpenOptions {
  const forced = forcedBy(env.NANOLIN_FORCE);
  const at = faultAt(env.NANOLIN_FAULT);
  return {
    ...(typeof flags.root === 'string' && { root: flags.root }),
    ...(typeof flags.profiles === 'string' && { profiles: flags.profiles }),
    ...(typeof flags.backend === 'string' && { backend: flags.backend as 'auto' | 'kernel' | 'fuse' }),
    ...(forced.length > 0 && { forced }),
    ...(at && { at }),
  };
}

function forcedBy(names: string | undefined): Forced[] {
  return (names ?? '')
    .split(',')
    .filter(Boolean)
    .map(name => {
      const known = forcible.find(way => way === name);
      if (!known)
        throw new NanolinError(
          'usage',
          `NANOLIN_FORCE names ${name}`,
          `what can be forced: ${forcible.join(', ')}`,
        );
      return known;
    });
}
