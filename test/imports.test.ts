import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commonDoors, rooms } from './rooms.ts';

interface Import {
  readonly from: string;
  readonly to: string;
}

const src = resolve(dirname(fileURLToPath(import.meta.url)), '../src');

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));

/** What lies in src/ itself is the library. */
const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : 'index');

/** Static, dynamic and type imports and re-exports, as the compiler sees them. */
function importsOf(file: string, text: string): Import[] {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => ({ from: file, to: normalize(join(dirname(file), fileName)) }));
}

function wrong({ from, to }: Import): string | undefined {
  if (to === '../package.json') return undefined;
  const [here, there] = [from, to].map(file => rooms.find(({ room }) => room === roomOf(file)));
  if (!here || !there) return `${from}: ${to} is in no room of test/rooms.ts`;
  if (here === there) return undefined;
  if (here.level >= there.level) return `${from} imports ${to}: ${here.room} is not above ${there.room}`;
  if (there.room === 'index') return undefined;
  const doors: readonly string[] = [...commonDoors, ...(there.doors ?? [])];
  return doors.some(door => to === `${there.room}/${door}.ts`)
    ? undefined
    : `${from} enters ${there.room} through ${to}`;
}

test('every import goes down the list of rooms and enters through a door', () => {
  const imports = sources.flatMap(file => importsOf(file, readFileSync(join(src, file), 'utf8')));
  assert.ok(imports.length > 50, `${imports.length} imports were found`);
  assert.equal(imports.map(wrong).filter(Boolean), []);
});

test('an import upwards, sideways or through a window is seen, also a dynamic one and a type', () => {
  const seen = (file: string, text: string) => importsOf(file, text).map(wrong);
  assert.match(seen('layer/a.ts', "import { x } from '../stack/index.ts';")[0] ?? '', 'not above');
  assert.match(seen('cli/a.ts', "await import('../start/index.ts');")[0] ?? '', 'not above');
  assert.match(seen('stack/a.ts', "import type { X } from '../layer/record.ts';")[0] ?? '', 'enters layer');
  assert.match(seen('stack/a.ts', "export * from '../unknown/index.ts';")[0] ?? '', 'in no room');
  assert.equal(seen('stack/a.ts', "import { x } from '../layer/index.ts';"), [undefined]);
});

test.run();
