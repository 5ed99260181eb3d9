import type { Probe } from '../kernel/index.ts';
import type { Context } from './context.ts';
import { runtimeDirectory } from './runtime.ts';
import { ordinaryUser, whoAmI } from './who.ts';

/** Where this user's state lies, for the doctor. */
export function probePlaces({ paths }: Context): Probe[] {
  const state = { what: 'state', ok: true, way: paths.state, remedy: null };
  const who = whoAmI();
  const own = ordinaryUser(who) ? runtimeDirectory(who) : null;
  if (own === null || own.path !== paths.run || own.instead === null) return [state];
  return [
    state,
    {
      what: 'runtime files',
      ok: true,
      way: `${paths.run}: ${own.instead}`,
      remedy: 'log in through PAM, or set XDG_RUNTIME_DIR',
    },
  ];
}
