import { parseArgs } from 'node:util';
import type { Command, Flag, Request } from './command.ts';
import { globals } from './globals.ts';

/** Which command a line names; `wrong` is the word that names none. */
export type Located =
  | { readonly is: 'command'; readonly command: Command }
  | {
      readonly is: 'noun';
      readonly noun: string;
      readonly commands: readonly Command[];
      readonly wrong: string | undefined;
    }
  | { readonly is: 'nothing'; readonly wrong: string | undefined };

interface Scan {
  readonly positionals: readonly string[];
  readonly flags: readonly { readonly name: string; readonly value: string | undefined }[];
}

export function locate(argv: readonly string[], commands: readonly Command[]): Located {
  const [first, second] = scan(argv, commands).positionals;
  if (first === undefined) return { is: 'nothing', wrong: undefined };
  const namesakes = commands.filter(command => command.verb[0] === first);
  const command = namesakes.find(({ verb }) => verb.length === 1 || verb[1] === second);
  if (command) return { is: 'command', command };
  return namesakes.length > 0
    ? { is: 'noun', noun: first, commands: namesakes, wrong: second }
    : { is: 'nothing', wrong: first };
}

/**
 * The everyday line, read from the table in a millisecond where yargs takes thirty. It answers only when there is no doubt:
 * anything else (help, a mistake, a repeated flag, `--`) is undefined, and yargs says what it is. A test holds the two together.
 */
export function parseQuickly(argv: readonly string[], commands: readonly Command[]): Request | undefined {
  const located = locate(argv, commands);
  if (located.is !== 'command' || argv.includes('--')) return undefined;
  const { command } = located;
  const { positionals, flags } = scan(argv, commands);
  const given = readFlags(flags, command);
  const words = readWords(positionals.slice(command.verb.length), command);
  if (!given || !words) return undefined;
  const request = { command, words, flags: given };
  return command.check?.(request) === undefined ? request : undefined;
}

function scan(argv: readonly string[], commands: readonly Command[]): Scan {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const flags of [globals, ...commands.map(command => command.flags)])
    for (const [name, { value, short }] of Object.entries(flags))
      options[name] = { type: value ? 'string' : 'boolean', ...(short && { short }) };
  const { positionals, tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  return { positionals, flags: tokens.filter(token => token.kind === 'option') };
}

function readFlags(given: Scan['flags'], command: Command): Request['flags'] | undefined {
  const flags: Record<string, string | true> = {};
  for (const { name, value } of given) {
    const flag = own(command.flags, name) ?? own(globals, name);
    if (!flag || name in flags) return undefined;
    if (!flag.value) {
      if (value !== undefined) return undefined;
      flags[name] = true;
    } else {
      if (!value || value.startsWith('-') || (flag.choices && !flag.choices.includes(value)))
        return undefined;
      flags[name] = value;
    }
  }
  return flags;
}

const own = (flags: Readonly<Record<string, Flag>>, name: string): Flag | undefined =>
  Object.hasOwn(flags, name) ? flags[name] : undefined;

function readWords(given: readonly string[], command: Command): Request['words'] | undefined {
  const words: Record<string, readonly string[]> = {};
  let next = 0;
  for (const word of command.words) {
    const taken = word.many ? given.slice(next) : given.slice(next, next + 1);
    next += taken.length;
    if (taken.length === 0 && !word.optional) return undefined;
    if (
      taken.some(
        text =>
          !text || (text !== '-' && text.startsWith('-')) || (word.choices && !word.choices.includes(text)),
      )
    )
      return undefined;
    if (taken.length > 0) words[word.name] = taken;
  }
  return next === given.length ? words : undefined;
}
