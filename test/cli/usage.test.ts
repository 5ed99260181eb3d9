import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from './fake.ts';

const wrong: readonly (readonly [line: string, message: string])[] = [
  ['enabel x', 'unknown command enabel: did you mean nanolin enable?'],
  ['layer shw x', 'unknown command layer shw: did you mean nanolin layer show?'],
  ['frobnicate', 'unknown command frobnicate'],
  ['', 'a command is missing'],
  ['layer', 'a command is missing after layer'],
  ['enable', 'too few words: 0 given, 1 needed'],
  ['swap a', 'too few words: 1 given, 2 needed'],
  ['swap a b c', 'unknown option or word: c'],
  ['enable x --abov y', 'unknown option --abov: did you mean --above?'],
  ['enable x --above', '--above needs a value'],
  ['enable x --above a --above b', '--above is given twice'],
  ['enable x --above=', '--above is empty'],
  ['enable x --above a --below b', '--above and --below exclude each other'],
  [
    'enable x --writers zap',
    'not one of the choices: Argument: writers, Given: "zap", Choices: "report", "wait", "refuse"',
  ],
  ['rollback latest', 'GENERATION is a number, not latest'],
  ['profile switch', 'NAME is missing'],
  ['profile switch web --restore', 'NAME and --restore exclude each other'],
  ['owner', 'too few words: 0 given, 1 needed'],
  ['teleport -o lowerdir=a t', 'unknown command teleport'],
  ['union t', '-o is missing'],
];

for (const [line, message] of wrong)
  test(`\`nanolin ${line}\` exits 2 and says why`, async () => {
    const { code, out, err, opened } = await cli(line);
    assert.is(code, 2);
    assert.is(out, '');
    assert.is(err.split('\n')[0], `nanolin: ${message}`);
    assert.match(err, /^ {2}hint: usage: nanolin /m);
    assert.is(opened, undefined);
  });

test('the hint is the usage line of the command', async () => {
  const { err } = await cli('swap a');
  assert.match(
    err,
    'hint: usage: nanolin swap OLD NEW [--strict] [--writers report|wait|refuse] [--reason T]',
  );
});

test('the environment is checked like the flags', async () => {
  assert.match((await cli('status', { env: { NANOLIN_BACKEND: 'zap' } })).err, 'NANOLIN_BACKEND is zap');
  const forced = await cli('status', { env: { NANOLIN_FORCE: 'no-beneath,no-such' } });
  assert.is(forced.code, 2);
  assert.match(forced.err, 'NANOLIN_FORCE names no-such');
});

test.run();
