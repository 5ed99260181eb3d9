import { NanolinError } from '../error/index.ts';
import type { KeyReport } from '../index.ts';
import { type Command, one, value } from './command.ts';
import { type Block, type Piece, styled } from './paper.ts';
import { checkPassword, passwordFlags, readPassword } from './password.ts';

const nameWord = {
  name: 'NAME',
  names: 'key',
  about: 'name of a key, that of its file without .pub',
} as const;

/** As people read it out to each other: sixteen groups of four. */
const grouped = (fingerprint: string): string => fingerprint.replace(/....(?=.)/g, '$& ');

const creation: Command = {
  verb: ['key', 'new'],
  about: 'make a key to sign with; it asks for a pass-phrase. The key is trusted here from then on',
  words: [{ name: 'NAME', about: 'name of the new key' }],
  flags: {
    'no-password': { about: 'leave the secret key open: who can read it can sign' },
    ...passwordFlags,
  },
  example: 'nanolin key new release --no-password',
  check: checkPassword,
  async run(request, bench) {
    const name = one(request, 'NAME');
    const nanolin = await bench.open();
    const password = request.flags['no-password']
      ? null
      : await readPassword(request, bench, { of: name, twice: true });
    const report = await nanolin.key.create(name, { password });
    return { json: report, text: describe(report), summary: true };
  },
};

const list: Command = {
  verb: ['key', 'list'],
  about: 'the keys of this machine, and which ones are trusted',
  words: [],
  flags: {},
  example: 'nanolin key list',
  async run(_request, bench) {
    const keys = await (await bench.open()).key.list();
    return {
      json: keys,
      text:
        keys.length === 0
          ? [['no keys yet: `nanolin key trust` takes one, `nanolin key new` makes one']]
          : [{ head: ['key', 'trusted', 'secret', 'fingerprint'], rows: keys.map(row) }],
    };
  },
};

const row = ({ name, trusted, secret, fingerprint, problem }: KeyReport): Piece[] => [
  styled('strong', name),
  trusted ? styled('good', 'yes') : styled('warn', 'no'),
  secret === 'none' ? '-' : secret,
  fingerprint === null ? styled('bad', problem ?? 'no public key') : grouped(fingerprint),
];

const show: Command = {
  verb: ['key', 'show'],
  about: 'a key and its fingerprint: the SHA-256 of the 32 bytes of the public key',
  words: [nameWord],
  flags: {},
  example: 'nanolin key show release',
  async run(request, bench) {
    const report = await (await bench.open()).key.show(one(request, 'NAME'));
    return { json: report, text: describe(report) };
  },
};

const describe = ({ name, fingerprint, number, comment, trusted, secret, problem }: KeyReport): Block[] => [
  {
    rows: [
      [styled('dim', 'key'), styled('strong', name)],
      [styled('dim', 'fingerprint'), fingerprint === null ? '-' : grouped(fingerprint)],
      [styled('dim', 'number'), number ?? '-'],
      [styled('dim', 'comment'), comment ?? '-'],
      [styled('dim', 'trusted'), trusted ? styled('good', 'yes') : styled('warn', 'no')],
      [styled('dim', 'secret'), secrets[secret]],
      ...(problem === null ? [] : [[styled('bad', 'problem'), problem]]),
    ],
  },
];

const secrets: Record<KeyReport['secret'], string> = {
  none: 'not here',
  open: 'here, without a pass-phrase',
  sealed: 'here, with a pass-phrase',
};

const trust: Command = {
  verb: ['key', 'trust'],
  about: 'trust a public key, once its fingerprint is compared with what its owner says',
  words: [{ name: 'FILE', names: 'file', about: 'a public key of signify, NAME.pub' }],
  flags: { fingerprint: { value: 'HEX', about: 'trust it only if this is its fingerprint, and do not ask' } },
  example: 'nanolin key trust vendor.pub --yes',
  async run(request, bench) {
    const file = one(request, 'FILE');
    const { key } = await bench.open();
    const offer = await key.inspect(file);
    const given = value(request, 'fingerprint');
    if (given === undefined && !offer.trusted && !request.flags.yes) {
      const shown = grouped(offer.fingerprint);
      const said = await bench.asked(`${offer.name} has the fingerprint\n  ${shown}\ntrust it?`);
      if (said === false) return { json: null, text: [['not trusted']], exit: 1 };
      if (said === undefined)
        throw new NanolinError(
          'refused',
          `nobody said that the key in ${file} is the right one: its fingerprint is ${shown}`,
          'compare it with what its owner says, then give it with --fingerprint, or say --yes',
        );
    }
    const report = await key.trust(file, { fingerprint: given ?? offer.fingerprint });
    return { json: report, text: describe(report), summary: true };
  },
};

export const keyCommands: readonly Command[] = [creation, list, show, trust];
