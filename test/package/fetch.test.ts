import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageFrom, parseRecipe } from '../../src/formats/index.ts';
import { type FetchOptions, fetchSource } from '../../src/package/fetch.ts';
import { isRefusedAddress, redirectTarget } from '../../src/package/fetch-address.ts';
import { cachePath, partialPath } from '../../src/package/fetch-cache.ts';
import { download, httpLimits } from '../../src/package/fetch-http.ts';
import { refusal } from '../layer/store.ts';
import { contextBelow } from './workshop.ts';

const content = randomBytes(200_000);
const sha256 = createHash('sha256').update(content).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly url: string;
  readonly asked: string[];
  fetch(get: string, options?: Partial<FetchOptions>): ReturnType<typeof fetchSource>;
  readonly ctx: ReturnType<typeof contextBelow>;
}

/** A server that answers as it is told, and a cache. */
async function openPlace(answer: Answer): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-fetch-'));
  const recipes = join(directory, 'recipes');
  mkdirSync(recipes);
  const ctx = contextBelow(join(directory, 'root'));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    answer(request, response);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    directory,
    url,
    asked,
    ctx,
    fetch(get, options = {}) {
      const file = join(recipes, 'x.rcp');
      const [item] = packageFrom(parseRecipe(`PACKAGE x\nVERSION 1\nGETFILE ${get}\n`, { file })).folder;
      if (item?.do !== 'get') throw new Error('no GETFILE');
      return fetchSource(ctx, item, { recipe: file, ...options });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const whole: Answer = (_, response) => response.end(content);

/** Sends a part, then breaks the connection, `times` times; understands ranges. */
function breaking(times: number): Answer {
  let left = times;
  return (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': content.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    if (left-- <= 0) return response.end(content.subarray(from));
    return response.write(content.subarray(from, from + 50_000), () => response.destroy());
  };
}

test('a source is fetched once and lies in the cache by its hash', async () => {
  await using place = await openPlace(whole);
  const get = `${place.url}/greet.tar.gz sha256=${sha256}`;
  assert.equal(await place.fetch(get), [{ name: 'greet.tar.gz', sha256 }]);
  assert.ok(readFileSync(cachePath(place.ctx, sha256)).equals(content));
  await place.fetch(`${get} as=other`);
  assert.equal(place.asked, ['/greet.tar.gz']);
});

test('a connection that breaks is taken up where it ended', async () => {
  await using place = await openPlace(breaking(2));
  await place.fetch(`${place.url}/x sha256=${sha256}`);
  assert.is(place.asked.length, 3);
  assert.match(place.asked[2] ?? '', /bytes=\d+-$/);
});

test('what an earlier run left of another file is thrown away', async () => {
  await using place = await openPlace(breaking(0));
  writeFileSync(partialPath(place.ctx, sha256), randomBytes(1000));
  await place.fetch(`${place.url}/x sha256=${sha256}`);
  assert.ok(readFileSync(cachePath(place.ctx, sha256)).equals(content));
});

test('a server that ignores the range, or answers another one', async () => {
  await using plain = await openPlace(whole);
  writeFileSync(partialPath(plain.ctx, sha256), content.subarray(0, 1000));
  await plain.fetch(`${plain.url}/x sha256=${sha256}`);
  await using wrong = await openPlace((request, response) => {
    if (!request.headers.range) return response.end(content);
    response.writeHead(206, { 'content-range': 'bytes 5-9/10' });
    return response.end('wrong');
  });
  writeFileSync(partialPath(wrong.ctx, sha256), content.subarray(0, 1000));
  assert.match(
    (await refusal(wrong.fetch(`${wrong.url}/x sha256=${sha256}`))).message,
    'another part of the file',
  );
});

test('another hash than the pinned one is refused, and nothing is kept', async () => {
  await using place = await openPlace((_, response) => response.end('<html>log in</html>'));
  const error = await refusal(place.fetch(`${place.url}/x sha256=${sha256}`));
  assert.is(error.code, 'refused');
  assert.match(error.message, `${sha256} is pinned`);
  assert.equal(readdirSync(join(place.ctx.paths.state, 'sources')), ['partial']);
  assert.equal(readdirSync(join(place.ctx.paths.state, 'sources/partial')), []);
});

test('without a hash nothing is fetched, unless that is allowed', async () => {
  await using place = await openPlace(whole);
  assert.match((await refusal(place.fetch(`${place.url}/x`))).message, 'has no sha256=');
  assert.equal(place.asked, []);
  assert.equal(await place.fetch(`${place.url}/x`, { allowUnpinned: true }), [{ name: 'x', sha256 }]);
});

test('redirects: to a file, to the link, round and round; an honest one is followed', async () => {
  for (const [to, words] of [
    ['file:///etc/shadow', 'redirects to a file: address'],
    ['http://169.254.169.254/latest/meta-data', 'address of the machine itself'],
    ['http://[::ffff:169.254.169.254]/', 'address of the machine itself'],
    ['http://2852039166/', 'address of the machine itself'],
    ['/again', 'redirects more than 8 times'],
    ['', 'redirects'],
  ] as const) {
    await using place = await openPlace((_, response) => response.writeHead(302, { location: to }).end());
    const error = await refusal(place.fetch(`${place.url}/x sha256=${sha256}`));
    assert.is(error.code, 'refused', to);
    assert.match(error.message, words);
    assert.ok(place.asked.length <= 9);
  }
  await using honest = await openPlace((request, response) =>
    request.url === '/x' ? response.writeHead(301, { location: '../y/../z' }).end() : response.end(content),
  );
  await honest.fetch(`${honest.url}/x sha256=${sha256}`);
  assert.equal(honest.asked, ['/x', '/z']);
});

test('a body without end, one that is longer than it says, one that does not come', async () => {
  const endless: Answer = (_, response) => {
    const more = () => response.write(content, () => !response.destroyed && more());
    more();
  };
  const limits = { ...httpLimits, bytes: 2_000_000, idleMs: 200, totalMs: 2000, retries: 0 };
  await using bomb = await openPlace(endless);
  const file = join(bomb.directory, 'file');
  assert.match(
    (await refusal(download(bomb.ctx, `${bomb.url}/x`, file, limits))).message,
    'more than 2000000 bytes',
  );
  assert.ok(readFileSync(file).length <= 2_000_000);
  await using said = await openPlace((_, response) =>
    response.writeHead(200, { 'content-length': '9999999999' }).write('x'),
  );
  assert.match(
    (await refusal(download(said.ctx, `${said.url}/x`, `${file}2`, limits))).message,
    'more than 2000000 bytes',
  );
  await using silent = await openPlace((_, response) => response.writeHead(200).write('x'));
  assert.match(
    (await refusal(download(silent.ctx, `${silent.url}/x`, `${file}3`, limits))).message,
    'cannot be fetched',
  );
});

test('what is not there is said at once, a server that fails is asked again', async () => {
  await using gone = await openPlace((_, response) => response.writeHead(404).end());
  assert.is((await refusal(gone.fetch(`${gone.url}/x sha256=${sha256}`))).code, 'source-missing');
  assert.is(gone.asked.length, 1);
  let failures = 2;
  await using tired = await openPlace((_, response) =>
    failures-- > 0 ? response.writeHead(503).end() : response.end(content),
  );
  await tired.fetch(`${tired.url}/x sha256=${sha256}`);
});

test('a file: source lies in the directory of its recipe, also behind a link', async () => {
  await using place = await openPlace(whole);
  const recipes = join(place.directory, 'recipes');
  writeFileSync(join(recipes, 'beside'), content);
  symlinkSync('/etc/passwd', join(recipes, 'link'));
  symlinkSync('/etc', join(recipes, 'etc'));
  assert.equal(await place.fetch(`file:beside sha256=${sha256}`), [{ name: 'beside', sha256 }]);
  for (const path of [
    'file:///etc/shadow',
    'file:/etc/shadow',
    'file:../../../../../../etc/passwd',
    'file:link',
    'file:etc/passwd',
  ])
    assert.match(
      (await refusal(place.fetch(`${path} sha256=${sha256}`))).message,
      'not in the directory of its recipe',
      path,
    );
  const elsewhere = join(place.directory, 'elsewhere');
  writeFileSync(elsewhere, content);
  await place.fetch(`file:${elsewhere} sha256=${sha256}`, { allowFiles: true });
});

test('a cached source that was changed is fetched again', async () => {
  await using place = await openPlace(whole);
  const get = `${place.url}/x sha256=${sha256}`;
  await place.fetch(get);
  writeFileSync(cachePath(place.ctx, sha256), 'rotten', { mode: 0o644 });
  const { copyFromCache } = await import('../../src/package/fetch-cache.ts');
  assert.is(await copyFromCache(place.ctx, sha256, join(place.directory, 'copy')), false);
  assert.is(existsSync(join(place.directory, 'copy')), false);
  await place.fetch(get);
  assert.is(await copyFromCache(place.ctx, sha256, join(place.directory, 'copy')), true);
});

test('addresses of the machine and its link, and redirects from safe to unsafe', () => {
  for (const address of [
    '169.254.169.254',
    'fe80::1',
    '0.0.0.0',
    '::',
    '::ffff:169.254.1.1',
    'fd00:ec2::254',
  ])
    assert.ok(isRefusedAddress(address), address);
  for (const address of ['127.0.0.1', '192.0.2.1', '2001:db8::1', 'example.org'])
    assert.not.ok(isRefusedAddress(address), address);
  assert.equal(redirectTarget('https://a/', 'http://a/'), { why: 'redirects from https to http' });
  assert.equal(redirectTarget('https://a/', undefined), { why: 'redirects to nowhere' });
});

test.run();
