import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TargetFact } from '../../src/stack/facts.ts';
import { planSwitch, type Step, stackKey } from '../../src/stack/plan.ts';
import type { MountRecord } from '../../src/stack/record.ts';
import type { Generation, LayerRef, Target, Writing } from '../../src/stack/types.ts';

/**
 * Each file of test/plans: facts, a line `---`, and the exact plan.
 *
 *     mounted /usr a,b [base=none] [writing=persist] [nested=/usr/local,...] [hidden=...]    what is there now
 *     free /usr [nested=...]                                                                  a target without a stack
 *     want /usr a,b [base=none] [writing=persist]                                             what is wanted
 *     lacks a /etc                                                                            image a has no such subtree
 *     no-beneath
 *     fuse                                                                                    who is to mount; `mounted ... by=fuse`, `by=dead`
 */
const directory = join(import.meta.dirname, '../plans');
for (const file of readdirSync(directory))
  test(file, () => {
    const [facts = '', expected = ''] = readFileSync(join(directory, file), 'utf8').split('---\n');
    assert.is(planOf(facts), expected);
  });

function planOf(text: string): string {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
  const lacks = lines.filter(line => line.startsWith('lacks ')).map(line => line.slice('lacks '.length));
  const targets = new Map<string, TargetFact>();
  const wanted: Target[] = [];
  let layers: LayerRef[] = [];
  let writing: Writing = 'none';
  const upper = (path: string) => ({ upper: `/uppers${path}/upper`, work: `/uppers${path}/work-2` });

  for (const line of lines) {
    const [verb, path = '', names = '', ...rest] = line.split(/\s+/);
    const options = Object.fromEntries(
      [names, ...rest].filter(word => word.includes('=')).map(word => word.split('=')),
    );
    const list = (key: string) => (options[key] ? String(options[key]).split(',') : []);
    const target: Target = { path, base: options.base === 'none' ? 'none' : 'keep', from: path.slice(1) };
    const refs = names.includes('=') || names === '' ? [] : names.split(',').map(refOf);
    if (verb === 'mounted') {
      const own = options.writing ? upper(path) : null;
      const lowers = refs.filter(({ name }) => !lacks.includes(`${name} ${path}`));
      targets.set(path, {
        path,
        covers: [recordOf(path, stackKey(lowers, target, own), own?.upper ?? null, options.by)],
        nested: list('nested'),
        hidden: list('hidden'),
      });
    } else if (verb === 'free') targets.set(path, { path, covers: [], nested: list('nested'), hidden: [] });
    else if (verb === 'want') {
      wanted.push(target);
      if (refs.length > 0) layers = refs;
      if (options.writing) writing = options.writing as Writing;
    }
  }
  const generation: Generation = {
    number: 2,
    time: '',
    reason: '',
    previous: 1,
    profile: 'p',
    leftOut: [],
    layers,
    targets: wanted,
    writing,
  };
  const plan = planSwitch(
    {
      targets,
      upper,
      writers: 'report',
      beneath: !lines.includes('no-beneath'),
      backend: lines.includes('fuse') ? 'fuse' : 'kernel',
      served: ({ server }) => server?.pid !== 0,
      holds: (layer, from) => !lacks.includes(`${layer.name} /${from}`),
    },
    generation,
  );
  const kept = plan.kept.map(({ target }) => `keep ${target}\n`).join('');
  return kept + plan.steps.map(step => `${printStep(step)}\n`).join('');
}

function printStep(step: Step): string {
  switch (step.do) {
    case 'attach':
      return `attach ${step.layer.name}`;
    case 'base':
      return `base ${step.target} under ${step.covers}`;
    case 'assemble':
      return `assemble ${step.target} ${step.lowers.map(({ name }) => name).join(',')}${step.base ? ' over base' : ''}${step.upper ? ' writable' : ''}${step.nosuid ? ' nosuid' : ''}${step.inside ? ' inside' : ''}`;
    case 'writers':
      return `writers ${step.target} ${step.policy}`;
    case 'carry':
      return `carry ${step.mountPoint}`;
    case 'intend':
      return `intend ${step.generation.number}`;
    case 'swap':
      return `swap ${step.moves.map(({ target, how }) => `${target} ${how}`).join(', ')}`;
    case 'record':
      return `record ${step.generation}`;
    case 'seal':
      return `seal ${step.target}`;
  }
}

function refOf(name: string): LayerRef {
  return {
    name,
    version: '1',
    stamp: 'r26.11-G22095100',
    digest: name,
    image: `${name}-v1-r26.11-G22095100.img`,
  };
}

function recordOf(target: string, key: string, upper: string | null, by = 'kernel'): MountRecord {
  const identity = { id: 1, unique: '1', root: true, type: 'dir' } as const;
  const record = { target, identity, source: 'nanolin-1-00', key, generation: 1, upper };
  if (by === 'kernel') return { ...record, type: 'overlay' };
  const server = {
    pid: by === 'dead' ? 0 : 1,
    start: 1,
    socket: '/s',
    work: null,
    nosuid: false,
    base: null,
  };
  return { ...record, type: 'fuse.nanolin', server };
}

test.run();
