import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError, type OpenOptions } from '../../src/index.ts';
import { makeWorld, mountsBelow, read } from './world.ts';

/** What serves a union in user space, from the source as the tests are. */
export const program = [
  process.execPath,
  ...process.execArgv,
  join(import.meta.dirname, '../fuse/union-program.ts'),
];

/**
 * How a stack behaves, whatever mounts it. A backend, or a way of the kernel's that is forced, is put under it by its options;
 * `gaps` says whether that way can switch without one.
 */
export function stackContract(test: Test, name: string, options: OpenOptions, { gaps = false } = {}): void {
  const it = (behaviour: string, body: () => Promise<void>) => test(`${name}: ${behaviour}`, body);

  it('shows the layers of a profile over the base, and the bare base again', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base', both: 'base' });
    await world.layer('one', { 'from-one': 'one', both: 'one' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();

    const up = await nanolin.profile.switch('p');
    assert.equal(
      [read(`${target}/base`), read(`${target}/from-one`), read(`${target}/both`)],
      ['base', 'one', 'one'],
    );
    assert.equal([up.changed, up.generation, up.paths], [true, 1, { added: 1, removed: 0, changed: 1 }]);

    const down = await nanolin.rollback(0);
    assert.equal(
      [read(`${target}/base`), read(`${target}/from-one`), read(`${target}/both`)],
      ['base', 'ENOENT', 'base'],
    );
    assert.equal([down.profile, down.gap, down.paths], [null, false, { added: 0, removed: 1, changed: 1 }]);
    assert.equal(mountsBelow(target), []);
  });

  it('keeps the order of ENABLES: the last one named is topmost', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', {});
    for (const layer of ['a', 'b', 'c']) await world.layer(layer, { who: layer, [layer]: layer });
    world.profile('abc', `TARGETS ${target} from=/`, 'ENABLES a b c');
    world.profile('cab', `TARGETS ${target} from=/`, 'ENABLES c a b');
    const nanolin = await world.open();
    await nanolin.profile.switch('abc');
    assert.is(read(`${target}/who`), 'c');
    const second = await nanolin.profile.switch('cab');
    assert.is(read(`${target}/who`), 'b');
    assert.is(second.gap, gaps);
    assert.is(mountsBelow(target).length, 1);
    assert.equal(
      (await nanolin.status()).targets.map(({ layers }) => layers.map(layer => layer.name)),
      [['b', 'a', 'c']],
    );
  });

  it('says "already so" and mounts nothing when nothing has to change', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    await world.layer('one', { one: 'one' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    const again = await nanolin.profile.switch('p');
    assert.equal([again.changed, again.generation], [false, 1]);
    assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), before);
  });

  it("switches several targets in one go and takes each image's own subtree", async () => {
    await using world = await makeWorld(options);
    const usr = world.directory('usr', { base: 'usr' });
    const etc = world.directory('etc', { base: 'etc' });
    await world.layer('app', { 'usr/bin/app': 'binary', 'etc/app.conf': 'settings' });
    await world.layer('lib', { 'usr/lib/x.so': 'library' });
    world.profile('p', `TARGETS ${usr} from=/usr`, `TARGETS ${etc} from=/etc`, 'ENABLES lib app');
    world.profile('q', `TARGETS ${usr} from=/usr`, 'ENABLES lib');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    assert.equal(
      [read(`${usr}/bin/app`), read(`${usr}/lib/x.so`), read(`${etc}/app.conf`), read(`${etc}/base`)],
      ['binary', 'library', 'settings', 'etc'],
    );
    await nanolin.profile.switch('q');
    assert.equal(
      [read(`${usr}/bin/app`), read(`${usr}/lib/x.so`), read(`${etc}/app.conf`), read(`${etc}/base`)],
      ['ENOENT', 'library', 'ENOENT', 'etc'],
    );
    assert.is(mountsBelow(etc).length, 0);
  });

  it('mounts a single layer over nothing with base=none', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('app', { hidden: 'base' });
    await world.layer('app', { run: 'app' });
    world.profile('p', `TARGETS ${target} from=/ base=none`, 'ENABLES app');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    assert.equal([read(`${target}/run`), read(`${target}/hidden`)], ['app', 'ENOENT']);
    assert.is(mountsBelow(target).length, 1);
  });

  it('is read-only without WRITING: every change is EROFS', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    await world.layer('one', { one: 'one' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    await (await world.open()).profile.switch('p');
    for (const change of [
      () => writeFileSync(`${target}/new`, ''),
      () => writeFileSync(`${target}/base`, ''),
      () => mkdirSync(`${target}/d`),
    ])
      assert.throws(change, (error: NodeJS.ErrnoException) => error.code === 'EROFS');
  });

  it('keeps what was written to a persist stack, and forgets a volatile one with its profile', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('srv', { base: 'base' });
    for (const layer of ['one', 'two']) await world.layer(layer, { [layer]: layer });
    for (const writing of ['persist', 'volatile'])
      world.profile(writing, `TARGETS ${target} from=/`, 'ENABLES one', `WRITING ${writing}`);
    const nanolin = await world.open();
    for (const profile of ['persist', 'volatile']) {
      await nanolin.profile.switch(profile);
      writeFileSync(`${target}/note`, profile);
      writeFileSync(`${target}/base`, 'changed');
      await nanolin.enable(['two']);
      assert.equal(
        [read(`${target}/note`), read(`${target}/base`), read(`${target}/two`)],
        [profile, 'changed', 'two'],
      );
      await nanolin.rollback(0);
      assert.equal([read(`${target}/note`), read(`${target}/base`)], ['ENOENT', 'base']);
      await nanolin.profile.switch(profile);
      assert.is(read(`${target}/note`), profile === 'persist' ? 'persist' : 'ENOENT');
    }
  });

  it('names who writes to a stack that is replaced, and refuses or waits when told to', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('srv', { base: 'base' });
    for (const layer of ['one', 'two', 'three', 'four']) await world.layer(layer, { [layer]: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one', 'WRITING persist');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    const fd = openSync(`${target}/log`, 'a');
    writeSync(fd, 'first\n');
    await refused('writers-active', nanolin.enable(['two'], { writers: 'refuse' }));
    assert.equal([(await nanolin.status()).generation, mountsBelow(target).length], [1, 1]);

    const result = await nanolin.enable(['two'], { writers: 'report' });
    assert.equal(
      result.writers
        .filter(({ pid }) => pid === process.pid)
        .map(({ generation, paths }) => [generation, paths]),
      [[1, [`${target}/log`]]],
    );
    // What is written through the old stack still lands in the same upper file.
    writeSync(fd, 'second\n');
    assert.is(read(`${target}/log`), 'first\nsecond\n');
    closeSync(fd);

    const late = openSync(`${target}/log`, 'a');
    setTimeout(() => closeSync(late), 300);
    const waited = await nanolin.enable(['three'], { writers: 'wait' });
    assert.equal([waited.writers, read(`${target}/three`)], [[], 'three']);
    await nanolin.enable(['four'], { writers: 'refuse' });
  });

  it('carries what is mounted inside a target over to each next stack', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { 'local/': '', base: 'base' });
    for (const layer of ['one', 'two']) await world.layer(layer, { [layer]: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    execFileSync('mount', ['-t', 'tmpfs', 'nested', `${target}/local`]);
    mkdirSync(`${target}/local/deeper`);
    execFileSync('mount', ['-t', 'tmpfs', 'deeper', `${target}/local/deeper`]);
    writeFileSync(`${target}/local/deeper/kept`, 'kept');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    assert.is(read(`${target}/local/deeper/kept`), 'kept');
    await nanolin.enable(['two']);
    assert.equal([read(`${target}/local/deeper/kept`), read(`${target}/two`)], ['kept', 'two']);
    await nanolin.rollback(0);
    assert.is(read(`${target}/local/deeper/kept`), 'kept');
    assert.is(mountsBelow(target).length, 2);
  });

  it('carries what was mounted inside a stack back to the bare base', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { 'local/': '', base: 'base' });
    await world.layer('one', { one: 'one' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    execFileSync('mount', ['-t', 'tmpfs', 'nested', `${target}/local`]);
    writeFileSync(`${target}/local/kept`, 'kept');
    await nanolin.rollback(0);
    assert.is(read(`${target}/local/kept`), 'kept');
    assert.is(mountsBelow(target).length, 1);
  });

  it('refuses to lose a nested mount whose directory the next stack lacks', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('app', {});
    await world.layer('one', { 'data/': '' });
    await world.layer('two', { two: 'two' });
    world.profile('p', `TARGETS ${target} from=/ base=none`, 'ENABLES one');
    world.profile('q', `TARGETS ${target} from=/ base=none`, 'ENABLES two');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    execFileSync('mount', ['-t', 'tmpfs', 'nested', `${target}/data`]);
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    await refused('conflict', nanolin.profile.switch('q'));
    assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    assert.is((await nanolin.status()).profile, 'p');
  });

  it('takes a mount point as a target, with its contents as the base', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('opt', {});
    execFileSync('mount', ['-t', 'tmpfs', 'opt', target]);
    writeFileSync(`${target}/base`, 'disk');
    for (const layer of ['one', 'two']) await world.layer(layer, { who: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    await nanolin.swap('one', 'two');
    assert.equal([read(`${target}/base`), read(`${target}/who`)], ['disk', 'two']);
    await nanolin.rollback(0);
    assert.equal([read(`${target}/base`), read(`${target}/who`)], ['disk', 'ENOENT']);
    assert.is(mountsBelow(target).length, 1);
  });

  it('leaves an open file on the old stack, names its holder, and forgets both when it is closed', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['old', 'new']) await world.layer(layer, { who: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES old');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    const fd = openSync(`${target}/who`, 'r');
    const result = await nanolin.swap('old', 'new');
    const buffer = Buffer.alloc(3);
    readSync(fd, buffer, 0, 3, 0);
    assert.equal([buffer.toString(), read(`${target}/who`)], ['old', 'new']);
    const mine = (holders: typeof result.holders) =>
      holders
        .filter(({ pid }) => pid === process.pid)
        .map(({ generation, paths }) => [generation, paths.some(path => path.includes('who'))]);
    assert.equal(mine(result.holders), [[1, true]]);
    assert.equal(mine((await nanolin.status()).holders), [[1, true]]);
    closeSync(fd);
    assert.equal(mine((await nanolin.status()).holders), []);
  });

  it('leaves a bad image out and brings the rest up, or refuses with strict', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['good', 'bad']) await world.layer(layer, { [layer]: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES good bad');
    const nanolin = await world.open();
    const { image } = await nanolin.layer.show('bad');
    const path = join(world.root, 'var/lib/nanolin/layers', image);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    execFileSync('chmod', ['u+w', path]);
    writeFileSync(path, bytes);
    execFileSync('chmod', ['u-w', path]);
    await refused('image-changed', nanolin.profile.switch('p', { strict: true }));
    assert.equal(mountsBelow(target), []);
    const result = await nanolin.profile.switch('p');
    assert.equal(
      result.leftOut.map(({ layer, code }) => [layer, code]),
      [['bad', 'image-changed']],
    );
    assert.equal([read(`${target}/good`), read(`${target}/bad`)], ['good', 'ENOENT']);
    assert.is((await nanolin.status()).health, 'degraded');
  });

  it('goes one generation further back with each rollback', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['a', 'b', 'c']) {
      await world.layer(layer, { who: layer });
      world.profile(layer, `TARGETS ${target} from=/`, `ENABLES ${layer}`);
    }
    const nanolin = await world.open();
    for (const layer of ['a', 'b', 'c']) await nanolin.profile.switch(layer);
    for (const who of ['b', 'a', 'ENOENT']) {
      await nanolin.rollback();
      assert.is(read(`${target}/who`), who);
    }
    await nanolin.rollback(3);
    assert.is(read(`${target}/who`), 'c');
    await refused('generation-missing', nanolin.rollback(99));
    assert.is((await nanolin.history()).length, 7);
  });

  it('switches back by itself when HEALTHY fails', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['fine', 'sick']) await world.layer(layer, { who: layer });
    world.profile(
      'fine',
      `TARGETS ${target} from=/`,
      'ENABLES fine',
      'HEALTHY',
      `\tgrep -q fine ${target}/who`,
    );
    world.profile(
      'sick',
      `TARGETS ${target} from=/`,
      'ENABLES sick',
      'HEALTHY timeout=5s',
      '\techo no good; exit 3',
    );
    const nanolin = await world.open();
    assert.is((await nanolin.profile.switch('fine')).rolledBack, null);
    const result = await nanolin.profile.switch('sick');
    assert.equal([result.profile, result.generation, result.rolledBack?.from], ['fine', 3, 2]);
    assert.match(result.rolledBack?.message ?? '', /exit code 3: no good/);
    assert.is(read(`${target}/who`), 'fine');
  });

  it('loses nothing of a volatile stack when the next one is switched back from', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('srv', { base: 'base' });
    for (const layer of ['one', 'sick']) await world.layer(layer, { who: layer });
    world.profile('one', `TARGETS ${target} from=/`, 'ENABLES one', 'WRITING volatile');
    world.profile('sick', `TARGETS ${target} from=/`, 'ENABLES sick', 'HEALTHY', '\tfalse');
    const nanolin = await world.open();
    await nanolin.profile.switch('one');
    writeFileSync(`${target}/note`, 'mine');
    assert.is((await nanolin.profile.switch('sick')).rolledBack?.from, 2);
    assert.equal([read(`${target}/who`), read(`${target}/note`)], ['one', 'mine']);
  });

  it('says what is wrong with a target, and changes nothing', async () => {
    await using world = await makeWorld(options);
    const real = world.directory('real', { file: 'file' });
    symlinkSync(real, join(world.live, 'link'));
    await world.layer('one', { one: 'one' });
    const targets = {
      missing: ['target-missing', join(world.live, 'nowhere')],
      file: ['target-invalid', join(real, 'file')],
      link: ['target-invalid', join(world.live, 'link')],
    };
    const nanolin = await world.open();
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    for (const [profile, [code, path]] of Object.entries(targets)) {
      world.profile(profile, `TARGETS ${path} from=/`, 'ENABLES one');
      await refused(code ?? '', nanolin.profile.switch(profile));
    }
    world.profile('inside', `TARGETS ${real} ${join(real, 'deeper')}`, 'ENABLES one');
    await refused('target-invalid', nanolin.profile.switch('inside'));
    assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    assert.equal(await nanolin.history(), []);
  });

  it('does not touch what somebody else mounted over a stack', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['one', 'two']) await world.layer(layer, { [layer]: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    await refused('foreign-mount', nanolin.enable(['two']));
    assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    execFileSync('umount', [target]);
    await nanolin.enable(['two']);
    assert.is(read(`${target}/two`), 'two');
  });

  it('mounts the committed generation again when somebody unmounted it', async () => {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    await world.layer('one', { one: 'one' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    execFileSync('umount', [target]);
    assert.equal([read(`${target}/one`), (await nanolin.status()).recovery.length], ['ENOENT', 1]);
    const result = await nanolin.profile.restore();
    assert.equal([read(`${target}/one`), result.generation], ['one', 1]);
    assert.equal((await nanolin.status()).recovery, []);
  });
}

export async function refused(code: string, promise: Promise<unknown>): Promise<void> {
  const error = await promise.then(
    () => null,
    thrown => thrown,
  );
  assert.instance(error, NanolinError);
  assert.is(
    (error as NanolinError).code,
    code,
    `${(error as NanolinError).code}: ${(error as NanolinError).message}`,
  );
  assert.ok((error as NanolinError).hint, 'an error says what to do');
}
