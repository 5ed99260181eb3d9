import type { Progress } from '../state/context.ts';
import { visible } from './paper.ts';
import { bytes } from './report.ts';
import type { Sink } from './world.ts';

export interface ProgressLine {
  readonly report: (progress: Progress) => void;
  /** Takes the line away, so that what is printed next starts in the first column. */
  readonly clear: () => void;
}

/** Redraws at most this often (ms); a new task is shown at once. */
const every = 100;

/** One line at the bottom of a terminal, rewritten in place. */
export function progressLine(terminal: Sink, now: () => number = Date.now): ProgressLine {
  let drawn: { at: number; task: string } | undefined;
  return {
    report(progress) {
      const task = `${progress.task} ${progress.subject}`;
      if (drawn && drawn.task === task && now() - drawn.at < every) return;
      drawn = { at: now(), task };
      terminal.write(`\r${cut(sentence(progress), terminal.columns - 1)}\x1b[K`);
    },
    clear() {
      if (drawn) terminal.write('\r\x1b[K');
      drawn = undefined;
    },
  };
}

function sentence({ task, subject, done, total }: Progress): string {
  const amount =
    done === undefined ? '' : total ? ` ${Math.floor((100 * done) / total)} %` : ` ${bytes(done)}`;
  return visible(`${task} ${subject}${amount}`);
}

/** A line that wraps cannot be rewritten. */
const cut = (text: string, columns: number): string => [...text].slice(0, Math.max(columns, 1)).join('');
