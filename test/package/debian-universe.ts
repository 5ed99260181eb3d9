import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import type { Relation } from '../../src/formats/index.ts';
import type { Root } from '../../src/package/solve-terms.ts';
import type { Candidate, Requirement } from '../../src/package/universe.ts';

const helper = '/usr/lib/apt/apt-helper';
const status = '/var/lib/dpkg/status';

/** The Packages indexes that apt has here, inflated; none where there is no apt, or no list. */
async function readIndexes(): Promise<string[]> {
  if (!existsSync(helper)) return [];
  const { stdout } = await execa('apt-get', [
    'indextargets',
    '--format',
    '$(FILENAME)',
    'Created-By: Packages',
  ]);
  const files = stdout.split('\n').filter(file => file !== '' && existsSync(file));
  return Promise.all(
    files.map(async file => (await execa(helper, ['cat-file', file], { maxBuffer: 2 ** 30 })).stdout),
  );
}

/** Packages that dpkg has installed here. */
const readInstalled = (): string =>
  readFileSync(status, 'utf8')
    .split('\n\n')
    .filter(text => /^Status: .* installed$/m.test(text))
    .join('\n\n');

/** The stanzas of an index, or of dpkg's status, as candidates. Depends and the like are read when they are asked for. */
function parsePackages(text: string, source: string): Candidate[] {
  return text.split('\n\n').flatMap(stanza => {
    const name = field(stanza, 'Package');
    return name === '' ? [] : new Stanza(stanza, name, source);
  });
}

class Stanza implements Candidate {
  readonly name: string;
  readonly version: string;
  readonly stamp = '';
  readonly source: string;
  readonly provides: readonly Relation[];
  readonly replaces: readonly string[] = [];
  readonly #text: string;
  #requires: readonly Requirement[] | undefined;
  #conflicts: readonly Relation[] | undefined;

  constructor(text: string, name: string, source: string) {
    this.#text = text;
    this.name = name;
    this.source = source;
    this.version = withEpoch(field(text, 'Version'));
    this.provides = relations(field(text, 'Provides')).flat();
  }

  get requires(): readonly Requirement[] {
    this.#requires ??= [
      ...relations(field(this.#text, 'Pre-Depends')),
      ...relations(field(this.#text, 'Depends')),
    ];
    return this.#requires;
  }

  get conflicts(): readonly Relation[] {
    this.#conflicts ??= [
      ...relations(field(this.#text, 'Conflicts')),
      ...relations(field(this.#text, 'Breaks')),
    ].flat();
    return this.#conflicts;
  }
}

function field(stanza: string, name: string): string {
  const start = stanza.startsWith(`${name}: `) ? 0 : stanza.indexOf(`\n${name}: `) + 1;
  if (start === 0 && !stanza.startsWith(`${name}: `)) return '';
  const end = stanza.indexOf('\n', start);
  return stanza.slice(start + name.length + 2, end < 0 ? undefined : end);
}

/** Our order knows no epoch: as the first number of the version it decides first, which is what an epoch does. */
function withEpoch(version: string): string {
  const colon = version.indexOf(':');
  return colon < 0 ? `0.${version}` : `${version.slice(0, colon)}.${version.slice(colon + 1)}`;
}

const operators: Readonly<Record<string, NonNullable<Relation['op']>>> = {
  '=': '=',
  '>=': '>=',
  '<=': '<=',
  '>>': '>',
  '<<': '<',
};

function relations(text: string): Relation[][] {
  if (text === '') return [];
  return text.split(', ').map(group => group.split(' | ').map(relation));
}

function relation(text: string): Relation {
  const [, name = '', op = '', version = ''] =
    /^\s*([^\s:(]+)(?::\w+)?\s*(?:\(([<>=]+)\s*([^)]+)\))?/.exec(text) ?? [];
  const operator = operators[op];
  return operator === undefined
    ? { kind: 'name', name, op: null, version: null }
    : { kind: 'name', name, op: operator, version: withEpoch(version.trim()) };
}

export interface DebianScene {
  /** What is installed, then what apt could get. */
  readonly candidates: readonly Candidate[];
  readonly installed: readonly Candidate[];
  /** Everything that is installed stays. */
  readonly keep: readonly Root[];
}

/** This machine and the packages that apt knows; null where apt has no lists. */
export async function debianScene(): Promise<DebianScene | null> {
  const indexes = await readIndexes();
  if (indexes.length === 0) return null;
  const installed = parsePackages(readInstalled(), 'debian');
  const seen = new Set<string>();
  const candidates = [...installed, ...indexes.flatMap(text => parsePackages(text, 'debian'))].filter(
    ({ name, version }) => !seen.has(`${name} ${version}`) && seen.add(`${name} ${version}`),
  );
  const keep = installed.map(
    ({ name }): Root => ({
      requirement: [{ kind: 'name', name, op: null, version: null }],
      why: 'kept',
    }),
  );
  return { candidates, installed, keep };
}
