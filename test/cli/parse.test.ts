import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command, Request } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { globals } from '../../src/cli/globals.ts';
import { parseQuickly } from '../../src/cli/parse.ts';
import { parseFully } from '../../src/cli/tree.ts';

function fully(argv: readonly string[]): Request | undefined {
  try {
    const parsed = parseFully(argv, commands, 80);
    return 'request' in parsed ? parsed.request : undefined;
  } catch {
    return undefined;
  }
}

const everyday = [
  'status',
  'status --json',
  '--root /tmp/r status -v',
  'enable a b --above c',
  'enable a --below=c --strict --json -q',
  'swap a b --writers refuse',
  'plan profile web',
  'plan enable a --above b',
  'rollback 3 --reason x',
  'layer import deb:jq=1.6 --name jq --unsigned',
  'layer verify',
  'owner /a - /b',
  'profile switch --restore',
  'profile switch web -vq --no-daemon --yes',
  'completion fish',
];

test('the everyday lines need no yargs', () => {
  for (const line of everyday) assert.ok(parseQuickly(line.split(' '), commands), line);
});

const plainWord = fc.constantFrom('a', 'b=1', '3', 'auto', 'wait', 'bash', '0x1', '1e3', '__proto__');
const oddWord = fc.constantFrom(
  '',
  '-',
  '--',
  '-v',
  '-vq',
  '-x',
  '--help',
  '--zap',
  '--json=x',
  '--root',
  '--above=',
);

/** Mostly right: the command's words and flags in any order, now and then something odd between them. */
const lineOf = (command: Command): fc.Arbitrary<string[]> => {
  const flags = Object.entries({ ...globals, ...command.flags });
  const flag = fc
    .tuple(fc.constantFrom(...flags), plainWord, fc.boolean())
    .map(([[name, { value, choices }], word, joined]) => {
      const given = choices?.[0] ?? word;
      if (value === undefined) return [`--${name}`];
      return joined ? [`--${name}=${given}`] : [`--${name}`, given];
    });
  const words = command.words.map(({ choices }) =>
    (choices ? fc.constantFrom(...choices) : plainWord).map(word => [word]),
  );
  const odd = fc.oneof(
    fc.constant([]),
    oddWord.map(word => [word]),
  );
  return fc
    .tuple(flag, fc.array(flag, { maxLength: 3 }), odd, fc.tuple(...words), fc.boolean())
    .map(([first, more, strange, taken, flagFirst]) => [
      ...(flagFirst ? first : []),
      ...command.verb.filter(part => part !== undefined),
      ...taken.flat(),
      ...more.flat(),
      ...strange,
    ]);
};

test('whatever the quick parser accepts, yargs reads in the same way', () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...commands).chain(lineOf), argv => {
      const quick = parseQuickly(argv, commands);
      if (!quick) return;
      accepted++;
      assert.equal(fully(argv), quick, argv.join(' '));
    }),
    { numRuns: 800, examples: everyday.map(text => [text.split(' ')]) },
  );
  assert.ok(accepted > 100, `${accepted} lines were accepted`);
});

test('a flag takes a value in every command that has it, or in none', () => {
  const kinds = new Map<string, boolean>();
  for (const flags of [globals, ...commands.map(command => command.flags)])
    for (const [name, flag] of Object.entries(flags)) {
      const valued = flag.value !== undefined;
      assert.is(kinds.get(name) ?? valued, valued, name);
      kinds.set(name, valued);
    }
});

test('no command flag hides a global one', () => {
  for (const { verb, flags } of commands)
    for (const name of Object.keys(flags)) assert.not.ok(name in globals, `${verb.join(' ')} --${name}`);
});

test.run();
