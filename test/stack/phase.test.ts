import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Phase, phaseOf, type Remedy, type Role, remedyFor } from '../../src/stack/phase.ts';

const swap = { old: 'o', next: 'n' };
const fresh = { old: null, next: 'n' };
const off = { old: 'o', next: null };

const phases: readonly (readonly [string, object, readonly Role[], Phase])[] = [
  ['nothing happened', swap, ['old'], 'before'],
  ['the new one lies beneath', swap, ['old', 'next'], 'beneath'],
  ['the old one is detached', swap, ['next'], 'done'],
  ['an undo placed its clone', swap, ['next', 'clone'], 'undoing'],
  ['an undo is through', swap, ['clone'], 'before'],
  ['an undo was made twice', swap, ['clone', 'next'], 'beneath'],
  ['detached, not yet mounted (no beneath)', swap, [], 'lost'],
  ['not yet mounted', fresh, [], 'before'],
  ['mounted', fresh, ['next'], 'done'],
  ['not yet taken off', off, ['old'], 'before'],
  ['taken off', off, [], 'done'],
];
for (const [what, move, chain, phase] of phases)
  test(`phase: ${what}`, () => assert.is(phaseOf(move as typeof swap, chain), phase));

const remedies: readonly (readonly [readonly Phase[], Remedy])[] = [
  [[], 'forget'],
  [['before', 'before'], 'forget'],
  [['beneath', 'before'], 'undo'],
  [['beneath', 'beneath'], 'undo'],
  [['undoing', 'before'], 'undo'],
  [['done', 'beneath'], 'finish'],
  [['done', 'done'], 'finish'],
  [['done', 'before'], 'apply'],
  [['done', 'lost'], 'apply'],
  [['lost', 'before'], 'apply'],
  [['undoing', 'done'], 'apply'],
];
for (const [found, remedy] of remedies)
  test(`${found.join(', ') || 'no target'}: ${remedy}`, () => assert.is(remedyFor(found), remedy));

test.run();
