import type { Argv, Options } from 'yargs';
import yargs from 'yargs';
import type { NanolinError } from '../error/index.ts';
import { nearest } from '../formats/index.ts';
import { type Command, type Flags, type Request, usage, usageLine, type Word } from './command.ts';
import { globals } from './globals.ts';

import { type Located, locate } from './parse.ts';

export type Parsed = { readonly request: Request } | { readonly help: string };

type Given = Readonly<Record<string, unknown>>;

/**
 * Any line at all, by yargs: help as text, a mistake as a NanolinError of code `usage` that names the nearest word, and
 * whatever the quick parser was in doubt about. `columns` is the width that help is wrapped to.
 */
export function parseFully(argv: readonly string[], commands: readonly Command[], columns: number): Parsed {
  const located = locate(argv, commands);
  if (located.is === 'command') return parseCommand(argv, located.command, columns);
  if (located.wrong === undefined && argv.some(word => word === '--help' || word === '-h'))
    return { help: listing(located, commands, columns) };
  throw unknown(located, commands);
}

function parseCommand(argv: readonly string[], command: Command, columns: number): Parsed {
  let given: Given = {};
  const tree = nest(base(columns, command.flags), command.verb, (y, verb) =>
    y.command(
      [verb, ...command.words.map(yargsWord)].join(' '),
      command.about,
      builder => describe(builder, command),
      parsed => {
        given = parsed;
      },
    ),
  );
  const help = settle(tree, argv, command);
  if (help) return { help };
  const request = { command, words: wordsOf(given, command), flags: flagsOf(given, command) };
  const complaint = command.check?.(request);
  if (complaint !== undefined) throw usage(complaint, command);
  return { request };
}

/** Flags are known before the command's words are, so that they may stand anywhere. */
const base = (columns: number, flags: Flags = {}): Argv =>
  yargs([])
    .scriptName('nanolin')
    // First: it takes an option of that name with it, and `layer import` has one.
    .version(false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .options(yargsOptions(flags, 'Options:'))
    .options(yargsOptions(globals, 'Everywhere:'))
    .help('help', 'show this')
    .alias('help', 'h')
    .exitProcess(false)
    .strict()
    .wrap(columns)
    .updateStrings(wording);

/** yargs' own sentences, said as ours are; by number where it counts (its types know only plain strings). */
const wording = {
  'Unknown argument: %s': { one: 'unknown option or word: %s', other: 'unknown options or words: %s' },
  'Not enough non-option arguments: got %s, need at least %s': {
    one: 'too few words: %s given, %s needed',
    other: 'too few words: %s given, %s needed',
  },
  'Not enough arguments following: %s': '--%s needs a value',
  'Invalid values:': 'not one of the choices:',
  'Positionals:': 'Words:',
} as unknown as Record<string, string>;

const nest = (y: Argv, [first, second]: Command['verb'], leaf: (y: Argv, verb: string) => Argv): Argv =>
  second === undefined ? leaf(y, first) : y.command(first, '', inner => leaf(inner, second));

const yargsWord = (word: Word): string => {
  const name = word.many ? `${word.name}..` : word.name;
  return word.optional ? `[${name}]` : `<${name}>`;
};

function describe(y: Argv, command: Command): Argv {
  for (const { name, about, choices } of command.words)
    y.positional(name, { type: 'string', describe: about, ...(choices && { choices }) });
  return y.usage(`${usageLine(command)}\n\n${command.about}`).example(command.example, '');
}

const yargsOptions = (flags: Flags, group: string): Record<string, Options> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, { about, value, short, choices }]) => [
      name,
      {
        group,
        describe: about,
        type: value ? 'string' : 'boolean',
        ...(value && { requiresArg: true }),
        ...(short && { alias: short }),
        ...(choices && { choices }),
      } satisfies Options,
    ]),
  );

/** yargs loses a `-` that stands alone as a word. No argument of a process can hold a NUL. */
const lone = '\0-';
const hidden = (word: string): string => (word === '-' ? lone : word);
const restored = (word: string): string => (word === lone ? '-' : word);

/** Runs the parser; the help text where that was asked for, '' where the handler ran. */
function settle(y: Argv, argv: readonly string[], command: Command | undefined): string {
  let complaint: NanolinError | undefined;
  let help = '';
  y.fail((message, error) => {
    if (error && !message) throw error;
    complaint ??= usage(withSuggestion(message, argv, command), command);
  });
  y.parse(argv.map(hidden), (_error: unknown, _argv: unknown, output: string) => {
    help = output;
  });
  if (complaint) throw complaint;
  return help;
}

/** yargs names an option without its dashes: what is said is the word as it was typed. */
function withSuggestion(message: string, argv: readonly string[], command: Command | undefined): string {
  const text = message
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll(lone, '-');
  const wrong = /^unknown options? or words?: ([^ ,]+)/.exec(text)?.[1];
  const typed =
    wrong && argv.find(word => word.startsWith('-') && word.replace(/^-+/, '').split('=')[0] === wrong);
  if (!typed) return text;
  const near = nearest(wrong, [...Object.keys(command?.flags ?? {}), ...Object.keys(globals)]);
  return `unknown option ${typed}${near ? `: did you mean --${near}?` : ''}`;
}

function wordsOf(given: Given, command: Command): Request['words'] {
  const words: Record<string, readonly string[]> = {};
  for (const { name } of command.words) {
    const value = given[name];
    const list = (Array.isArray(value) ? value : [value])
      .filter(word => word !== undefined)
      .map(word => restored(String(word)));
    if (list.includes('')) throw usage(`${name} is empty`, command);
    if (list.length > 0) words[name] = list;
  }
  return words;
}

function flagsOf(given: Given, command: Command): Request['flags'] {
  const flags: Record<string, string | true> = {};
  for (const [name, { value }] of Object.entries({ ...globals, ...command.flags })) {
    const got = given[name];
    if (value === undefined) {
      if (Array.isArray(got) ? got.at(-1) : got) flags[name] = true;
    } else if (Array.isArray(got)) throw usage(`--${name} is given twice`, command);
    else if (got === '') throw usage(`--${name} is empty`, command);
    else if (typeof got === 'string') flags[name] = restored(got);
  }
  return flags;
}

/** The help of `nanolin` or of a noun: its commands and what they do. */
function listing(
  located: Exclude<Located, { is: 'command' }>,
  commands: readonly Command[],
  columns: number,
): string {
  const noun = located.is === 'noun' ? located.noun : undefined;
  const y = base(columns).usage(
    noun ? `nanolin ${noun} COMMAND` : 'nanolin COMMAND\n\nTurns parts of a running system on and off.',
  );
  for (const command of located.is === 'noun' ? located.commands : commands)
    y.command(
      [command.verb.join(' '), ...command.words.map(yargsWord)].join(' '),
      command.about,
      {},
      () => {},
    );
  for (const { example, about } of (located.is === 'noun' ? located.commands : commands).slice(0, 3))
    y.example(example, about);
  y.epilogue(
    'Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not found, 5 busy, 6 done but degraded, 7 rolled back, ' +
      '8 needs rights or a kernel feature, 70 a bug.',
  );
  return settle(y, ['--help'], undefined);
}

function unknown(located: Exclude<Located, { is: 'command' }>, commands: readonly Command[]): NanolinError {
  const noun = located.is === 'noun' ? `${located.noun} ` : '';
  const choices =
    located.is === 'noun'
      ? located.commands.map(({ verb }) => verb[1] ?? '')
      : commands.map(({ verb }) => verb[0]);
  const known = [...new Set(choices)];
  const hint = `usage: nanolin ${noun}${known.join('|')}`;
  if (located.wrong === undefined)
    return usage(`a command is missing${noun && ` after ${noun.trim()}`}`, hint);
  const near = nearest(located.wrong, known);
  return usage(
    `unknown command ${noun}${located.wrong}${near ? `: did you mean nanolin ${noun}${near}?` : ''}`,
    hint,
  );
}
