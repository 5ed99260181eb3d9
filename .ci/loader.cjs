#!/usr/bin/env node
// Runs the bundle from V8's code cache. V8 looks at no more than the source's length, so the cache names the bundle it was
// made of; without a cache that fits (another node, another build) the bundle is compiled as usual.
'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const filename = `${__dirname}/nanolin.bundle.cjs`;
const source = readFileSync(filename, 'latin1');
const digest = source.slice(-65, -1);

function cacheOfBundle() {
  try {
    const cache = readFileSync(`${__dirname}/nanolin.bundle.cache`);
    return cache.latin1Slice(0, 64) === digest ? cache.subarray(64) : undefined;
  } catch {
    return undefined;
  }
}

const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
  filename,
  cachedData: cacheOfBundle(),
});
script.runInThisContext().call(exports, exports, require, module, filename, __dirname);
// The bundle has put an object of its own into module.exports.
if (require.main === module) module.exports.main();
else module.exports.script = script;
