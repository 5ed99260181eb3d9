// limit: 900s
/** 1,500 operations for each of two seeds on each mount; 12,000 for each of six with NANOLIN_LONG=1, which also rotates with six seeds. NANOLIN_SEED=N runs one seed. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { nameLayers, nameScript, opaque } from './name-operations.ts';
import { difference, long, play, type Script, seeds, shortened } from './script.ts';
import { type Backend, digest, makeUnion, noUnion, over, run, timeless, type Union } from './union.ts';

const test = suite('union: random operations on names');
const [runs, steps] = long ? [6, 12_000] : [2, 1500];

/** What marks a layer's files: user.overlay.* needs no privilege (the mount option userxattr). */
type Marks = 'trusted' | 'user';

for (const marks of ['trusted', 'user'] as const)
  for (const backend of ['kernel', 'fuse'] as const)
    for (const seed of seeds(marks === 'trusted' || long ? runs : 1))
      needs(test, noUnion)(
        `18 31 45 ${steps} operations give what a plain directory gives, ${marks} marks, seed ${seed} [${backend}]`,
        async () => {
          const script = nameScript(seed, steps, backend === 'fuse');
          const wrong = (tried: Script) => disagreement(backend, marks, tried);
          const found = await wrong(script);
          if (!found) return;
          const part = await shortened(script, async tried => (await wrong(tried)) !== null);
          assert.unreachable(`seed ${seed}: ${found}\nshortest:\n${part.join('\n')}\n${await wrong(part)}`);
        },
      );

/** What a script shows of a union and not of a plain directory, or null; then what is left of both, in four views of the union. */
async function disagreement(backend: Backend, marks: Marks, script: Script): Promise<string | null> {
  await using union = await makeUnion(backend, nameLayers, null);
  for (const [layer, paths] of opaque.entries())
    for (const path of paths)
      execFileSync('setfattr', [
        '-n',
        `${marks}.overlay.opaque`,
        '-v',
        'y',
        `${union.lowers[layer]}/${path}`,
      ]);
  const how = marks === 'user' ? ',userxattr' : '';
  const plain = plainCopy(union, how);
  const options = over(union.lowers, union.scratch) + how;
  await union.mount(options);
  const found = difference(play({ path: union.merged }, script), play({ path: plain, marked: true }, script));
  if (found)
    return `${found.line}: ${script[found.line]}: ${found.union}, on a plain directory ${found.plain}`;

  const expected = walk(plain);
  const numbers = inodes(union.merged);
  let wrong = unlike(walk(union.merged), expected, 'at the end');
  await union.unmount();
  await union.mount(options);
  wrong ??= unlike(walk(union.merged), expected, 'after a remount');
  wrong ??= unlike(inodes(union.merged), numbers, 'in numbers after a remount');
  await union.unmount();
  mountOther(union, options);
  wrong ??= unlike(walk(union.merged), expected, 'mounted by the other one');
  if (union.lowers.some((path, at) => digest(path) !== union.before[at])) wrong ??= 'a lower was changed';
  return wrong;
}

const ROUNDS = 9;
for (const backend of ['kernel', 'fuse'] as const)
  for (const seed of seeds(long ? 6 : 1))
    needs(test, noUnion)(
      `77 the upper becomes the top lower nine times, ${steps / 10} operations in between, seed ${seed} [${backend}]`,
      async () => {
        // Of lower hard links the name that is written to breaks off (src/fuse/README.md).
        const script = nameScript(seed, (ROUNDS * steps) / 10, backend === 'fuse').filter(
          line => !line.startsWith('link '),
        );
        await using union = await makeUnion(backend, nameLayers, null);
        const plain = plainCopy(union);
        const lowers = [...union.lowers];
        for (let round = 0; round < ROUNDS; round++) {
          const place = `${union.scratch}/round${round}`;
          markDirectories(plain);
          await union.mount(over(lowers, place));
          const part = script.slice((round * steps) / 10, ((round + 1) * steps) / 10);
          const found = difference(
            play({ path: union.merged }, part),
            play({ path: plain, marked: true }, part),
          );
          assert.is(
            found && `${part[found.line]}: ${found.union}, on a plain directory ${found.plain}`,
            null,
          );
          assert.is(unlike(walk(union.merged), walk(plain), `after round ${round}`), null);
          await union.unmount();
          lowers.unshift(`${place}/upper`);
        }
        assert.equal(union.lowers.map(digest), union.before, 'a lower was changed');
      },
    );

/** What the kernel shows of the lowers; their directories are marked for operate.c. */
function plainCopy({ lowers, merged, scratch }: Union, how = ''): string {
  const plain = `${scratch}/plain`;
  mkdirSync(plain);
  execFileSync('mount', ['-t', 'overlay', 'o', '-o', `lowerdir=${lowers.join(':')}${how}`, merged]);
  execFileSync('cp', ['-aT', merged, plain]);
  execFileSync('umount', [merged]);
  markDirectories(plain);
  return plain;
}

function markDirectories(plain: string): void {
  const mark = ['setfattr', '-n', 'trusted.lower', '-v', 'y'];
  execFileSync('find', [plain, '-type', 'd', '-exec', ...mark, '{}', '+']);
}

function mountOther({ backend, merged }: Union, options: string): void {
  if (backend === 'kernel') assert.match(run('--backend', 'fuse', '-o', options, merged), /^mounted/);
  else execFileSync('mount', ['-t', 'overlay', 'o', '-o', `${options},index=off,metacopy=off`, merged]);
}

/** Names, types, modes, owners, contents, targets, links and attributes; no times, no numbers. */
function walk(directory: string): string[] {
  const attributes = execFileSync('getfattr', ['-R', '-P', '-h', '-d', '-e', 'hex', '.'], {
    cwd: directory,
    encoding: 'utf8',
  });
  return [
    ...timeless(directory),
    ...attributes
      .split('\n\n')
      .map(each => each.split('\n').sort().join(' '))
      .sort(),
    ...links(directory),
  ];
}

const below = (directory: string): string[] =>
  execFileSync('find', ['.', '-mindepth', '1'], { cwd: directory, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .sort();

const links = (directory: string): string[] =>
  below(directory)
    .map(name => [name, lstatSync(`${directory}/${name}`)] as const)
    .filter(([, stats]) => !stats.isDirectory())
    .map(([name, stats]) => `${name} has ${stats.nlink}`);

const inodes = (directory: string): string[] =>
  below(directory).map(name => `${name} is ${lstatSync(`${directory}/${name}`).ino}`);

function unlike(seen: readonly string[], expected: readonly string[], when: string): string | null {
  const [more, less] = [
    seen.filter(line => !expected.includes(line)),
    expected.filter(line => !seen.includes(line)),
  ];
  return more.length + less.length === 0
    ? null
    : `${when}: shows ${more.join('; ')} and not ${less.join('; ')}`;
}

test.run();
