import type { SwitchOptions } from '../index.ts';
import { type Flags, type Request, value } from './command.ts';

/** Flags of every command that switches. */
export const switching: Flags = {
  strict: { about: 'refuse instead of leaving a bad layer out' },
  writers: {
    value: 'HOW',
    choices: ['report', 'wait', 'refuse'],
    about: 'what to do about files open for writing through the old stack; default report',
  },
  reason: { value: 'T', about: 'remembered with the generation' },
};

export function switchOptions(request: Request): SwitchOptions {
  const writers = value(request, 'writers') as SwitchOptions['writers'];
  const reason = value(request, 'reason');
  return {
    ...(request.flags.strict && { strict: true }),
    ...(writers && { writers }),
    ...(reason && { reason }),
  };
}
