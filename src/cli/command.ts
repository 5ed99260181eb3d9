import { NanolinError } from '../error/index.ts';
import type { Nanolin } from '../index.ts';
import type { Block } from './paper.ts';

/** What a word or a flag's value names; completion offers those. */
export type Names = 'layer' | 'profile' | 'generation' | 'key' | 'file';

/** A positional word, `NAME` in the usage line. */
export interface Word {
  readonly name: string;
  readonly about: string;
  readonly many?: true;
  readonly optional?: true;
  readonly names?: Names;
  readonly choices?: readonly string[];
}

/** An option; one without `value` is a switch. The same name takes a value in all commands or in none. */
export interface Flag {
  readonly about: string;
  /** Placeholder of the value, `L` in `--above L`. */
  readonly value?: string;
  readonly short?: string;
  readonly names?: Names;
  readonly choices?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

/** A parsed command line. Words are lists, also where one is expected; a switch that was given is `true`. */
export interface Request {
  readonly command: Command;
  readonly words: Readonly<Record<string, readonly string[]>>;
  readonly flags: Readonly<Record<string, string | true>>;
}

/** What a command has to say: to programs, to people, and to the shell. */
export interface Answer {
  readonly json: unknown;
  readonly text: readonly Block[];
  /** Left out under -q: the summary of something that was done, not something that was asked for. */
  readonly summary?: true;
  readonly exit?: number;
}

/** What a command may reach beside its request. */
export interface Bench {
  open(): Promise<Nanolin>;
  /** True without asking where nobody can be asked: --yes, --json, or no terminal. */
  agreed(question: string): Promise<boolean>;
  /** What somebody answers; undefined where nobody can be asked. */
  asked(question: string): Promise<boolean | undefined>;
  /** The same for what nobody may see. */
  hidden(question: string): Promise<string | undefined>;
  /** All of standard input. */
  input(): Promise<Buffer>;
}

export interface Command {
  /** The verb, or noun and verb. */
  readonly verb: readonly [string, string?];
  readonly about: string;
  readonly words: readonly Word[];
  readonly flags: Flags;
  readonly example: string;
  /** What words and flags cannot say by themselves, `--above` beside `--below` for example; a complaint or nothing. */
  check?(request: Request): string | undefined;
  run(request: Request, bench: Bench): Promise<Answer>;
}

/** The only word of that name. */
export function one(request: Request, name: string): string {
  const word = request.words[name]?.[0];
  if (word === undefined) throw usage(`${name} is missing`, request.command);
  return word;
}

export const many = (request: Request, name: string): readonly string[] => request.words[name] ?? [];

/** The value of a flag, undefined when it was not given. */
export function value(request: Request, flag: string): string | undefined {
  const given = request.flags[flag];
  return given === true ? undefined : given;
}

export const usageLine = (command: Command): string =>
  [
    'nanolin',
    ...command.verb,
    ...command.words.map(wordUsage),
    ...Object.entries(command.flags).map(flagUsage),
  ].join(' ');

function wordUsage(word: Word): string {
  const name = (word.choices?.join('|') ?? word.name) + (word.many ? '...' : '');
  return word.optional ? `[${name}]` : name;
}

const flagUsage = ([name, flag]: readonly [string, Flag]): string =>
  `[--${name}${flag.value ? ` ${flag.choices?.join('|') ?? flag.value}` : ''}]`;

/** A command line that cannot be run as it stands: exit 2; `about` is the command whose usage line helps, or the hint. */
export const usage = (message: string, about?: Command | string): NanolinError =>
  new NanolinError(
    'usage',
    message,
    typeof about === 'object' ? `usage: ${usageLine(about)}` : (about ?? 'see `nanolin --help`'),
  );
