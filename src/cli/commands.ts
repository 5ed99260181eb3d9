import type { Command } from './command.ts';
import { completion } from './completion.ts';
import { conflicts } from './conflicts.ts';
import { doctor } from './doctor.ts';
import { history, rollback } from './history.ts';
import { keyCommands } from './key.ts';
import { layerCommands } from './layer.ts';
import { owner } from './owner.ts';
import { packageCommands } from './package.ts';
import { packageInstallCommands } from './package-install.ts';
import { plans } from './plan.ts';
import { profileCommands } from './profile.ts';
import { disable, enable, swap } from './stack.ts';
import { status } from './status.ts';
import { union } from './union.ts';
import { verify } from './verify.ts';

/** All commands, in the order in which help lists them. */
export const commands: readonly Command[] = [
  status,
  enable,
  disable,
  swap,
  ...plans,
  history,
  rollback,
  owner,
  conflicts,
  verify,
  ...layerCommands,
  ...profileCommands,
  union,
  ...packageCommands,
  ...packageInstallCommands,
  ...keyCommands,
  doctor,
  completion,
];
