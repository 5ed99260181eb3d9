import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noStock } from '../formats/stock.ts';
import { needs } from '../needs.ts';
import { cli, keyOffer, keyReport } from './fake.ts';

const grouped = `${'0123 4567 89ab cdef '.repeat(4)}`.trim();

test('a fingerprint is shown in groups of four, and plain in JSON', async () => {
  for (const line of ['key list', 'key show vendor']) assert.match((await cli(line)).out, grouped);
  assert.equal(JSON.parse((await cli('key list --json')).out), [keyReport]);
  assert.equal(JSON.parse((await cli('key show vendor --json')).out), keyReport);
});

test('a key that cannot be used says why', async () => {
  const bad = { ...keyReport, fingerprint: null, trusted: false, problem: 'it may be written by others' };
  const key = { list: async () => [bad], show: async () => bad } as never;
  for (const line of ['key list', 'key show vendor'])
    assert.match((await cli(line, { nanolin: { key } })).out, 'it may be written by others');
});

test('key trust: a yes, --yes or the right fingerprint; the fingerprint that was shown is the one that is trusted', async () => {
  const trusted = ['key.trust', 'x.pub', { fingerprint: keyOffer.fingerprint }];
  let question = '';
  const yes = async (asked: string) => {
    question = asked;
    return 'y';
  };
  for (const [line, ask] of [
    ['key trust x.pub', yes],
    ['key trust x.pub --yes', undefined],
    ['key trust x.pub --yes --json', undefined],
  ] as const) {
    const { code, calls } = await cli(line, { terminal: true, ...(ask && { ask }) });
    assert.is(code, 0);
    assert.equal(calls[1], trusted);
  }
  assert.match(question, grouped);
  const given = await cli(['key', 'trust', 'x.pub', '--fingerprint', 'ab cd']);
  assert.equal(given.calls[1], ['key.trust', 'x.pub', { fingerprint: 'ab cd' }]);
});

test('key trust: a no, nobody there, and --json alone trust nothing', async () => {
  const no = await cli('key trust x.pub', { ask: async () => 'n' });
  assert.is(no.code, 1);
  for (const line of ['key trust x.pub', 'key trust x.pub --json']) {
    const nobody = await cli(line);
    assert.is(nobody.code, 3);
    assert.match(nobody.out + nobody.err, grouped);
    assert.equal(
      nobody.calls.map(([name]) => name),
      ['key.inspect', 'close'],
    );
  }
  assert.equal(
    no.calls.map(([name]) => name),
    ['key.inspect', 'close'],
  );
});

test('key trust: what is trusted already is not asked about', async () => {
  const ask = () => Promise.reject(new Error('it asked'));
  const key = {
    inspect: async () => ({ ...keyOffer, trusted: true }),
    trust: async () => keyReport,
  } as never;
  assert.is((await cli('key trust x.pub', { ask, nanolin: { key } })).code, 0);
});

test('key new asks twice, and takes no pass-phrase that was not said twice', async () => {
  const answers = (...said: string[]) => {
    return { askHidden: async () => said.shift() };
  };
  const good = await cli('key new k', answers('phrase', 'phrase'));
  assert.equal(good.calls[0], ['key.create', 'k', { password: 'phrase' }]);
  const bad = await cli('key new k', answers('phrase', 'frase'));
  assert.is(bad.code, 3);
  assert.equal(bad.calls, [['close']]);
  assert.not.match(bad.err + bad.out + good.err + good.out, /ph?rase\b(?!s| )/);
});

test('key new: no terminal and no flag is a usage error; flags exclude each other', async () => {
  const none = await cli('key new k');
  assert.is(none.code, 2);
  assert.match(none.err, '--password-fd');
  for (const line of [
    'key new k --no-password --password-fd 3',
    'key new k --password-fd 3 --password-file f',
  ])
    assert.match((await cli(line)).err, 'exclude each other');
  assert.match((await cli('key new k --password-fd x')).err, 'takes a number');
  assert.match((await cli('key new k --password-fd 999')).err, 'cannot be read');
  assert.equal((await cli('key new k --no-password')).calls[0], ['key.create', 'k', { password: null }]);
});

test('a pass-phrase from a file or a descriptor is its first line, and no more is read', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-key-'));
  const file = join(directory, 'phrase');
  writeFileSync(file, 'my phrase \nrest');
  const fd = openSync(file, 'r');
  try {
    const wanted = ['key.create', 'k', { password: 'my phrase ' }];
    assert.equal((await cli(`key new k --password-file ${file}`)).calls[0], wanted);
    assert.equal((await cli(`key new k --password-fd ${fd}`)).calls[0], wanted);
    assert.is(readFileSync(fd, 'utf8'), 'rest');
    writeFileSync(file, 'no newline');
    const { calls } = await cli(`key new k --password-file ${file}`);
    assert.equal(calls[0], ['key.create', 'k', { password: 'no newline' }]);
    assert.is((await cli('key new k --password-file /dev/zero')).code, 0, 'it ends');
    assert.is((await cli(`key new k --password-file ${file}.none`)).code, 1);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});

test('completion offers the keys', async () => {
  assert.is((await cli(['--complete', 'key', 'show', ''])).out, 'vendor\n');
  assert.is((await cli(['--complete', 'key', ''])).out, 'new\nlist\nshow\ntrust\n');
  assert.is((await cli(['--complete', 'key', 'trust', ''])).out, '');
});

/** The real program on a terminal of its own, made by script(1); `typed` follows each prompt. */
async function atTerminal(
  args: readonly string[],
  typed: readonly string[],
): Promise<{ code: number | null; shown: string }> {
  const program = fileURLToPath(new URL('plain-program.ts', import.meta.url));
  const words = [process.execPath, '--import', 'tsx', program, ...args];
  const command = words.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null']);
  const rest = [...typed];
  let shown = '';
  let answered = 0;
  child.stdout.on('data', (piece: Buffer) => {
    shown += piece;
    const prompts = shown.split(': ').length - 1;
    for (; answered < prompts && rest.length > 0; answered++) child.stdin.write(rest.shift() ?? '');
  });
  return new Promise(done => child.on('exit', code => done({ code, shown })));
}

needs(test, noStock)(
  'on a terminal the pass-phrase is asked for without echo, can be corrected, and seals the key for stock signify',
  async () => {
    const root = mkdtempSync(join(tmpdir(), 'nanolin-key-'));
    try {
      const { code, shown } = await atTerminal(
        ['--root', root, 'key', 'new', 'k'],
        ['wrong\x15gehe\x7f\x7fheim\u00fc\u00e9\x7f\r', 'geheim\u00fc\r'],
      );
      assert.is(code, 0, shown);
      assert.match(shown, 'once more: ');
      assert.not.match(shown, 'heim');
      assert.match(shown, 'here, with a pass-phrase');
      const keys = join(root, 'etc/nanolin/keys');
      execFileSync(
        'sh',
        [
          '-c',
          'echo text >m && printf "geheim\u00fc\\n" | signify-openbsd -S -s k.sec -m m && signify-openbsd -V -p k.pub -m m',
        ],
        { cwd: keys, stdio: 'pipe' },
      );
      const stopped = await atTerminal(['--root', root, 'key', 'new', 'l'], ['abc\x03']);
      assert.is.not(stopped.code, 0);
      assert.match(stopped.shown, 'no pass-phrase was given');
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);

test.run();
