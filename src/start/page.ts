import type { Progress } from '../state/index.ts';

const terminal = process.stdout.isTTY === true;
const paint = (code: number) => (text: string) => (terminal ? `\x1b[${code}m${text}\x1b[0m` : text);
const strong = paint(1);
const dim = paint(2);
const good = paint(32);
const bad = paint(31);

let chapters = 0;
let broken = 0;
let progressShown = false;

export function chapter(title: string, note = ''): void {
  chapters += 1;
  line(`\n${dim(String(chapters).padStart(2))} ${strong(title)}${note && `  ${dim(note)}`}`);
}

export function tell(text: string): void {
  line(`   ${text}`);
}

export function aside(text: string): void {
  line(`   ${dim(text)}`);
}

/** Tells what was seen, and remembers when it is not what had to be. */
export function expect(held: boolean, text: string): void {
  if (!held) broken += 1;
  line(`   ${held ? good('ok') : bad('NOT SO')} ${text}`);
}

/** How many expectations did not hold. */
export function failures(): number {
  return broken;
}

export function showProgress({ task, subject }: Progress): void {
  if (!terminal) return;
  progressShown = true;
  process.stdout.write(
    `\r   ${dim(`${task} ${subject}`.slice(0, (process.stdout.columns ?? 80) - 4))}\x1b[K`,
  );
}

function line(text: string): void {
  process.stdout.write(`${progressShown ? '\r\x1b[K' : ''}${text}\n`);
  progressShown = false;
}

export const number = (n: number) => n.toLocaleString('en-US');
export const count = (n: number, one: string) => `${number(n)} ${one}${n === 1 ? '' : 's'}`;
export const ms = (n: number) => `${n < 10 ? n.toFixed(2) : n.toFixed(0)} ms`;
export const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
export const size = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;
