import type { Command } from './command.ts';
import { completion } from './completion.ts';
import { doctor } from './doctor.ts';
import { history, rollback } from './history.ts';
import { layerCommands } from './layer.ts';
import { plans } from './plan.ts';
import { profileCommands } from './profile.ts';
import { disable, enable, swap } from './stack.ts';
import { status } from './status.ts';

/** All commands, in the order in which help lists them. */
export const commands: readonly Command[] = [
  status,
  enable,
  disable,
  swap,
  ...plans,
  history,
  rollback,
  ...layerCommands,
  ...profileCommands,
  doctor,
  completion,
];
